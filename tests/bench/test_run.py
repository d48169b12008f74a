"""bench/run.py: its tables from a real run on a small simulated board, and its errors."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(monkeypatch):
    """bench/run.py as a module; its siblings are found beside it, as for a script."""
    import importlib.util

    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    spec = importlib.util.spec_from_file_location("bench_run", ROOT / "bench" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("golden", "peers", "published"):
        sys.modules.pop(name, None)


def test_tables_have_sources(run):
    """Every published row names its source, and every table is whole."""
    lines = run.published.lines()
    assert len({line.count("|") for line in lines}) == 1
    assert all("arXiv" in line for line in lines[2:])


def test_errors(run, capsys, tmp_path, monkeypatch):
    """Unknown boards and models list the known; absent data say what to do; no traceback."""
    with pytest.raises(SystemExit):
        run.main(["--boards", "nosuch"])
    assert "arty" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run.main(["--models", "nosuch"])
    assert "mnist" in capsys.readouterr().err


@pytest.mark.slow
def test_a_board(run):
    """The counters of a simulated board, every score compared with the golden model's."""
    from volley.firmware import boards, modelfile
    from volley.model import golden  # noqa: F401

    model = modelfile.load(ROOT / "model" / "pretrained" / "mnist.safetensors")
    pictures = run.np.zeros((2, 1, 28, 28), run.np.uint8)
    found = run.on_board(model, boards.load("sim"), pictures)
    assert 0 <= found["above"] < 0.05 and found["cycles"] > 21964
    assert found["images_s"] == pytest.approx(1e3 / found["latency_ms"])
