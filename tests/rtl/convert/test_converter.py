"""The top level converts, strictly and reproducibly, and every tool reads the result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import hdl
from volley.firmware import boards
from volley.fpga.flows import sim
from volley.rtl.convert.converter import TOP, ConversionError, convert_board, main

ROOT = Path(__file__).resolve().parents[3]
SMALL = {"ci": 4, "co": 1, "spike_words": 64, "weight_words": 64, "param_words": 16}
WIDE = {"ci": 16, "co": 4, "spike_words": 37, "weight_words": 16, "row_max": 4, "scores": 5}


@pytest.fixture(scope="module")
def verilog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verilog")
    return convert_board(boards.load("sim", SMALL), "verilog", folder / f"{TOP}.v")


@pytest.fixture(scope="module")
def vhdl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vhdl")
    return convert_board(boards.load("sim", SMALL), "vhdl", folder / f"{TOP}.vhd")


@pytest.mark.icarus
def test_icarus_reads_it(verilog):
    hdl.check_icarus(verilog)


@pytest.mark.icarus
def test_clock_and_divisor_are_ports(tmp_path, verilog):
    """They are asked for once each; the constants of a board are in no line any more."""
    board = boards.load("sim", SMALL)
    source = convert_board(board, "verilog", tmp_path / f"{TOP}.v", clock_ports=True)
    hdl.check_icarus(source)
    text, fixed = source.read_text(), verilog.read_text()
    assert "input [31:0] clock_hz;" in text and "input [23:0] divisor;" in text
    clock = f"{board.clock_hz}"
    assert clock in fixed and clock not in text and "input [31:0] clock_hz" not in fixed


@pytest.mark.ghdl
def test_ghdl_reads_it(vhdl):
    hdl.check_ghdl(next(vhdl.parent.glob("pck_*.vhd")).name, vhdl)


@pytest.mark.icarus
@pytest.mark.verilator
@pytest.mark.ghdl
@pytest.mark.slow
def test_every_tool_reads_a_wider_design(tmp_path):
    board = boards.load("sim", WIDE)
    source = convert_board(board, "verilog", tmp_path / f"{TOP}.v")
    hdl.check_icarus(source)
    assert lint(source) == ""
    source = convert_board(board, "vhdl", tmp_path / f"{TOP}.vhd")
    hdl.check_ghdl(next(tmp_path.glob("pck_*.vhd")).name, source)


def lint(source):
    """Verilator's complaints about a file, with the waivers of the project."""
    command = [
        "verilator",
        "--lint-only",
        "-Wall",
        "--top-module",
        TOP,
        str(sim.WAIVERS),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


@pytest.mark.verilator
def test_lint_is_clean_but_for_the_waivers(verilog):
    assert lint(verilog) == ""


@pytest.mark.verilator
def test_lint_sees_what_is_not_waived(verilog, tmp_path):
    broken = tmp_path / verilog.name
    broken.write_text(verilog.read_text().replace("endmodule", "wire a; assign a = b;\nendmodule"))
    assert "'b'" in lint(broken)


def test_every_waiver_has_a_reason():
    lines = sim.WAIVERS.read_text().splitlines()
    waivers = [number for number, line in enumerate(lines) if line.startswith("lint_off")]
    assert waivers
    for number in waivers:
        assert lines[number - 1].startswith("//"), f"line {number + 1} of lint.vlt has no reason"


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_text_is_the_same_in_every_run(seed, verilog, vhdl, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    board = boards.load("sim", SMALL)
    for language, path in (("verilog", verilog), ("vhdl", vhdl)):
        again = convert_board(board, language, tmp_path / path.name)
        assert again.read_text() == path.read_text()


def test_ports_are_those_of_a_board(verilog):
    text = verilog.read_text()
    for port in ("input clk;", "input rst;", "input rx;", "output tx;"):
        assert port in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "nothing"], "no board 'nothing'; there are"),
        (["--set", "ci=3"], "ci is 3, allowed is a power of two from 4 to 64"),
        (["--set", "cj=3"], "no parameter 'cj'"),
    ],
)
def test_user_mistakes_exit_with_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    assert main([*arguments, "-o", str(tmp_path / "x.v")]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_no_traceback(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "volley.rtl.convert", "--set", "ci=4", "-o", str(tmp_path / "file/x.v")],
        cwd=ROOT, env=os.environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr and "x.v" in done.stderr


def test_failure_in_the_subprocess_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConversionError, match="file"):
        convert_board(boards.load("sim", SMALL), "verilog", tmp_path / "file" / "x.v")
