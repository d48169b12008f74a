"""Stand-in tools on the PATH: they write what the real ones write, or fail as they do.

``Tools.behave`` says what goes wrong: "fail", "slow" (timing is missed), "big", "crowded" (too much
wire), or "hang": half of an output is written, then the tool waits with a process of its own.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

from volley.firmware import boards

WITH_GOAL = "late.toml"
"""Board file of a test that keeps its ``goal_hz``."""

PATHS = [{"from": "posedge $glbnet$clk", "to": "posedge $glbnet$clk", "path": [
    {"delay": 0.5, "type": "clk-to-q", "from": {"cell": "a", "port": "CLK"},
     "to": {"cell": "a", "port": "Q"}},
    {"delay": 9.5, "type": "routing", "from": {"cell": "a", "port": "Q"},
     "to": {"cell": "core.b", "port": "DI"}},
]}]  # fmt: skip

YOSYS = """\
script = open(sys.argv[sys.argv.index("-s") + 1]).read()
assert "read_verilog volley.v top.v" in script and "tcl" not in script
print("1. Executing Verilog-2005 frontend: volley.v")
if what == "fail":
    print("ERROR: syntax error, unexpected TOK_ID", file=sys.stderr)
    sys.exit(1)
cells = {"LUT4": 90_000 if what == "big" else 1000, "TRELLIS_FF": 2000, "DP16KD": 10}
note("top.json", '{"modules": {"top": {"ports": {}, "cells": {}, "netnames": {}}}}')
note("stat.json", json.dumps({"design": {"num_cells_by_type": cells}}))
"""

NEXTPNR = """\
if what == "fail":
    print("ERROR: Unable to place cell 'x', no BELs remaining", file=sys.stderr)
    sys.exit(255)
print("Info: Routing..")
if what == "crowded":
    for number in range(1, 9):
        print(f"Info:     iter={number} wires=9 overused={20000 - number}", flush=True)
    import time
    time.sleep(60)  # not to be waited for
reached = 80.0 if what == "slow" else 123.4
report = {"fmax": {"$glbnet$clk": {"achieved": reached, "constraint": 100.0}}}
report["critical_paths"] = json.loads(os.environ["STAND_IN_PATHS"])
if "--no-route" not in sys.argv:
    note(value("--report"), json.dumps(report))
    note(value("--textcfg"), os.environ.get("STAND_IN_CONFIG") or "seed " + value("--seed"))
if "--no-place" in sys.argv:
    note("routed.txt", open(value("--json")).read())
if "--write" in sys.argv:
    placed = os.environ["STAND_IN_PLACED"]  # a netlist, or @ and its file
    note(value("--write"), open(placed[1:]).read() if placed.startswith("@") else placed)
"""

ECPPACK = """\
note(sys.argv[-1], open(sys.argv[-2]).read())
"""

LOADER = """\
assert sys.argv[1:3] == ["-b", "ulx3s"] and sys.argv[-1] == "top.bit", sys.argv
note("loader.json", json.dumps(sys.argv[3:-1]))
print("Open file: DONE")
"""

VIVADO = """\
import re
sources = [arg for arg in sys.argv[1:] if arg.endswith(".tcl")]
assert sys.argv[1:5] == ["-notrace", "-mode", "batch", "-source"], sys.argv
text = "".join(open(name).read() for name in sources)
named = re.findall(r"^(?:read_verilog|read_xdc|source) \\{(.*)\\}", text, re.M)
if sources == ["power.tcl"]:
    assert os.path.isfile("arty.bit") and "open_run impl_1" in text
    if what == "fail":
        print("ERROR: [Common 17-69] Command failed: Run 'impl_1' failed. Unable to open", flush=True)
        sys.exit(1)
    note(re.search(r"report_power -file (\\S+)", text)[1], "| Total On-Chip Power (W)  | 0.254        |\\n")
elif "create_project" in text:
    assert named == ["volley.v", "top.v", "top.xdc", "hook.tcl"], named
    assert all(os.path.isfile(name) for name in named)
    assert "set_property part xc7a35ticsg324-1L [current_project]" in text
    assert "set_property top top [current_fileset]" in text
    assert "[get_ports { rx }]" in open("top.xdc").read()
    reports = re.search(r"file normalize (\\S+)\\]", open("hook.tcl").read())[1]
    assert "-file ../../timing.rpt" in open(reports).read()
    note("arty.xpr", "")
else:
    assert os.path.isfile(sys.argv[-1]) and sys.argv[-1] == "arty.xpr"
    assert "launch_runs impl_1 -to_step write_bitstream" in text
    if what == "fail":
        print("ERROR: [Place 30-640] Place Check : This design requires more Slices", flush=True)
        sys.exit(1)
    note("arty.bit", "bits")
    note("timing.rpt", "    WNS(ns)      TNS(ns)\\n    -------      -------\\n"
         f"{'     -1.250' if what == 'slow' else '      0.333'}        0.000\\n"
         "  Source:                 core/a_reg/C\\n  Destination:            core/b_reg/D\\n")
"""

VERILATOR = """\
assert sys.argv[1:] == ["-f", "volley.vc"], sys.argv
note("Vvolley.mk", "Vvolley: main.cpp\\n\\tg++ -o Vvolley main.cpp\\n")
"""

GXX = """\
assert "-o" in sys.argv, sys.argv
note(value("-o"), "a simulated board")
"""

HEAD = f"""\
#!{sys.executable} -SE
import json, os, sys
if "--version" in sys.argv:
    print("stand-in 1.0")
    sys.exit(0)
what = os.environ.get("STAND_IN_" + os.path.basename(sys.argv[0]).replace("-", "_").replace("+", "x"), "")
with open(os.environ["STAND_IN_CALLS"], "a") as calls:
    calls.write(os.path.basename(sys.argv[0]) + "\\n")
def note(name, text):
    with open(name, "w") as file:
        file.write(text[: len(text) // 2] if what == "hang" else text)
    if what == "hang":
        import subprocess
        with subprocess.Popen(["sleep", "60"]):
            open(os.environ["STAND_IN_CALLS"] + ".hangs", "w").close()
def value(option):
    return sys.argv[sys.argv.index(option) + 1]
"""

TOOLS = {
    "yosys": YOSYS,
    "nextpnr-ecp5": NEXTPNR,
    "ecppack": ECPPACK,
    "openFPGALoader": LOADER,
    "vivado": VIVADO,
    "verilator": VERILATOR,
    "g++": GXX,
}


def boards_at_100_mhz(monkeypatch):
    """Boards have the clock of the stand-ins' timing reports, and but for WITH_GOAL no goal and no annealing."""
    load = boards.load

    def loaded(name, *given):
        board = load(name, *given)
        kept = name.endswith(WITH_GOAL)
        data = {key: value for key, value in board.data.items() if kept or key != "goal_hz"}
        if "anneal" in data.get("nextpnr", {}) and not kept:
            tool = data["nextpnr"]
            data["nextpnr"] = {key: value for key, value in tool.items() if key != "anneal"}
        return dataclasses.replace(board, clock_hz=100_000_000, data=data)

    monkeypatch.setattr(boards, "load", loaded)


class Tools:
    """Stand-ins in ``folder``, first on the PATH. calls: what ran since the last look."""

    def __init__(self, folder: Path, monkeypatch, names):
        self.monkeypatch = monkeypatch
        self.log = folder / "calls"
        self.log.write_text("")
        self.hanging = folder / "calls.hangs"
        for name in names:
            path = folder / name
            path.write_text(HEAD + TOOLS[name])
            path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("STAND_IN_CALLS", str(self.log))
        monkeypatch.setenv("STAND_IN_PATHS", json.dumps(PATHS))

    def behave(self, tool: str, how: str) -> None:
        """From now on ``tool`` does what ``how`` says."""
        self.monkeypatch.setenv("STAND_IN_" + tool.replace("-", "_").replace("+", "x"), how)

    def calls(self) -> list[str]:
        """The names of the tools that ran since the last call."""
        names = self.log.read_text().split()
        self.log.write_text("")
        return names
