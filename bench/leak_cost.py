"""LUTs and flip-flops of a neuron with and without the leak, a design's option `leak`.

    python bench/leak_cost.py [--write docs/leak-cost.md]

Counted is Yosys' netlist of one channel's neuron, eight ticks in a pipeline, with the passes of the
boards' builds, for Xilinx's series 7 and for ECP5. LUTs that are shift registers are counted apart: where the
pipeline is longer, they hold what goes on beside the membrane, instead of flip-flops.
"""

import sys
import tempfile
from pathlib import Path

import array_cost
import page
from myhdl import Signal, block, intbv

from volley.firmware.isa import DESCRIPTOR, LANES, MEMBRANE_BITS
from volley.fpga.target import capacity
from volley.rtl.control.fields import field_signal
from volley.rtl.convert.converter import ConversionError, convert
from volley.rtl.neuron.leak import LeakPort
from volley.rtl.neuron.neuron import Rules, neuron
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.signed import signed

FAMILIES = {"xc7": "Xilinx series 7", "ecp5": "ECP5"}
COUNTS = ("lut", "srl", "ff")


@block
def lone_neuron(clk, soft, restart, port, lanes, v_start, threshold, currents, spikes, v_end):
    """A neuron with ports of its own; restart: None without pack, port: a LeakPort or None."""
    return neuron(
        clk, Rules(soft, restart, port), lanes, (v_start, threshold, currents), spikes, v_end
    )


def instance(leak, pack):
    """A neuron for conversion; leak, pack: as the design's options."""
    clk, soft = Signal(bool(0)), Signal(bool(0))
    lanes, spikes, restart = (Signal(intbv(0)[LANES:]) for _ in range(3))
    v_start, threshold, v_end = (signed(MEMBRANE_BITS) for _ in range(3))
    currents = Signal(intbv(0)[LANES * CURRENT_BITS :])
    port = LeakPort(field_signal(DESCRIPTOR["leak"]), field_signal(DESCRIPTOR["leak_first"]))
    return lone_neuron(
        clk, soft, restart if pack else None, port if leak else None, lanes, v_start, threshold,
        currents, spikes, v_end,
    )  # fmt: skip


def measure(leak, pack, family, folder):
    """{resource: count} of one neuron."""
    source = convert(instance(leak, pack), "verilog", folder / "neuron.v")
    cells = array_cost.cells(source.name, source.stem, family, folder)
    found = capacity.count(cells, family)
    shifts = sum(number for cell, number in cells.items() if cell.startswith("SRL"))
    return {"lut": found["lut"] - shifts, "srl": shifts, "ff": found["ff"]}


def rows(folder):
    """Cells of the table: for each device and for pack = 0 and 1, without, with, and what a tick adds."""
    table = []
    for family, title in FAMILIES.items():
        for pack in (0, 1):
            without, leaky = (measure(leak, pack, family, folder) for leak in (0, 1))
            more = [f"{(leaky[name] - without[name]) / LANES:.0f}" for name in COUNTS]
            counts = [f"{found[name]:,}" for found in (without, leaky) for name in COUNTS]
            table.append([title, str(pack), *counts, *more])
            print(table[-1], file=sys.stderr)
    return table


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("leak_cost.py", __doc__, page=True)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = rows(Path(folder))
        except (ConversionError, RuntimeError, OSError) as error:
            return page.failed("leak_cost.py", error)
    heads = [
        "neuron of a channel",
        "pack",
        "LUT",
        "SRL",
        "FF",
        "LUT, leak",
        "SRL, leak",
        "FF, leak",
    ]
    more = [f"{name} more a tick" for name in ("LUT", "SRL", "FF")]
    lines = page.table([*heads, *more], found)
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Cost of the leak", "leak_cost.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
