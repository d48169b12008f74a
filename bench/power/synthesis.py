"""The accelerator as a netlist of a library's cells, by MyHDL's conversion and Yosys."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from bench.power import clock_gates
from volley.firmware.files import IMPORT_ROOT

TOP = "core"

SCRIPT = """\
read_verilog {top}.v
hierarchy -check -top {top}
proc
flatten
opt_expr
opt_clean
opt
wreduce
peepopt
opt_clean
alumacc
opt
memory -nomap
opt_clean
memory_map -rom-only
opt -fast -full {registers}
techmap
opt -fast {registers}
{clock_gates}dfflibmap -liberty {liberty}
opt -fast -nodffe -nosdff
abc -liberty {liberty} {unused}
opt_clean
stat -liberty {liberty}
write_json {netlist}
"""
"""Memories stay whole. Cells of ``unused`` are none that a netlist of gates has, as drivers of a bus."""

CLOCK_GATES = """\
dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01
clockgate -min_net_size {fewest} -pos {cell} {pins} {tied}
dfflegalize -cell $_DFF_P_ 01
"""
FEWEST = 1
"""Flip-flops with an enable that get a clock gate; more than one would leave what is behind them ungated."""


class SynthesisError(Exception):
    """Yosys or the conversion failed; the text names the log."""


def convert(design_settings: str, path: Path) -> None:
    """Converts the core to Verilog, in a process of its own with hash seed 0; raises SynthesisError."""
    code = (
        "import sys; from volley.firmware.design import Design, parse_settings;"
        "from bench.power.synthesis import convert_here;"
        "convert_here(Design(**parse_settings(sys.argv[1])), sys.argv[2])"
    )
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [root, str(IMPORT_ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code, design_settings, str(path)], capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": paths},
    )  # fmt: skip
    if done.returncode:
        raise SynthesisError(f"conversion: {done.stderr.strip().splitlines()[-1]}")


def convert_here(design, path) -> None:
    """Converts the core, its bus as ports, to the file ``path``."""
    from myhdl import Signal

    from volley.rtl.convert.converter import convert as to_verilog
    from volley.rtl.convert.myhdl_speedup import quick_inspect
    from volley.rtl.core import core
    from volley.rtl.link.bus import Bus
    from volley.rtl.link.identity import identity_words

    with quick_inspect():
        instance = core(
            Signal(bool(0)), Bus(), identity_words(design, 100_000_000, "energy"), design
        )
    to_verilog(instance, "verilog", path, zero_memories=False)


def settings(design) -> str:
    """A design as text, ``ci=8,co=2,...``."""
    return ",".join(f"{name}={value}" for name, value in dataclasses.asdict(design).items())


def script(library, liberty: str, made: str, gated: bool) -> str:
    """Yosys' commands; raises SynthesisError."""
    gate, text = clock_gates.clock_gate(library) if gated else None, ""
    if gated and not gate:
        raise SynthesisError(f"{library.name} has neither a clock gate nor a latch and an AND")
    if gate:
        pins = f"{gate.enable_pin}:{gate.clock_pin}:{gate.output_pin}"
        tied = " ".join(f"-tie_lo {pin}" for pin in gate.tied)
        text = CLOCK_GATES.format(fewest=FEWEST, cell=gate.cell, pins=pins, tied=tied)
    unused = [
        name for name, cell in library.cells.items()
        if cell.state or len(cell.outputs) != 1 or not cell.outputs[0].function
        or not any(cell.inputs)
    ]  # fmt: skip
    return SCRIPT.format(
        top=TOP, liberty=liberty, netlist=made, clock_gates=text,
        registers="-nosdff" if gated else "-nodffe -nosdff",
        unused=" ".join(f"-dont_use {name}" for name in unused),
    )  # fmt: skip


def netlist(design, library, liberty: Path, folder: Path, gated: bool, say=print) -> Path:
    """Yosys' JSON of the core in cells of a library; made anew if design, library or hardware changed.

    library: ``liberty.Library``; liberty: its file. gated: enables become clock gates. Raises SynthesisError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    verilog, made, local = folder / f"{TOP}.v", folder / "netlist.json", folder / "library.lib"
    say("conversion to Verilog")
    convert(settings(design), verilog)
    commands = script(library, local.name, made.name, gated)
    text = verilog.read_bytes() + Path(liberty).read_bytes() + commands.encode()
    key = hashlib.sha256(text).hexdigest()
    stamp = folder / "netlist.key"
    if made.exists() and stamp.exists() and stamp.read_text() == key:
        return made
    stamp.unlink(missing_ok=True)
    local.write_bytes(Path(liberty).read_bytes())
    (folder / "synth.ys").write_text(commands)
    say(f"synthesis to the cells of {library.name}: minutes; the log is {folder / 'synth.log'}")
    code = "from pyosys import libyosys as y; y.run_pass('script synth.ys', y.Design())"
    with open(folder / "synth.log", "w") as log:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    if done.returncode or not made.exists():
        raise SynthesisError(f"Yosys failed; {folder / 'synth.log'} says why")
    stamp.write_text(key)
    return made
