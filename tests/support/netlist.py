"""Netlists after synthesis, with models of their cells, for simulation."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from tests.support.tools import need
from volley.fpga.flows import synth
from volley.fpga.flows.replicate import rewrite

CELLS = Path(__file__).resolve().parent / "cells"
LIBRARIES = {"ecp5": "ecp5", "gowin": "gowin", "xc7": "xilinx"}
"""Folder of Yosys' cell library by device family."""

PASSES = {"ecp5": synth.ECP5, "gowin": synth.GOWIN, "xc7": synth.XC7}
"""What the builds of boards run."""


def yosys_share():
    """The folder of Yosys' cell libraries; where pyosys is missing, ``tools.need`` decides."""
    need("yosys")
    return Path(importlib.util.find_spec("pyosys").origin).parent / "share"


def synthesise(source, module, family, folder, passes=None, change=None):
    """Synthesises a Verilog file as the builds of boards do; returns the netlist's path.

    module: its top, and the netlist's. passes: of Yosys, None for those of the family. change: what is done to
    the netlist's JSON data, with ``synth.TOP`` for its top, before it becomes Verilog.
    """
    yosys_share()
    stem = f"{module}_{family}"
    netlist, data = folder / f"{stem}.v", folder / f"{stem}.json"
    script = f"read_verilog {source}\n{synth.NO_COLLISIONS}rename {module} {synth.TOP}\n{passes or PASSES[family]}\n"
    if change:
        run_yosys(f"{script}write_json {data}\n", folder, f"{stem}_before")
        rewrite(data, change)
        script = f"read_json {data}\n"
    written = f"rename {synth.TOP} {module}\nwrite_verilog -noattr {netlist}\n"
    run_yosys(f"{script}{written}", folder, stem)
    return netlist


def run_yosys(script, folder, stem):
    """Runs Yosys' commands in a process of its own; its log is ``stem``.log."""
    (folder / f"{stem}.ys").write_text(script)
    code = f"from pyosys import libyosys as y; y.run_pass('script {folder / stem}.ys', y.Design())"
    with open(folder / f"{stem}.log", "wb") as log:
        subprocess.run([sys.executable, "-c", code], cwd=folder, stdout=log, stderr=log, check=True)


def cell_models(family, folder):
    """(sources, options of iverilog): Yosys' cell library, and our models of cells that the library
    gives without behaviour."""
    library = yosys_share() / LIBRARIES[family]
    ours = (CELLS / f"{family}.v").read_text()
    text = with_includes(library, "cells_sim.v", set())
    for module in re.findall(r"^module (\w+)", ours, re.M):
        text = re.sub(rf"^module {module}\b.*?^endmodule", "", text, flags=re.M | re.S)
    # a task that Icarus 11 does not know there; it stands for uses that no netlist has
    text = re.sub(r"^\s*\$error\(.*\);$", "", text, flags=re.M)
    path = folder / f"cells_{family}.v"
    path.write_text(text)
    return [path, CELLS / "ram.v", CELLS / f"{family}.v"], ["-g2012"]


def with_includes(folder, name, seen):
    """The text of a file with what it includes, each file once."""
    seen.add(name)

    def included(match):
        return "" if match[1] in seen else with_includes(folder, match[1], seen)

    return re.sub(r'^`include "([^"]+)"', included, (folder / name).read_text(), flags=re.M)
