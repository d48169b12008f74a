"""Command lines: what was typed is shown, not obeyed; streams that are closed or full."""

import subprocess
import sys
from pathlib import Path

import pytest

from volley.firmware import pipe

ROOT = Path(__file__).resolve().parents[2]


def parser():
    found = pipe.Parser(prog="x")
    found.add_argument("file", nargs="?")
    found.add_argument("--out")
    found.add_argument("--folder", type=Path)
    found.add_argument("--set", default="")
    return found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--no\x1b[31m"], r"--no\x1b[31m"),
        (["a", "b\u202e\nc"], r"b\u202e\nc"),
        (["--out", ""], "argument --out: is empty"),
        (["--out="], "argument --out: is empty"),
        (["--folder", ""], "argument --folder: is empty"),
        ([""], "argument file: is empty"),
    ],
)
def test_errors_are_one_line(arguments, told, capsys):
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(arguments)
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert told in said.splitlines()[-1] and said.replace("\n", "").isprintable()


def test_what_may_be_empty_or_absent():
    found = parser().parse_args(["--set", "", "--folder", "."])
    assert (found.set, found.file, found.out, found.folder) == ("", None, None, Path("."))


def test_an_option_that_comes_several_times():
    found = pipe.Parser(prog="x")
    found.add_argument("--set", default="", action=pipe.Joined)
    assert found.parse_args([]).set == ""
    assert found.parse_args(["--set", "ci=8", "--set", "co=4,lut=6"]).set == "ci=8,co=4,lut=6"


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def main():
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["/some/compile.py"])
    assert pipe.run(main) == 130
    assert capsys.readouterr().err == "compile.py: interrupted\n"


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("-m volley --help >/dev/full", 2, "standard output: No space left on device"),
        ("-m volley compile --help >/dev/full", 0, ""),  # argparse's own
        ("-m volley nothing 2>&-", 2, ""),
        ("-m volley --version >&-", 0, ""),
        ("-m volley compile none.safetensors >&- 2>&-", 2, ""),
        ("-m volley --help | head -n 1", 0, ""),
    ],
)
def test_streams_that_are_full_or_closed(command, code, told):
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} {command}"], cwd=ROOT, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == code and told in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 1
