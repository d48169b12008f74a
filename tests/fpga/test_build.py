"""fpga/build.py: targets, when it builds anew, and how it tells what went wrong."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from volley.firmware import boards
from volley.fpga import build
from volley.fpga.errors import BuildError
from volley.fpga.flows import project, sim
from volley.fpga.runner import steps
from volley.fpga.runner.steps import Steps
from volley.rtl.convert import converter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def flow(tmp_path, monkeypatch):
    """The flow with the slow steps replaced; ``flow`` counts the conversions."""
    made = []

    def fake_convert(board, language, path):
        made.append((board, language))
        path.write_text("module volley; endmodule\n")
        return path

    monkeypatch.setattr(sim, "PACKAGE", tmp_path)
    monkeypatch.setattr(sim, "BUILD", tmp_path / "build")
    monkeypatch.setattr(sim, "check_tools", lambda: None)
    monkeypatch.setattr(converter, "convert_board", fake_convert)
    monkeypatch.setattr(
        sim, "compile_model", lambda source, _: (source.parent / sim.BINARY).write_text("")
    )
    for folder in ("rtl", "rtl/array", "firmware", "fpga/flows", "fpga/sim"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text("x = 1\n")
    return made


def silent(_):
    pass


def test_what_is_up_to_date_is_not_built_again(flow):
    board = sim.simulated("sim")
    assert sim.build(board, silent) == sim.build(board, silent)
    assert len(flow) == 1
    sim.build(board, silent, clean=True)
    assert len(flow) == 2


@pytest.mark.parametrize("folder", ["rtl", "rtl/array", "firmware", "fpga/sim"])
def test_other_sources_are_built_again(flow, folder, tmp_path):
    board = sim.simulated("sim")
    sim.build(board, silent)
    (tmp_path / folder / "a.py").write_text("x = 2\n")
    sim.build(board, silent)
    assert len(flow) == 2


def test_all_that_the_hardware_is_made_of_counts_as_its_source():
    """Every module that a conversion loads, and the flow's own files."""
    code = (
        "import sys\nfrom volley.rtl.convert import converter\nfrom volley.firmware import boards\n"
        "names = [m.__file__ for n, m in sys.modules.items() if n.startswith('volley.')]\n"
        "print('\\n'.join(filter(None, names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {Path(name).resolve() for name in done.stdout.split("\n") if name}
    assert ROOT / "rtl" / "array" / "popcount.py" in loaded and ROOT / "firmware/isa.py" in loaded
    for sources in (sim.SOURCES, project.SOURCES):
        found = {path for pattern in sources for path in ROOT.glob(pattern)}
        assert loaded <= found, loaded - found
    own = {path for pattern in sim.SOURCES for path in ROOT.glob(pattern)}
    assert {sim.MAIN, sim.WAIVERS, Path(sim.__file__)} <= own


def test_a_path_with_a_space_is_refused_before_any_step(flow, tmp_path, monkeypatch):
    monkeypatch.setattr(sim, "BUILD", tmp_path / "a b")
    with pytest.raises(BuildError, match="GNU make .* set VOLLEY_BUILD to a folder") as caught:
        sim.build(sim.simulated("sim"), silent)
    assert caught.value.code == 2 and flow == [] and not (tmp_path / "a b").exists()


def test_other_parameters_have_their_own_folder(flow):
    one, other = sim.simulated("sim"), sim.simulated("sim", {"co": 2})
    assert sim.folder_of(one) != sim.folder_of(other)
    sim.build(one, silent)
    sim.build(other, silent)
    sim.build(one, silent)
    assert len(flow) == 2


def test_a_folder_of_another_clock_or_without_binary_or_stamp_is_built_again(flow):
    board = sim.simulated("sim")
    folder = sim.folder_of(board)
    sim.build(board, silent)
    for damage in (
        lambda: (folder / sim.BINARY).unlink(),
        lambda: (folder / sim.STAMP).unlink(),
        lambda: (folder / sim.STAMP).write_text("{"),
        lambda: (folder / sim.STAMP).write_text(
            json.dumps({**sim.stamp(board), "board": ["sim", 1, 4]})
        ),
    ):
        before = len(flow)
        damage()
        sim.build(board, silent)
        assert len(flow) == before + 1


def test_a_failed_conversion_leaves_no_stamp(flow, monkeypatch):
    def fail(*_):
        raise converter.ConversionError("volley: Signal is not driven: x")

    monkeypatch.setattr(converter, "convert_board", fail)
    with pytest.raises(BuildError, match="Signal is not driven: x"):
        sim.build(sim.simulated("sim"), silent)
    assert not sim.up_to_date(sim.simulated("sim"))


def test_like_takes_the_design_of_a_board_and_the_wire_of_the_simulation():
    arty, wire, board = boards.load("arty"), boards.load("sim"), sim.simulated("arty")
    assert board.design == arty.design and board.clock_hz == arty.clock_hz
    assert board.divisor == wire.divisor and board.name == "sim"


def test_a_clock_that_makes_no_bit_of_the_wire_is_refused(tmp_path, capsys):
    path, given = tmp_path / "slow.toml", (boards.FOLDER / "sim.toml").read_text()
    path.write_text(re.sub(r"(?m)^clock_hz = .*$", "clock_hz = 1", given))
    assert build.main(["--target", "sim", "--like", str(path), "--dry-run"]) == 2
    assert "board slow: clock_hz is 1, allowed for a simulated board" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "x"], "no target 'x'; --target can be acorn, arty"),
        (["--target", "sim", "--like", "x"], "no board 'x'; there are"),
        (["--target", "sim", "--set", "ci=5"], "ci is 5, allowed is a power of two"),
        (["--target", "sim", "--set", "ci"], "ci is ''"),
    ],
)
def test_user_mistakes_exit_with_2(arguments, message, capsys):
    assert build.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_missing_tools_are_named_with_their_packages(monkeypatch, capsys):
    monkeypatch.setattr(sim.shutil, "which", lambda tool: None)
    assert build.main(["--target", "sim"]) == 2
    assert "apt-get install verilator make g++" in capsys.readouterr().err


def test_a_failing_tool_shows_its_own_error_lines(tmp_path):
    shown = []
    with pytest.raises(BuildError) as caught:
        Steps(tmp_path, shown.append).run(
            "g++", ["sh", "-c", "echo fine; echo 'a.cpp:3: error: no such thing'; exit 3"], "log"
        )
    text = str(caught.value)
    assert "exit code 3" in text and "a.cpp:3: error: no such thing" in text and "fine" not in text
    assert (tmp_path / "log").read_text().startswith("fine")
    assert shown == ["g++ ..."] and caught.value.code == 1


def test_steps_tell_how_long_they_took(tmp_path):
    shown = []
    Steps(tmp_path, shown.append, verbose=True).run("echo", ["echo", "hello"], "log")
    assert shown[:2] == ["echo ...", "hello"] and shown[2].endswith(" s")


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from volley.fpga.runner.steps import locked\n"
        "with locked(Path(sys.argv[1]), print): print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    told = []
    with steps.locked(path, told.append):
        assert told == []


SLOW_BUILD = """\
import sys
from pathlib import Path
from volley.fpga.runner.steps import Steps, ended_by_signals, locked
folder = Path(sys.argv[1])
script = "sleep 60 & echo compiler $!; echo make $$; echo ready; wait"
with ended_by_signals(), locked(folder / "lock", print):
    Steps(folder, lambda text: print(text, flush=True), verbose=True).run(
        "make", ["sh", "-c", script], "log")
"""


def gone(pid, seconds=10.0):
    """Whether a process ends in time; one that nobody waits for is ended as well."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_no_compiler_outlives_a_build_that_is_ended(tmp_path, name):
    if not Path("/proc/self/stat").exists():
        pytest.skip("processes are looked up in /proc")
    build_process = subprocess.Popen(
        [sys.executable, "-c", SLOW_BUILD, str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    found = {}
    for line in build_process.stdout:
        if line == "ready\n":
            break
        key, _, value = line.partition(" ")
        found[key] = value.strip()
    assert not gone(found["compiler"], 0.2) and not gone(found["make"], 0.2)
    build_process.send_signal(getattr(signal, name))
    build_process.wait(timeout=120)
    build_process.stdout.close()
    assert gone(found["compiler"]) and gone(found["make"])
    with steps.locked(tmp_path / "lock", lambda text: pytest.fail(text)):
        pass


def test_a_build_that_is_interrupted_is_not_up_to_date(flow, monkeypatch):
    def interrupted(source, _):
        (source.parent / sim.BINARY).write_text("half")
        raise KeyboardInterrupt

    board = sim.simulated("sim")
    with monkeypatch.context() as patch:
        patch.setattr(sim, "compile_model", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sim.build(board, silent)
    assert not sim.up_to_date(board)
    sim.build(board, silent)
    assert sim.up_to_date(board) and len(flow) == 2


@pytest.mark.verilator
def test_it_runs_as_a_script_and_dry_run_builds_nothing():
    done = subprocess.run(
        [sys.executable, "fpga/build.py", "--target", "sim", "--like", "arty", "--dry-run"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    design = boards.load("arty").design
    assert done.returncode == 0, done.stderr
    assert f"sim-{design.hash().hex()}" in done.stdout and f"{design.pes} PE" in done.stdout


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("reg core0_running = 0;\nwire link0_bus_running;\n", "core0_running"),
        ("reg running;\n", "running"),
        ("reg [3:0] running_total;\n", None),
    ],
)
def test_the_running_signal_is_found(text, name):
    assert sim.running_signal(text) == name
