"""bench/run.py: a real run on a small simulated board, what it keeps when a part fails, its errors."""

import pytest

from volley.firmware import boards, modelfile
from volley.firmware.files import PRETRAINED

PES = boards.load("ulx3s").design.pes


@pytest.fixture
def quick(run, monkeypatch):
    """run.main on MNIST without data sets or boards: black pictures, and boards' figures given."""
    black = run.np.zeros((20, 1, 28, 28), run.np.uint8)
    monkeypatch.setattr(run.datasets, "load", lambda *_: (black, black[:, 0, 0, 0]))
    given = dict.fromkeys(
        "cycles above use latency_ms images_s link_s end_to_end_s plain_bytes bytes "
        "simulated_cycles_s".split(),
        7,
    )
    monkeypatch.setattr(run, "on_board", lambda *_: given)
    return lambda *more: run.main(["--models", "mnist", "--boards", "ulx3s", "arty", *more])


def test_tables_have_sources(run):
    """Every published row names its source, and every table is whole."""
    lines = run.published.lines()
    assert len({line.count("|") for line in lines}) == 1
    for row in run.published.ROWS:
        assert "arXiv" in row[-1] or "MLPerf Tiny" in row[-1]
    assert "3.42 mJ" in lines[2]


def test_page_is_whole(run, quick, tmp_path, capsys):
    """All parts in one page: the core's images/s stand beside the link's and those end to end."""
    out = tmp_path / "r.md"
    assert quick("--write", str(out)) == 0
    text = out.read_text()
    assert text.startswith("# Results\n\nPrinted by `python bench/run.py --models mnist --boards")
    for title in ("Accuracy", "On boards", "Other libraries", "Speed of", "Published figures"):
        assert f"## {title}" in text
    assert "| images/s: core | link | end to end |" in text
    assert "Not complete" not in text
    assert text.partition("\n\n## ")[2] == capsys.readouterr().out.partition("## ")[2]


def test_absent_libraries_are_named(run, quick, monkeypatch, capsys):
    """Without any peer library the golden model's figure stands alone, and both are named."""
    present, absent = run.peers.installed()
    assert {one.name for one in present} | set(absent) == {"spikingjelly", "snnTorch"}
    for one in run.peers.ALL:
        monkeypatch.setattr(one, "library", "no_such_library")
    assert quick("--parts", "libraries") == 0
    said = capsys.readouterr().out
    assert "Not installed, so left out: spikingjelly, snnTorch (pip install" in said
    assert "| mnist, golden model |" in said


def test_what_is_measured_is_kept(run, quick, monkeypatch, tmp_path, capsys):
    """A board that fails, and an interruption, cost the rest of that part; exit codes say so."""
    out, first = tmp_path / "r.md", run.on_board

    def fail(error):
        def on_board(model, board, pictures):
            if board.name == "arty":
                raise error
            return first(model, board, pictures)

        monkeypatch.setattr(run, "on_board", on_board)

    fail(ValueError("the board is on fire"))
    assert quick("--write", str(out)) == 1
    text = out.read_text()
    assert f"| mnist on ulx3s | {PES} |" in text and "mnist on arty" not in text
    assert "- boards: the board is on fire" in text and "| mnist, golden model |" in text
    assert "the board is on fire" in capsys.readouterr().err
    fail(KeyboardInterrupt())
    assert quick("--write", str(out)) == 130
    text = out.read_text()
    assert f"| mnist on ulx3s | {PES} |" in text and "- boards: interrupted" in text
    assert "## Accuracy" in text and "| mnist, golden model |" not in text
    assert "mnist on ulx3s" in capsys.readouterr().out


def test_errors(run, capsys, tmp_path):
    """Unknown boards and models list the known; absent data say what to do; no traceback."""
    with pytest.raises(SystemExit):
        run.main(["--boards", "nosuch"])
    assert "arty" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run.main(["--models", "nosuch"])
    assert "mnist" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run.main(["--models", "mnist", "--data-dir", str(tmp_path / "file")]) == 2
    assert "--data-dir" in capsys.readouterr().err


@pytest.mark.slow
def test_a_board(run):
    """The counters of a simulated board, every score compared with the golden model's."""
    model = modelfile.load(PRETRAINED / "mnist.safetensors")
    pictures = run.np.zeros((2, 1, 28, 28), run.np.uint8)
    found = run.on_board(model, boards.load("sim"), pictures)
    assert 0 <= found["above"] < 0.05 and found["cycles"] > 21964
    assert found["images_s"] == pytest.approx(1e3 / found["latency_ms"])
    assert 0 < found["end_to_end_s"] <= min(found["images_s"], found["link_s"]) * 1.001
