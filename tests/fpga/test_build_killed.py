"""A killed build leaves no tool running, and nothing that the next build takes for finished."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from volley.fpga import build
from volley.fpga.target import target

ROOT = Path(__file__).resolve().parents[2]
FLOWS = {
    "ulx3s": ["yosys", "nextpnr-ecp5", "ecppack"],
    "arty": ["yosys", "vivado", "vivado"],
    "sim": ["verilator", "g++"],
}
INTERRUPTED = 130
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc"
)


def running(mark: str) -> list[str]:
    """Command lines of the processes whose environment or arguments have ``mark`` in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            if mark.encode() in text and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended, or is another user's
            continue
    return found


def in_folder(folder: Path) -> list[str]:
    """Process numbers of what runs in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if (each / "cwd").readlink() == folder:
                found.append(each.name)
    return found


def wait_for(condition, seconds=20.0):
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def slow(*values):
    """A test's parameters, in `make slow` only."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ("ulx3s", "SIGKILL"), ("sim", "SIGKILL"), ("arty", "SIGTERM"), slow("arty", "SIGKILL"),
        slow("ulx3s", "SIGTERM"), slow("sim", "SIGTERM"),
    ],
)  # fmt: skip
def test_at_each_tool(board, name, builds):
    steps, tools = FLOWS[board], builds.tools
    for number, tool in enumerate(dict.fromkeys(steps)):
        tools.behave(tool, "hang")
        process = multiprocessing.get_context("fork").Process(
            target=lambda: sys.exit(build.main(builds.arguments(board)))
        )
        process.start()
        assert wait_for(tools.hanging.exists), tools.calls()
        assert any("sleep 60" in each for each in running(str(tools.log)))
        os.kill(process.pid, getattr(signal, name))
        process.join(20)
        assert process.exitcode == (-signal.SIGKILL if name == "SIGKILL" else INTERRUPTED)
        assert wait_for(lambda: not running(str(tools.log))), running(str(tools.log))
        # the tool that was killed runs again, those before it do not; a simulated board begins anew
        first = 0 if board == "sim" else max(0, number - 1)
        assert tools.calls() == steps[first : number + 1]
        tools.hanging.unlink()
        tools.behave(tool, "")
    assert builds.run(board) == (0, "")
    again = {"ulx3s": ["ecppack"], "arty": ["vivado", "vivado"], "sim": steps}[board]
    assert tools.calls() == again
    wanted = {
        "ulx3s": f"seed {target.load('ulx3s', {}).seed}",
        "arty": "bits",
        "sim": "a simulated board",
    }[board]
    assert builds.built(board).read_text() == wanted
    assert builds.run(board) == (0, "") and tools.calls() == []


RUN = """\
import subprocess, sys, time
from pathlib import Path
from volley.fpga.runner.steps import Steps

class Late(subprocess.Popen):  # it returns when the process has run for a while
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        time.sleep(0.5)

subprocess.Popen = Late
Steps(Path(sys.argv[1]), print).run("tool", ["sh", "-c", "kill -KILL $PPID; sleep 60"], "log")
"""


def test_as_a_tool_starts(tmp_path):
    """The first thing that the tool does is to kill the build."""
    process = subprocess.run([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT)
    assert process.returncode == -signal.SIGKILL
    assert wait_for(lambda: not in_folder(tmp_path)), in_folder(tmp_path)


CONVERSION = """\
import sys
from pathlib import Path
from volley.firmware import boards
from volley.rtl.convert import converter
converter.convert_board(boards.load("sim", dict(ci=4, co=1)), "verilog", Path(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["SIGKILL", slow("SIGTERM"), slow("SIGINT")])
def test_in_the_conversion(name, tmp_path):
    """The conversion is a process of its own; its temporary folder goes as well."""
    path = tmp_path / "volley.v"
    process = subprocess.Popen(
        [sys.executable, "-c", CONVERSION, str(path)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    assert wait_for(lambda: any("volley.rtl.convert" in each for each in running(str(path))), 60)
    if name != "SIGKILL":
        assert wait_for(lambda: list(tmp_path.glob(".convert-*")), 60)
    process.send_signal(getattr(signal, name))
    process.wait(20)
    assert wait_for(lambda: not running(str(path))), running(str(path))
    assert list(tmp_path.iterdir()) == []
