"""The parts of a board build: PLL dividers, top level, constraints, counts, timing, progress."""

import dataclasses
import importlib
import io
import re
import subprocess
from fractions import Fraction

import pytest

from volley.firmware import boards
from volley.fpga import report
from volley.fpga.errors import BuildError
from volley.fpga.flows import synth
from volley.fpga.runner import phases
from volley.fpga.runner.display import Display
from volley.fpga.target import capacity, constraints, pll, target, timing, top
from volley.host import ports

REAL = [name for name in boards.names() if boards.load(name).data["flow"] != "sim"]
SIMPLE = [
    name for name in REAL if not boards.load(name).has_pcie
]  # the others: test_pcie_project.py


def test_every_board_file_is_a_target():
    assert {"acorn", "arty", "arty100", "litefury", "orangecrab", "tangnano20k", "ulx3s"} <= set(
        REAL
    )
    for name in REAL:
        each = target.load(name)
        assert each.capacity["lut"] > 10_000 and each.board.data["device"]["price_usd"]
        assert each.board.has_pcie or each.board.data["usb"]["vid"]
        assert each.board.has_pcie or each.board.data["openfpgaloader"]


CLOCKS = [27, 33.3, 48, 54, 62.5, 75, 80, 90, 100, 110, 125, 133, 150]


@pytest.mark.parametrize("megahertz", CLOCKS)
@pytest.mark.parametrize("name", REAL)
def test_dividers_make_the_clock_within_the_legal_ranges(name, megahertz):
    try:
        made = target.load(name, clock_hz=round(megahertz * 1e6))
    except pll.PllError:
        assert name == "tangnano20k"  # its output stands in the loop: few clocks
        return
    setting, limits = made.pll, pll.LIMITS[made.flow]
    if setting is None:
        assert made.oscillator_hz == megahertz * 1e6
        return
    compare = Fraction(made.oscillator_hz, setting.divide)
    vco = compare * setting.multiply * (setting.output if limits.output_in_loop else 1)
    out = compare * setting.multiply if limits.output_in_loop else vco / setting.output
    assert setting.vco_hz == vco and setting.hz == out
    for hz, (low, high) in (
        (compare, limits.compare_mhz), (vco, limits.vco_mhz), (out, limits.out_mhz)
    ):  # fmt: skip
        assert low <= hz / 1_000_000 <= high
    assert abs(out / Fraction(round(megahertz * 1e6)) - 1) <= pll.TOLERANCE


def test_known_settings():
    assert pll.find("trellis", 25_000_000, 25_000_000) is None
    assert pll.find("trellis", 25_000_000, 100_000_000).hz == 100_000_000
    assert pll.find("apicula", 27_000_000, 40_500_000) == pll.Setting(
        Fraction(40_500_000), Fraction(40_500_000 * 16), 2, 3, 16
    )
    with pytest.raises(pll.PllError, match="can not make 1000 MHz from 25 MHz within 0.5%"):
        pll.find("trellis", 25_000_000, 1_000_000_000)


@pytest.mark.apicula
def test_gowins_settings_are_those_of_apiculas_own_search(capsys, monkeypatch):
    gowin_pll = importlib.import_module("apycula.gowin_pll")
    for megahertz in (40.5, 54, 67.5, 100):
        monkeypatch.setattr(
            "sys.argv",
            ["gowin_pll", "-i", "27", "-o", str(megahertz), "-d", "GW2AR-18 C8/I7"],
        )
        gowin_pll.main()
        text = capsys.readouterr().out
        theirs = float(re.search(r"Achieved output frequency:\s+([\d.]+)", text)[1])
        ours = pll.find("apicula", 27_000_000, round(megahertz * 1e6))
        assert float(ours.hz) / 1e6 == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize("name", REAL)
def test_every_port_of_the_top_level_has_one_pin(name):
    made = target.load(name)
    header = top.top_text(made).partition(");")[0]
    ports = sorted(re.findall(r"(?:input |output) wire (\w+)", header))
    texts = constraints.files(made)
    text = "".join(texts.values())
    located = {
        "trellis": r'LOCATE COMP "(\w+)" SITE "(\w+)";',
        "apicula": r'IO_LOC "(\w+)" (\w+);',
        "vivado": r"PACKAGE_PIN (?P<s>\w+) [^}]*} \[get_ports { (?P<p>\w+) }\]",
    }[made.flow]
    pairs = [
        (each["p"], each["s"]) if made.flow == "vivado" else each.groups()
        for each in re.finditer(located, text)
    ]
    assert sorted(port for port, _ in pairs) == ports
    assert len({site for _, site in pairs}) == len(pairs)
    assert dict(pairs) == {port: pin["site"] for port, pin in made.board.data["pins"].items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tx": None}, "has no tx"),
        ({"tx": {"site": "G2", "type": "LVCMOS33"}}, "site G2 has two ports"),
        ({"led_9": {"site": "D2", "type": "LVCMOS33"}}, "led_9 is no port and has no constant"),
        ({"tx": {"site": "L4", "typ": "LVCMOS33"}}, "pin tx: no key 'typ'"),
        ({"button": {"site": "R1", "type": "LVCMOS33", "active": "hi"}}, "active is 'hi'"),
        ({"rx": 5}, "pin rx is 5, wanted is { site"),
        ({"rx": {"site": "M1"}}, "pin rx: key 'type' is missing"),
        ({"rx": {"site": 70, "type": "LVCMOS33"}}, "pin rx: site is 70"),
        ({"rx": {"site": "M1; quit", "type": "LVCMOS33"}}, "pin rx: site is 'M1; quit'"),
        ({"rx": {"site": "M1", "type": "LVCMOS33 [exit]"}}, "pin rx: type is 'LVCMOS33 [exit]'"),
        ({"rx": {"site": "M1", "type": "LVCMOS33", "pull": "UP"}}, "pull is 'UP', allowed is up"),
        ({"x": {"site": "D2", "type": "LVCMOS33", "constant": 2}}, "constant is 2, allowed"),
        ({"x y": {"site": "D2", "type": "LVCMOS33", "constant": 1}}, "name of a pin is 'x y'"),
    ],
)
def test_wrong_pins_are_told(monkeypatch, change, message):
    board = boards.load("ulx3s")
    pins = {**board.data["pins"], **change}
    pins = {port: entry for port, entry in pins.items() if entry is not None}
    board.data["pins"] = pins
    monkeypatch.setattr(boards, "load", lambda *_: board)
    with pytest.raises(boards.BoardError, match=re.escape(message)):
        target.load("ulx3s")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part": "LFE5U; rm -r x"}, "ulx3s.toml: part is 'LFE5U; rm -r x'"),
        ({"openfpgaloader": "$(x)"}, "openfpgaloader"),
        ({"pack": {"options": ["--freq", "$(shell x)"]}}, "an option of [pack] is '$(shell x)'"),
        ({"nextpnr": {"options": "--85k"}}, "options is '--85k', a list is wanted"),
        ({"nextpnr": 3}, "nextpnr is 3, a table is wanted"),
        ({"pins": []}, "pins is [], a table is wanted"),
        ({"flow": "quartus"}, "flow is 'quartus', allowed is trellis, apicula, vivado"),
        ({"oscillator_hz": float("inf")}, "oscillator_hz is inf"),
        ({"device": {"lut": "many"}}, "lut is 'many', a positive whole number"),
    ],
)
def test_texts_that_the_tools_would_not_take_are_refused(monkeypatch, change, message):
    board = boards.load("ulx3s")
    board.data.update(change)
    monkeypatch.setattr(boards, "load", lambda *_: board)
    with pytest.raises(boards.BoardError, match=re.escape(message)):
        target.load("ulx3s")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz = 50_000_000", "clock_hz = inf", "clock_hz is inf, allowed is a whole number"),
        ("clock_hz = 50_000_000", "clock_hz = nan", "clock_hz is nan"),
        ("clock_hz = 50_000_000", "clock_hz = 0", "clock_hz is 0, allowed"),
        ("clock_hz = 50_000_000", "clock_hz = 1.5", "clock_hz is 1.5, a whole number"),
        ("baud = 115_200", "baud = '9600'", "baud is '9600', allowed"),
        ("baud = 115_200", "baud = true", "baud is True, allowed"),
        ('title = "Radiona', 'title = "a\\nmodule x; Radiona', "title is 'a"),
        ("ci = 16", "ci = 16\nwords = 3", "words"),
    ],
)
def test_wrong_values_of_a_board_file_are_told(tmp_path, monkeypatch, old, new, message):
    shipped = (boards.FOLDER / "ulx3s.toml").read_text()
    text = re.sub(r"clock_hz = \d\S+", "clock_hz = 50_000_000", shipped)
    assert old in text
    (tmp_path / "odd.toml").write_text(text.replace(old, new, 1))
    monkeypatch.setattr(boards, "FOLDER", tmp_path)
    with pytest.raises(boards.BoardError, match=re.escape(message)) as caught:
        boards.load("odd")
    assert str(caught.value).startswith("odd.toml: ")


@pytest.mark.icarus
@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize("with_pll", [False, True])
def test_the_top_level_is_verilog_that_others_read(name, with_pll, tmp_path):
    oscillator = target.load(name).oscillator_hz
    clock_hz = {27: 40.5, 25: 80, 48: 100, 100: 80}[oscillator // 1_000_000] * 1e6
    made = target.load(name, clock_hz=round(clock_hz) if with_pll else oscillator)
    assert (made.pll is not None) == (with_pll or made.goal is not None)
    (tmp_path / "top.v").write_text(top.top_text(made))
    (tmp_path / "rest.v").write_text(
        "module volley (input clk, input rst, input rx, input [31:0] clock_hz, input [23:0] divisor,\n"
        "output tx); assign tx = rx; endmodule\n"
    )
    # -i: the PLL is a module of the device
    command = ["iverilog", "-g2005", "-s", "top", "-i", "-t", "null", "top.v", "rest.v"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "error" not in done.stderr, done.stderr


BENCH = """\
module bench;
reg osc = 0, button = {idle}, rx = 1;
wire tx, beat, led_rx, led_tx;
top dut (.oscillator(osc), .button(button), .rx(rx), .tx(tx), .led_heartbeat(beat),
         .led_rx(led_rx), .led_tx(led_tx));
always #5 osc = ~osc;
initial begin
    #1 if (dut.rst !== 1) $display("FAIL: no reset at power-up");
    repeat (20) @(posedge osc);
    if (dut.rst !== 0) $display("FAIL: reset stays");
    if (led_rx !== {dark}) $display("FAIL: a light without activity");
    rx = 0; repeat (40) @(posedge osc); rx = 1;
    repeat (200) @(posedge osc);
    button = ~button; repeat (20) @(posedge osc);
    if (dut.rst !== 1) $display("FAIL: the button does not reset");
    button = ~button; repeat (20) @(posedge osc);
    if (dut.rst !== 0) $display("FAIL: reset stays after the button");
    $display("done"); $finish;
end
integer flashes = 0;
always @(led_rx) flashes = flashes + 1;
always @(posedge dut.rst) if ($time > 2000 && flashes < 2) $display("FAIL: no flash");
endmodule
module volley (input clk, input rst, input rx, output tx); assign tx = 1; endmodule
"""


@pytest.mark.icarus
@pytest.mark.parametrize("active_low", [False, True])
def test_reset_and_lights_work_in_simulation(tmp_path, active_low):
    made = target.load("arty")
    pins = tuple(
        dataclasses.replace(pin, active_low=active_low)
        if pin.port == "button" or pin.port.startswith("led") else pin
        for pin in made.pins
    )  # fmt: skip
    board = dataclasses.replace(made.board, clock_hz=256)  # a heartbeat of 256 cycles
    made = dataclasses.replace(made, pins=pins, board=board)
    (tmp_path / "top.v").write_text(top.top_text(made))
    idle = int(active_low)
    (tmp_path / "bench.v").write_text(BENCH.format(idle=idle, dark=f"1'b{idle}"))
    subprocess.run(["iverilog", "-o", "a", "top.v", "bench.v"], cwd=tmp_path, check=True)
    out = subprocess.run(["vvp", "a"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert "done" in out and "FAIL" not in out, out


def test_cells_are_counted_in_units_of_the_device():
    # nextpnr-ecp5's own count of this netlist: 9310 LUT4s
    cells = {"CCU2C": 1160, "LUT4": 5634, "TRELLIS_DPR16X4": 226, "TRELLIS_FF": 7456, "PFUMX": 9}
    cells |= {"DP16KD": 4, "MULT18X18D": 10, "EHXPLLL": 1}
    used = capacity.count(cells, "ecp5")
    assert used == {"lut": 9310, "ff": 7456, "bram": 4, "dsp": 10}
    xc7 = {"LUT6": 3, "LUT1": 1, "RAM32M": 2, "SRL16E": 1, "FDRE": 5, "RAMB18E1": 3, "RAMB36E1": 1}
    assert capacity.count(xc7, "xc7") == {"lut": 13, "ff": 5, "bram": 3, "dsp": 0}
    gowin = {"LUT4": 3, "LUT2": 1, "ALU": 4, "MUX2_LUT5": 2, "DFFRE": 6, "SDPB": 2, "SDPX9B": 1}
    assert capacity.count(gowin, "gowin") == {"lut": 8, "ff": 6, "bram": 3, "dsp": 0}


def test_everything_that_is_over_is_told_with_its_excess():
    there = {"lut": 100, "ff": 100, "bram": 10, "dsp": 4}
    capacity.check(there, there, "part")
    with pytest.raises(BuildError) as caught:
        capacity.check({"lut": 130, "ff": 99, "bram": 11, "dsp": 4}, there, "part")
    text = str(caught.value)
    assert "LUT 130 of 100 (30 over)" in text and "BRAM 11 of 10 (1 over)" in text
    assert "FF 99" not in text and caught.value.code == 4


@pytest.mark.parametrize("text", ["", "{", "{}", '{"fmax": {}}', '{"fmax": {"clk": {}}}'])
def test_a_damaged_timing_report_is_an_error(tmp_path, text):
    (tmp_path / timing.REPORT).write_text(text)
    with pytest.raises(BuildError, match="not a timing report"):
        timing.read(tmp_path)


def test_scripts_are_plain_yosys():
    for script in synth.SCRIPTS.values():
        assert script.startswith("read_verilog volley.v top.v\n") and "stat -json" in script
        assert script.rstrip().endswith("write_json top.json") and "tcl" not in script


def test_phases_are_read_from_the_tools_lines():
    assert phases.yosys("3.44.15.3. Executing XAIGER2 backend.") == "3.44.15.3 XAIGER2 backend"
    assert phases.yosys("2.50. Executing HIERARCHY pass (managing design).") == "2.50 HIERARCHY"
    assert phases.yosys("Parsing Verilog input") is None
    row = "Info:      56000 |     8869      45374 |  183   817 |      4377|       0.75      96.42|"
    assert phases.nextpnr(row) == "routing: 4377 arcs left"
    assert phases.nextpnr("Info: Packing LUTs...").startswith("Packing LUTs")
    text = "Info:     at iteration #7, type ALL: wirelen solved = 36201, spread = 62765"
    assert phases.nextpnr(text) == "placing: iteration 7"
    assert phases.nextpnr("Info:      logic  0.07  9.82 Source core.x") is None


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_one_line_is_written_over():
    screen = Screen()
    show = Display(screen)
    show.status("route  1 s")
    show.status("route  2 s  arcs")
    show("route: 3 s")
    lines = screen.getvalue().split("\n")
    assert lines[0].endswith("\rroute: 3 s") and "route  2 s  arcs" in lines[0]


def test_elsewhere_lines_come_now_and_then():
    now = [0.0]
    output = io.StringIO()
    show = Display(output, clock=lambda: now[0])
    for second in range(70):
        now[0] = float(second)
        show.status(f"{second} s")
    assert output.getvalue() == "  30 s\n  60 s\n"


def test_one_bad_board_file_leaves_the_others_in_the_list(tmp_path, monkeypatch):
    for name in ("arty", "ulx3s"):
        (tmp_path / f"{name}.toml").write_text((boards.FOLDER / f"{name}.toml").read_text())
    text = (boards.FOLDER / "sim.toml").read_text()
    (tmp_path / "bad.toml").write_text(text.replace("clock_hz = 100_000_000", "clock_hz = inf"))
    monkeypatch.setattr(boards, "FOLDER", tmp_path)
    listing = ports.listing()
    assert "bad" in listing and "not usable: bad.toml: clock_hz is inf" in listing
    assert "Digilent Arty A7-35T" in listing and "Radiona ULX3S" in listing
    assert report.targets() == ["arty", "ulx3s"]
