"""The Vivado project of a PCIe board: its Tcl in tclsh with stand-ins for Vivado's commands, its names."""

import os
import re
import subprocess
import sys

import pytest

from volley.firmware import boards
from volley.firmware.files import IMPORT_ROOT
from volley.firmware.pcie import BAR_BYTES, CLASS_CODE, DEVICE_ID, VENDOR_ID
from volley.fpga.errors import BuildError
from volley.fpga.flows import program, synth, vivado
from volley.fpga.target import constraints, pcie, target, top

PCIE_BOARDS = [name for name in boards.names() if boards.load(name).has_pcie]

# Vivado's commands: each prints its name and then its arguments, a line each; get_cells knows the block's
STAND_INS = """\
proc tell {name arguments} { puts "<$name>"; foreach each $arguments { puts "  $each" } }
foreach name {create_ip set_property reset_property generate_target} {
    proc $name args "tell $name \\$args"
}
proc get_ips name { return "ip:$name" }
proc get_runs name { return "run:$name" }
proc get_files name { return "file:$name" }
proc get_cells args {
    set filter [lindex $args end]
    foreach {kind cells} $::block_cells {
        if {[string match "NAME =~ pcie_block/\\* && REF_NAME == $kind" $filter]} { return $cells }
    }
    error "no cells for $filter"
}
"""
CELLS = {"GTPE2_CHANNEL": ["pcie_block/gt0"], "GTPE2_COMMON": ["pcie_block/common"], "RAMB36E1": []}


def run_tcl(text, folder, cells=CELLS):
    """The commands that Tcl runs: lists of their words. AssertionError with Tcl's error."""
    listed = " ".join(f"{kind} {{{' '.join(names)}}}" for kind, names in cells.items())
    script = folder / "run.tcl"
    script.write_text(f"set block_cells {{{listed}}}\n{STAND_INS}\n{text}")
    done = subprocess.run(["tclsh", script], capture_output=True, text=True, cwd=folder, timeout=30)
    assert done.returncode == 0, done.stderr
    commands = []
    for line in done.stdout.splitlines():
        if line.startswith("<"):
            commands.append([line.strip("<>")])
        else:
            commands[-1].append(line[2:])
    return commands


@pytest.mark.tclsh
def test_the_ip_is_made_with_its_parameters(tmp_path):
    create, configure, generate = run_tcl(pcie.ip_tcl(), tmp_path)
    assert create == [
        "create_ip", "-vendor", "xilinx.com", "-library", "ip", "-name", "pcie_7x",
        "-module_name", pcie.MODULE,
    ]  # fmt: skip
    assert configure[0:2] == ["set_property", "-dict"] and configure[3] == f"ip:{pcie.MODULE}"
    # a dictionary of Tcl: words without a space, or in braces
    words = re.findall(r"\{([^}]*)\}|(\S+)", configure[2])
    flat = [braced or plain for braced, plain in words]
    given = {name.removeprefix("CONFIG."): value for name, value in zip(flat[::2], flat[1::2])}
    assert given == pcie.CONFIG
    assert int(given["Vendor_ID"], 16) == VENDOR_ID and int(given["Device_ID"], 16) == DEVICE_ID
    assert int(given["Bar0_Size"]) * 1024 == BAR_BYTES
    parts = ("Base", "Sub", "Interface")
    assert int("".join(given[f"Class_Code_{part}"] for part in parts), 16) == CLASS_CODE
    assert generate == ["generate_target", "all", f"ip:{pcie.MODULE}"]


@pytest.mark.tclsh
@pytest.mark.parametrize("name", PCIE_BOARDS)
def test_the_lane_is_placed_where_the_board_has_it(name, tmp_path):
    channel = boards.load(name).data["pcie"]["channel"]
    assert run_tcl(pcie.place_tcl(channel), tmp_path) == [
        ["reset_property", "LOC", "pcie_block/gt0"],
        ["reset_property", "LOC", "pcie_block/common"],
        ["set_property", "LOC", "GTPE2_CHANNEL_X0Y6", "pcie_block/gt0"],
    ]


@pytest.mark.tclsh
def test_a_block_with_other_lanes_is_an_error(tmp_path):
    for found in ([], ["pcie_block/gt0", "pcie_block/gt1"]):
        with pytest.raises(AssertionError, match=f"has {len(found)} GTPE2_CHANNEL, 1 is expected"):
            run_tcl(pcie.place_tcl("X"), tmp_path, {**CELLS, "GTPE2_CHANNEL": found})


@pytest.mark.tclsh
def test_the_hooks_name_files_of_the_project(tmp_path):
    hook = vivado.HOOK_TEXT + pcie.HOOK_TEXT
    commands = run_tcl(hook, tmp_path)
    assert [words[1] for words in commands] == [
        "STEPS.ROUTE_DESIGN.TCL.POST", "STEPS.PLACE_DESIGN.TCL.PRE", "used_in_synthesis",
    ]  # fmt: skip
    assert commands[2][2:] == ["false", f"file:{pcie.XDC}"]
    assert commands[1][2] == str(tmp_path.resolve() / pcie.PLACE)


@pytest.mark.parametrize("name", PCIE_BOARDS)
def test_the_project_has_its_files_in_order(name, tmp_path):
    made = target.load(name)
    vivado.configure(made, tmp_path)
    text = (tmp_path / f"{name}.tcl").read_text()
    named = re.findall(r"^(?:read_verilog|read_xdc|source) \{(.*)\}", text, re.M)
    assert named == ["volley.v", "top.v", "top.xdc", pcie.XDC, pcie.IP, "hook.tcl"]
    assert text.index("create_project") < text.index(pcie.IP)
    assert all((tmp_path / each).is_file() for each in (pcie.IP, pcie.PLACE, "hook.tcl"))
    assert f"read_verilog -lib {pcie.STUB}" in synth.script("xc7", True)
    assert pcie.STUB not in synth.script("xc7")


@pytest.mark.icarus
@pytest.mark.parametrize("name", PCIE_BOARDS)
def test_icarus_takes_the_top_with_the_block(name, tmp_path):
    """All ports are there and as wide as what is connected to them."""
    made = target.load(name)
    (tmp_path / "top.v").write_text(top.top_text(made))
    (tmp_path / "stub.v").write_text(pcie.stub_text())
    wires = dict.fromkeys(pcie.core_ports())
    widths = {wire: bits for _, bits, wire in (*pcie.INPUTS, *pcie.OUTPUTS)}
    names = [each.split("(")[0][1:] for each in wires]
    outputs = {"pcie_rx_tready", *(each for each in names if re.match("pcie_tx_t(?!ready)", each))}
    ports = [
        f"{'output' if each in outputs else 'input'} [{widths[each] - 1}:0] {each}"
        for each in names
    ]
    ports = ["input clk", "input rst", "input rx", "output tx", *ports]
    others = [
        "module IBUFDS(input I, IB, output O); endmodule",
        "module IBUFDS_GTE2(input I, IB, CEB, output O, ODIV2); endmodule",
        "module BUFG(input I, output O); endmodule",
        "module PLLE2_BASE #(parameter CLKIN1_PERIOD=0, DIVCLK_DIVIDE=0, CLKFBOUT_MULT=0, "
        "CLKOUT0_DIVIDE=0)(input CLKIN1, CLKFBIN, PWRDWN, RST, output CLKFBOUT, CLKOUT0, LOCKED); "
        "endmodule",
    ]
    core = f"module volley({', '.join(ports)}); endmodule"
    (tmp_path / "others.v").write_text("\n".join([*others, core, ""]))
    files = ["top.v", "stub.v", "others.v"]
    done = subprocess.run(
        ["iverilog", "-g2005", "-Wall", "-Wno-timescale", "-s", "top", "-o", "x", *files],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and not re.search("expects|width|declar", done.stderr), done.stderr


def test_the_constraints_name_registers_of_the_engine(tmp_path):
    """As the conversion names them: inside module ``volley`` the endpoint's come with its own name.

    In a process of its own, as boards are converted: the numbers of instances are those of the process.
    """
    code = (
        "from volley.rtl.convert.converter import convert;"
        "from volley.rtl.link.pcie.pcie_endpoint import endpoint_instance;"
        "convert(endpoint_instance(), 'verilog', 'endpoint.v')"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True,
        env={**os.environ, "PYTHONPATH": str(IMPORT_ROOT)},
    )  # fmt: skip
    text = (tmp_path / "endpoint.v").read_text()
    cells = re.findall(rf"{pcie.ENDPOINT}_(\w+)_reg\[\*\]", "\n".join(pcie.crossing_xdc()))
    assert len(set(cells)) == 2 * 2 * 3
    for cell in set(cells):
        assert re.search(rf"^reg \[\d+:0\] {cell}\b", text, re.M), cell


def test_a_differential_oscillator_needs_a_pll():
    with pytest.raises(ValueError, match="litefury: a differential oscillator needs another clock"):
        top.top_text(target.load("litefury", clock_hz=200_000_000))


def test_pins_that_pcie_needs_are_told(monkeypatch):
    board = boards.load("litefury")
    del board.data["pins"]["pcie_perst_n"]
    monkeypatch.setattr(boards, "load", lambda *_: board)
    with pytest.raises(boards.BoardError, match="has no pcie_perst_n"):
        target.load("litefury")


def test_pcie_on_a_board_without_the_block_is_told():
    with pytest.raises(boards.BoardError, match="ulx3s.toml: (key 'pcie' is missing|flow is)"):
        target.load("ulx3s", {"pcie": 1})


def test_a_board_that_the_loader_has_no_name_for_is_loaded_by_its_part(tmp_path):
    options = program.Options(flash=False, cable="digilent_hs2", serial=None)
    made = program.command(target.load("litefury"), tmp_path / "litefury.bit", options)
    assert made[1:] == ["--fpga-part", "xc7a100tfgg484", "--cable", "digilent_hs2", "litefury.bit"]
    assert "acornCle215" in program.command(target.load("acorn"), tmp_path / "a.bit", options)


def test_without_vivado_the_exit_code_is_3(tmp_path, monkeypatch):
    """The project is complete when the build stops."""
    monkeypatch.setattr(vivado.shutil, "which", lambda _: None)
    monkeypatch.setattr(vivado.Project, "write_sources", lambda self: None)
    monkeypatch.setattr(vivado.Project, "synthesise", lambda *_: "key")
    with pytest.raises(BuildError) as caught:
        vivado.build(target.load("litefury"), tmp_path, vivado.Options(), lambda text: None)
    assert caught.value.code == 3 and (tmp_path / "litefury.tcl").is_file()
    assert set(constraints.files(target.load("litefury"))) == {"top.xdc", pcie.XDC}


@pytest.mark.tclsh
def test_the_constraints_are_tcl(tmp_path):
    """Each line is one command of Vivado's; of those that cross, both directions and every counter."""
    known = "set_property create_clock set_false_path set_max_delay set_bus_skew"
    finders = "get_ports get_clocks get_pins get_cells get_iobanks current_design"
    stand_ins = "".join(
        f'foreach name {{{names}}} {{ proc $name args "return {value}" }}\n'
        for names, value in ((finders, "found"), (known, "done"))
    )
    files = constraints.files(target.load("acorn"))
    for text in files.values():
        run_tcl(f"{stand_ins}{text}", tmp_path)
    lines = files[pcie.XDC].splitlines()
    starts = [line.split(" -from ")[1].split(" -to ") for line in lines if "max_delay" in line]
    assert len(starts) == 2 and starts[0][0] in starts[1][1] and starts[1][0] in starts[0][1]
    assert sum("set_bus_skew" in line for line in lines) == 2 * len(pcie.COUNTERS)
