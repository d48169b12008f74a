"""The layers of pyproject.toml hold, and the check that holds them can fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("firmware", "rtl", "fpga", "model", "host")


@pytest.fixture
def tree(tmp_path):
    """The package's modules as an installation lays them out."""
    (tmp_path / "volley").mkdir()
    for path in (ROOT / "volley").glob("*.py"):
        shutil.copy(path, tmp_path / "volley")
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            target = tmp_path / "volley" / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def lint_imports(tree):
    """(exit code, what import-linter said) of the contracts in pyproject.toml for a tree."""
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache", str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_layers(tree):
    code, text = lint_imports(tree)
    assert code == 0, text
    assert "0 broken" in text


@pytest.mark.parametrize(
    "path, line, told",
    [
        ("rtl/delay.py", "import volley.host.errors", "volley.rtl.delay -> volley.host.errors"),
        ("firmware/isa.py", "import volley.rtl.delay", "volley.firmware.isa -> volley.rtl.delay"),
        ("firmware/isa.py", "import volley.firmware.compiler.lanes", "not allowed to import"),
        ("model/golden.py", "import volley.rtl.delay", "volley.model.golden -> volley.rtl.delay"),
        ("host/trace.py", "import volley.model.train", "volley.host.trace -> volley.model.train"),
        ("host/trace.py", "import torch", "volley.host.trace -> torch"),
        ("firmware/fields.py", "import volley.firmware.isa", "No cycles are allowed"),
    ],
)
def test_an_import_against_the_layers_is_found(tree, path, line, told):
    file = tree / "volley" / path
    file.write_text(f"{file.read_text()}\n{line}\n")
    code, text = lint_imports(tree)
    assert code == 1 and told in text, text


def test_the_contract_is_named_whole():
    """Every module of firmware's top level, but for the command, is in the contract's own rule."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rule = next(c for c in settings["contracts"] if c["id"] == "contract-imports-no-compiler")
    found = {path.stem for path in (ROOT / "firmware").glob("*.py")} - {"__init__", "compile"}
    assert {name.removeprefix("volley.firmware.") for name in rule["source_modules"]} == found
