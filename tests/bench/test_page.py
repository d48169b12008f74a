"""bench/page.py and the scripts that use it: tables, pages, options."""

import subprocess
import sys

import pytest

from volley.firmware.files import PACKAGE


def test_page(bench, tmp_path):
    page = bench("page")
    lines = page.table(["a", "b"], [["x", 1], ["y", 2.5]])
    assert lines == ["| a | b |", "| --- | ---: |", "| x | 1 |", "| y | 2.5 |"]
    out = tmp_path / "p.md"
    page.write(out, "Title", "x.py", ["--write", "p.md"], lines)
    assert out.read_text() == (
        "# Title\n\nPrinted by `python bench/x.py --write p.md`.\n\n" + "\n".join(lines) + "\n"
    )
    assert page.parser("x.py", "", page=True).parse_args(["--markdown", "m"]).write == "m"


def test_shipped_models(bench):
    """Those whose accuracy is that on the canonical test set, and that every board may hold."""
    names = bench("page").shipped()
    assert {"mnist", "cifar10", "cifar10-t4"} <= set(names)
    assert not {"fashion-mnist", "mnist-lif"} & set(names)


def test_array_cost_page(bench, tmp_path, monkeypatch):
    """The page of docs/ from rows that are given."""
    script = bench("array_cost")
    monkeypatch.setattr(script, "measure", lambda *_: [("tree", {"xc7": 1.234})])
    out = tmp_path / "a.md"
    assert script.main(["--family", "xc7", "--write", str(out)]) == 0
    text = out.read_text()
    assert "| tree of 9 x CI products, CI = 32 | six-input LUTs, XC7, per PE |" in text
    assert "| tree | 1.23 |" in text and text.endswith(f"{script.COUNTED}\n")


def test_array_cost_converts_what_it_counts(bench, tmp_path, monkeypatch):
    """The array's own blocks, without Yosys."""
    script, counted = bench("array_cost"), []
    monkeypatch.setattr(script, "luts", lambda source, module, *_: counted.append(module) or 36)
    rows = script.measure(4, ["ecp5"], tmp_path)
    assert rows[-1] == ("the same, whole array at CO = 8", {"ecp5": 1 + 1 / 8})
    assert counted == ["tree"] * len(script.VARIANTS) + ["own", "spikes", "own", "spikes", "own"]
    assert "module own" in (tmp_path / "own.v").read_text()


@pytest.mark.parametrize("script", sorted(p.name for p in (PACKAGE / "bench").glob("*.py")))
def test_scripts_start_from_any_folder(script, tmp_path):
    """Each with a command line of its own explains itself; imports need no installed package."""
    if "main(" not in (PACKAGE / "bench" / script).read_text():
        pytest.skip("no command")
    path = PACKAGE / "bench" / script
    done = subprocess.run(
        [sys.executable, str(path), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: bench/{script}" in done.stdout
