"""fpga/build.py for real boards, with stand-ins for the tools: steps, errors, exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fake_tools import WITH_GOAL, Tools
from tests.support.late_config import config, sites
from volley.firmware import boards
from volley.fpga import build
from volley.fpga.flows import vivado
from volley.fpga.runner import toolchain
from volley.fpga.target import model_fit, target

SEED = target.load("ulx3s", {}).seed

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT / "model" / "pretrained" / "mnist.safetensors"


def test_a_folder_with_a_space_and_signs_of_the_shell(tools, tmp_path, capsys):
    folder = tmp_path / "a b (it's)"
    command = ["--target", "ulx3s", "--tools", "system", "--folder", str(folder)]
    assert build.main(command) == 0, capsys.readouterr().err
    assert tools.calls() == STEPS and (folder / "top.bit").is_file()


def test_a_board_file_of_ones_own_is_a_target(tools, run, tmp_path, capsys):
    path = tmp_path / "mine.toml"
    text = (boards.FOLDER / "ulx3s.toml").read_text()
    path.write_text(text)
    code = build.main(
        ["--target", str(path), "--tools", "system", "--folder", str(tmp_path / "mine")]
    )
    out = capsys.readouterr().out
    assert code == 0 and "target mine: Radiona" in out and tools.calls() == STEPS
    path.write_text(text.replace('site = "M1"', "site = 5"))
    assert build.main(["--target", str(path), "--folder", str(tmp_path / "mine")]) == 2
    assert "mine.toml: pin rx: site is 5" in capsys.readouterr().err


STEPS = ["yosys", "nextpnr-ecp5", "ecppack"]


def test_a_build_runs_every_step_once_and_leaves_what_reports_read(tools, run):
    code, out, err = run()
    assert (code, err) == (0, "") and tools.calls() == STEPS
    folder = run.folder / "ulx3s"
    assert (folder / "top.bit").read_text() == f"seed {SEED}" and f"{folder}/top.bit" in out
    stamp = json.loads((folder / "stamp.json").read_text())
    board = boards.load("ulx3s")
    assert stamp["target"] == "ulx3s" and stamp["state"] == "complete"
    assert stamp["design"] == vars(board.design) and stamp["clock_hz"] == 100_000_000
    assert "yosys stand-in 1.0" in stamp["tools"]
    names = "volley.v top.v top.lpf synth.ys yosys.log stat.json top.json nextpnr.log timing.json"
    assert all((folder / name).is_file() for name in names.split())
    assert "LUT 1000 of 83640 (1%)" in out and "123.40 MHz of 100.00 MHz" in out
    assert run()[0] == 0 and tools.calls() == []


@pytest.mark.parametrize(
    ("arguments", "again"),
    [
        (["--seed", str(SEED + 1)], STEPS[1:]),
        (["--set", "co=2"], STEPS),
        (["--set", "clock=90"], STEPS),
        (["--clean"], STEPS),
        (["--synth-only"], []),
    ],
)
def test_only_what_depends_on_a_change_runs_again(tools, run, arguments, again):
    run()
    tools.calls()
    code, _, _ = run(*arguments)
    assert code == 0 and tools.calls() == again


def test_damage_is_repaired(tools, run):
    run()
    folder = run.folder / "ulx3s"
    for name, again in (("top.bit", STEPS[2:]), ("timing.json", STEPS[1:]), ("stages.json", STEPS)):
        tools.calls()
        (folder / name).unlink()
        assert run()[0] == 0 and tools.calls() == again


def test_a_clock_that_is_set_behind_the_router(tools, run, tmp_path, monkeypatch):
    """With goal_hz another clock is another bitstream of the same routed design, also after a miss."""
    path = tmp_path / WITH_GOAL
    text = re.sub(r"(?m)^(goal_hz|anneal) = .*\n", "", (boards.FOLDER / "ulx3s.toml").read_text())
    path.write_text("goal_hz = 62_500_000\n" + text)
    cells = {name: {"attributes": {"NEXTPNR_BEL": bel}} for name, bel in sites().items()}
    monkeypatch.setenv("STAND_IN_PLACED", json.dumps({"modules": {"top": {"cells": cells}}}))
    monkeypatch.setenv("STAND_IN_CONFIG", config())
    folder = run.folder / "late"

    def built(clock):
        arguments = ["--tools", "system", "--folder", str(folder), "--set", f"clock={clock}"]
        code = build.main(["--target", str(path), *arguments])
        return code, tools.calls()

    assert built(200) == (5, STEPS[:2]) and not (folder / "top.bit").exists()
    assert built(100) == (0, STEPS[2:])
    first = (folder / "top.bit").read_text()
    assert built(100) == (0, [])
    assert built(80) == (0, STEPS[2:]) and (folder / "top.bit").read_text() != first
    assert json.loads((folder / "stamp.json").read_text())["clock_hz"] == 80_000_000
    assert built(100) == (0, STEPS[2:]) and (folder / "top.bit").read_text() == first


def test_other_constraints_are_routed_again_without_synthesis(tools, run, monkeypatch):
    run()
    tools.calls()
    data = dict(boards.load("ulx3s").data)
    pins = {**data["pins"], "led_tx": {"site": "D2", "type": "LVCMOS33"}}
    load = boards.load
    monkeypatch.setattr(
        boards, "load",
        lambda *given: boards.dataclasses.replace(load(*given), data={**data, "pins": pins}),
    )  # fmt: skip
    assert run()[0] == 0 and tools.calls() == STEPS[1:]


def test_synth_only_stops_after_synthesis(tools, run):
    code, out, _ = run("--synth-only")
    assert code == 0 and tools.calls() == ["yosys"] and "top.json" in out
    assert json.loads((run.folder / "ulx3s/stamp.json").read_text())["state"] == "synthesised"


def test_chains_are_another_synthesis(tools, run):
    run()
    plain = (run.folder / "ulx3s/synth.ys").read_text()
    tools.calls()
    assert run("--chains")[0] == 0 and tools.calls() == STEPS
    chained = (run.folder / "ulx3s/synth.ys").read_text()
    assert "techmap -map %chains" in chained and "chains" not in plain


def test_a_run_that_cannot_be_routed_is_stopped(tools, run):
    tools.behave("nextpnr-ecp5", "crowded")
    code, out, err = run()
    assert code == 4 and "routing is stopped after pass 6: 19,994 wires" in err
    assert "Traceback" not in err and not (run.folder / "ulx3s/top.bit").exists()


def test_a_failing_tool_shows_its_own_lines_and_the_next_build_repeats_it(tools, run):
    for tool, line in (("yosys", "unexpected TOK_ID"), ("nextpnr-ecp5", "Unable to place cell")):
        tools.behave(tool, "fail")
        code, _, err = run()
        assert code == 1 and line in err and "Traceback" not in err and "the whole log is" in err
        tools.behave(tool, "")
    tools.calls()
    assert run()[0] == 0 and tools.calls() == STEPS[1:]


def test_what_is_too_big_is_not_routed(tools, run):
    run()
    tools.behave("yosys", "big")
    code, _, err = run("--clean")
    assert code == 4 and "LUT 90000 of 83640 (6360 over)" in err and "FF" not in err.split(";")[0]
    assert not (run.folder / "ulx3s/top.bit").exists()


def test_the_board_names_a_seed_and_the_command_line_another(tools, run, tmp_path):
    path = tmp_path / "mine.toml"
    text = re.sub(r"(?m)^seed = .*\n", "", (boards.FOLDER / "ulx3s.toml").read_text())
    text = text.replace("[nextpnr]\n", "[nextpnr]\nseed = 1\n")
    path.write_text(re.sub("^seed = .*", "seed = 5", text, flags=re.M))
    for given, seed in (([], 5), (["--seed", "6"], 6)):
        folder = tmp_path / f"build{seed}"
        command = ["--target", str(path), "--tools", "system", "--folder", str(folder), *given]
        assert build.main(command) == 0
        assert (folder / "top.bit").read_text() == f"seed {seed}"
    path.write_text(re.sub("^seed = .*", 'seed = "5"', text, flags=re.M))
    assert build.main(["--target", str(path), "--dry-run"]) == 2


def test_a_missed_clock_leaves_no_bitstream_and_names_the_path_and_a_clock(tools, run):
    run()
    tools.calls()
    tools.behave("nextpnr-ecp5", "slow")
    code, out, err = run("--seed", "7")
    assert code == 5 and tools.calls() == ["nextpnr-ecp5"]
    assert "80.00 MHz of 100.00 MHz" in err and "from a." in err and "core.b.DI" in err
    assert "10.00 ns" in err and "--set clock=79.9" in err
    assert list((run.folder / "ulx3s").glob("*.bit")) == []
    assert json.loads((run.folder / "ulx3s/stamp.json").read_text())["state"] == "routed"
    assert run("--seed", "7")[0] == 5  # told again, not routed again
    assert tools.calls() == []


def test_a_constraint_that_did_not_arrive_is_an_error(tools, run):
    code, _, err = run("--set", "clock=200")
    assert code == 1 and "not at the 200.00 MHz" in err


@pytest.mark.parametrize(
    ("arguments", "given", "title"),
    [
        (["--program"], [], "load Radiona"),
        (["--flash"], ["--write-flash"], "write the flash of Radiona"),
        (
            ["--program", "--cable", "ft231X", "--serial", "D00 12"],
            ["--cable", "ft231X", "--ftdi-serial", "D00 12"],
            "load Radiona",
        ),
    ],
)
def test_the_board_is_loaded_with_its_own_option(tools, run, arguments, given, title):
    code, out, _ = run(*arguments)
    assert code == 0 and tools.calls() == [*STEPS, "openFPGALoader"] and title in out
    assert json.loads((run.folder / "ulx3s/loader.json").read_text()) == given


@pytest.mark.parametrize("option", ["--program", "--flash"])
def test_a_missing_loader_is_named_with_its_package_before_any_step(
    tools, run, monkeypatch, option
):
    which = toolchain.shutil.which
    monkeypatch.setattr(
        toolchain.shutil, "which", lambda tool: None if tool == "openFPGALoader" else which(tool)
    )
    code, _, err = run(option)
    assert code == 2 and "apt-get install openfpgaloader" in err and tools.calls() == []


def test_missing_tools_are_named_with_what_brings_them(run, monkeypatch):
    monkeypatch.setattr(toolchain, "installed", lambda package: None)
    code = build.main(["--target", "tangnano20k", "--dry-run"])
    assert code == 2
    with pytest.raises(toolchain.BuildError, match="pip install pyosys==0.70 yowasp-nextpnr-him"):
        toolchain.check("apicula", toolchain.PINNED)
    monkeypatch.setattr(toolchain.shutil, "which", lambda tool: None)
    with pytest.raises(toolchain.BuildError, match="apt-get install make"):
        toolchain.check("trellis", toolchain.SYSTEM)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--target", "ulx4s"],
            "no target 'ulx4s'; --target can be acorn, arty, arty100, litefury",
        ),
        (["--target", "ulx3s", "--set", "clok=3"], "no parameter 'clok'"),
        (["--target", "arty", "--chains"], "--chains is for boards with ecp5, arty has xc7"),
        (["--target", "ulx3s", "--set", "clock=fast"], "clock is 'fast', a number of MHz"),
        (["--target", "ulx3s", "--set", "clock=0"], "clock is '0', a number of MHz"),
        (
            ["--target", "ulx3s", "--set", "clock=1e-9", "--dry-run"],
            "clock is '1e-9', a number of MHz",
        ),
        (["--target", "ulx3s", "--set", "clock=80,clock=90", "--dry-run"], "clock is there twice"),
        (
            ["--target", "ulx3s", "--set", "ci=8", "--set", "ci=16", "--dry-run"],
            "ci is there twice",
        ),
        (["--target", "ulx3s", "--set", "clock=nan"], "clock is 'nan', a number of MHz"),
        (["--target", "ulx3s", "--set", "clock=700"], "can not make 700 MHz from 25 MHz"),
        (["--target", "ulx3s", "--like", "arty"], "--like arty is for --target sim"),
        (["--target", "sim", "--program"], "--program is for real boards"),
        (["--target", "ulx3s", "--cable", "x"], "--cable is for --program or --flash"),
        (["--target", "ulx3s", "--flash", "--synth-only"], "--synth-only makes no bitstream"),
        (["--target", "ulx3s", "--model", "no.safetensors"], "no.safetensors: no such file"),
    ],
)
def test_user_mistakes_exit_with_2(arguments, message, capsys):
    assert build.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_model_that_does_not_fit_stops_the_build_before_any_tool(tools, run, monkeypatch):
    code, _, err = run("--set", "weight_words=16", "--model", str(MNIST))
    assert code == 4 and "weight_words" in err and "bytes too many" in err and tools.calls() == []
    monkeypatch.setattr(model_fit, "SHIPPED", MNIST)
    code, out, _ = run("--set", "weight_words=16", "--synth-only")  # no condition
    assert code == 0 and "model 'mnist' does not fit" in out


def test_clocks_are_given_in_mhz_or_hz():
    assert build.split_clock("ci=8,clock=62.5") == ({"ci": 8}, 62_500_000)
    assert build.split_clock("clock=80_000_000") == ({}, 80_000_000)
    assert build.split_clock("co=2") == ({"co": 2}, None)


def test_the_clock_that_the_pll_makes_reaches_the_hardware():
    made = target.load("tangnano20k", clock_hz=100_000_000)
    assert made.board.clock_hz == round(made.pll.hz) != made.wanted_hz
    assert made.board.divisor == round(made.board.clock_hz / made.board.baud)


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("fpga/build.py --target ulx3s --dry-run", "target ulx3s"),
        ("fpga/report.py", "| board |"),
        ("-m firmware.compile model/pretrained/mnist.safetensors", "mnist: 8 ticks"),
        ("host/infer.py --list", "Ports"),
    ],
)
def test_a_reader_that_closes_early_gets_no_traceback(command, first):
    done = subprocess.run(
        f"{sys.executable} -u {command} | head -n 1",
        cwd=ROOT, shell=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith(first) and done.stderr == ""


@pytest.fixture
def vivado_tools(tools, tmp_path, monkeypatch):
    """Stand-ins for Yosys and Vivado."""
    return Tools(tmp_path / "tools", monkeypatch, ["yosys", "vivado"])


def test_with_vivado_the_project_is_built(vivado_tools, run):
    code, out, err = run(board="arty")
    assert (code, err) == (0, "")
    assert vivado_tools.calls() == ["yosys", "vivado", "vivado"]
    assert (run.folder / "arty/arty.bit").is_file() and "slack 0.333 ns" in out
    assert run(board="arty")[0] == 0 and vivado_tools.calls() == []


def test_the_power_of_a_routed_design_is_reported(vivado_tools, run):
    """A step of its own: what is routed stays so."""
    run(board="arty")
    vivado_tools.calls()
    code, out, err = run("--power", board="arty")
    assert (code, err) == (0, "") and vivado_tools.calls() == ["vivado"] and "power 0.254 W" in out
    assert run("--power", board="arty")[0] == 0 and vivado_tools.calls() == []
    vivado_tools.behave("vivado", "fail")
    (run.folder / "arty/power.rpt").unlink()
    code, _, err = run("--power", board="arty")
    assert code == 1 and "[Common 17-69]" in err and "Traceback" not in err


def test_power_where_it_is_not_known(run):
    code, _, err = run("--power")
    assert code == 2 and "--power is for boards with Vivado, ulx3s has trellis" in err
    code, _, err = run("--power", "--synth-only", board="arty")
    assert code == 2 and "no routed design" in err


def test_without_vivado_the_project_is_written_and_the_command_told(vivado_tools, run, tmp_path):
    (tmp_path / "tools" / "vivado").unlink()
    if vivado.shutil.which("vivado"):
        pytest.skip("Vivado is installed")
    code, _, err = run(board="arty")
    folder = run.folder / "arty"
    assert code == 3 and f"make -C {folder}" in err and vivado_tools.calls() == ["yosys"]
    assert all((folder / name).is_file() for name in ("arty.tcl", "Makefile", "top.xdc"))
    done = subprocess.run(["make", "-n", "-C", folder], capture_output=True, text=True)
    assert "vivado" in done.stdout and "Circular" not in done.stderr, done.stderr


def test_vivados_errors_and_missed_timing_are_told(vivado_tools, run):
    vivado_tools.behave("vivado", "fail")
    code, _, err = run(board="arty")
    assert code == 1 and "[Place 30-640]" in err
    vivado_tools.behave("vivado", "slow")
    code, _, err = run(board="arty")
    assert code == 5 and "slack is -1.25 ns" in err and "core/b_reg/D" in err
    assert not (run.folder / "arty/arty.bit").exists()
