"""A test without its tool is skipped and says how to install it; where CI is set, it fails."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import TOOLS, need

ROOT = Path(__file__).resolve().parents[2]
MARKED = """
import pytest
from tests.support.tools import TOOLS, Tool, check_markers, need

TOOLS["ghdl"] = Tool(("no-such-command", "sh"), "no_such_module", "apt-get install ghdl")
TOOLS["icarus"] = Tool(("sh",), None, "")

@pytest.fixture
def expensive():
    raise AssertionError("the fixture of a test that cannot run")

@pytest.mark.ghdl
def test_marked(expensive):
    pass

def test_that_calls():
    need("icarus", "ghdl")

@pytest.mark.icarus
def test_that_can_run():
    pass
"""


def run_marked(folder, environment):
    """The output of pytest for MARKED, with the project's markers and hook."""
    path = folder / "test_marked.py"
    path.write_text(MARKED)
    (folder / "conftest.py").write_text("from tests.conftest import pytest_runtest_setup\n")
    variables = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-c",
                str(ROOT / "setup.cfg"),
                "--rootdir",
                str(folder),
            ),
            *("-rsf", "-p", "no:cacheprovider", "-p", "no:xdist", str(path)),
        ],
        cwd=folder,
        env={**variables, **environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


REASON = "ghdl: no-such-command, the module no_such_module not found; install with: apt-get"


@pytest.mark.parametrize("environment", [{}, {"CI": ""}])
def test_skipped_with_a_reason(tmp_path, environment):
    text = run_marked(tmp_path, environment)
    assert "1 passed, 2 skipped" in text, text
    assert REASON in text.replace("\n", " ")


def test_fails_where_ci_is_set(tmp_path):
    text = run_marked(tmp_path, {"CI": "true"})
    assert "1 passed" in text and "skipped" not in text, text
    assert "1 failed, 1 passed, 1 error" in text, text
    assert text.count(REASON) >= 2 and "the fixture of a test" not in text


def test_every_tool_has_a_marker():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    lines = config["tool:pytest"]["markers"].strip().splitlines()
    assert set(TOOLS) == {line.partition(":")[0] for line in lines} - {"slow"}


def test_an_unknown_tool_is_a_mistake():
    with pytest.raises(KeyError):
        need("modelsim")
