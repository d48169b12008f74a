"""LUTs and flip-flops of each block of a board's netlist, of one build or of several side by side.

    python bench/block_cost.py build/ulx3s [build/other ...] [--write docs/block-cost.md]

Reads top.json as ``fpga/build.py --target NAME --synth-only`` leaves it, of ECP5 or Gowin. A flip-flop
belongs to the block whose signal it is. What Yosys has made of logic has no name of a block any more: it
belongs to the block of the nearest cell with a name that it drives. Cycles are the compiler's, of this
tree, for the shipped models.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import re
import sys
from pathlib import Path

import page

from volley.firmware import modelfile
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.fpga.errors import BuildError
from volley.fpga.flows import arcs, project, synth
from volley.fpga.flows.replicate import Netlist
from volley.fpga.target.capacity import UNITS
from volley.fpga.target.grid import EMPTY
from volley.fpga.target.top import TOP

CHANNEL = r"core_pipeline_(?:channel|neuron_unit)_"
BLOCKS = {
    "popcount trees": CHANNEL + r"(count|soon|column_products)",
    "psums, row buffers": CHANNEL + r"(accumulate|weigh|differences|psums)|core_pipeline_psum",
    "currents, scale": CHANNEL + r"(currents|stacked)",
    "membranes": CHANNEL + r"(carry_membrane|v_)",
    "neurons": CHANNEL,
    "spike counts": r"core_pipeline_count_spikes",
    "spikes fired": r"core_pipeline_(count_fired|spike_total)",
    "window": r"core_pipeline_(window|columns)",
    "pool": r"core_pipeline_(pool|place)",
    "targets, valid bits": r"core_pipeline_|core_later_beat",
    "weight memory": r"core_weight_store",
    "parameter memory": r"core_param_store",
    "spike memory, picture writer": r"core_spike_store",
    "score memory": r"core_score_store",
    "sequencer, fetch": r"core_(sequencer|fetch|program_memory)",
    "host access": r"core_host",
    "counters": r"core_run_counters",
    "link": r"link_",
}
"""Names of signals without their numbers, the first pattern that is found; what is left is "other"."""
OTHER = "other"


def block_of(name):
    """The block of a name in the netlist, None if it says nothing of one."""
    plain = re.sub(r"(?<=[a-z])\d+(?=_|\b)", "", name.replace("\\", ""))
    for block, pattern in BLOCKS.items():
        if re.search(r"(?:^|\.)" + f"(?:{pattern})", plain):
            return block
    return None


def units(kind, family, resource):
    """How many of a resource a cell of that type takes."""
    return next((n for pattern, n in UNITS[family][resource] if re.fullmatch(pattern, kind)), 0)


def owners(netlist):
    """{cell: block}. Cells without a name take the block of the nearest cell that they drive."""
    found, loads = {}, {}
    for name, cell in netlist.cells.items():
        outputs = [
            bit
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "output"
            for bit in bits
            if isinstance(bit, int)
        ]
        named = [block_of(netlist.names[bit]) for bit in outputs if bit in netlist.names]
        block = next(filter(None, named), None) or block_of(name)
        if block:
            found[name] = block
        loads[name] = [load[0] for bit in outputs for load in netlist.loads.get(bit, [])]
    drivers = collections.defaultdict(list)
    for name, users in loads.items():
        for user in users:
            drivers[user].append(name)
    waiting = collections.deque(found)
    while waiting:
        user = waiting.popleft()
        for name in drivers[user]:
            if name not in found:
                found[name] = found[user]
                waiting.append(name)
    return found


def cycles(stamp):
    """{model: cycles of a picture} of the shipped models that run on the design of a build."""
    known = [field.name for field in dataclasses.fields(Design)]
    design = Design(**{name: n for name, n in stamp["design"].items() if name in known})
    models = [
        modelfile.load(str(path)) for path in sorted(page.SHIPPED.parent.glob("*.safetensors"))
    ]
    found = {}
    for model in models:
        with contextlib.suppress(FitError):  # built without what a model needs
            found[model.name] = compile_model(model, design, explain=False).report["cycles"]
    return found


def measure(folder):
    """({block: (LUT, FF)}, arcs, {model: cycles}) of a build folder; raises ``BuildError``."""
    folder = Path(folder)
    try:
        data = json.loads((folder / synth.NETLIST).read_text())
        stamp = json.loads((folder / project.STAMP).read_text())
        netlist, family = Netlist(data, TOP), stamp["family"]
    except (OSError, ValueError, KeyError) as error:
        raise BuildError(
            f"{folder}: no netlist of a build: {error}; python fpga/build.py --target NAME "
            "--synth-only makes one",
            code=2,
        ) from None
    costs = {block: [0, 0] for block in (*BLOCKS, OTHER)}
    belongs = owners(netlist)
    for name, cell in netlist.cells.items():
        if name.startswith(EMPTY):
            continue
        cost = costs[belongs.get(name, OTHER)]
        for place, resource in enumerate(("lut", "ff")):
            cost[place] += units(cell["type"], family, resource)
    return costs, arcs.count(data), cycles(stamp)


def table(folders):
    """Lines of the table in Markdown; raises ``BuildError``."""
    found = [measure(folder) for folder in folders]
    names = [Path(folder).name for folder in folders]
    heads = ["block", *(f"{what}, {name}" for name in names for what in ("LUT", "FF"))]
    rows = [
        [block, *(f"{costs[block][place]:,}" for costs, *_ in found for place in (0, 1))]
        for block in (*BLOCKS, OTHER)
        if any(any(costs[block]) for costs, *_ in found)
    ]
    sums = [sum(cost[place] for cost in costs.values()) for costs, *_ in found for place in (0, 1)]
    rows.append(["all", *(f"{each:,}" for each in sums)])
    whole = [
        ["arcs, driver to load (`fpga/flows/arcs.py`)", *(f"{count:,}" for _, count, _ in found)],
        *(
            [
                f"cycles of a picture, {model}",
                *(f"{taken[model]:,}" if model in taken else "" for *_, taken in found),
            ]
            for model in dict.fromkeys(model for *_, taken in found for model in taken)
        ),
    ]
    return [*page.table(heads, rows), "", *page.table(["", *names], whole)]


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("block_cost.py", __doc__, page=True)
    parser.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="build folders, such as build/ulx3s"
    )
    options = parser.parse_args(arguments)
    try:
        lines = table(options.folders)
    except BuildError as error:
        return page.failed("block_cost.py", error)
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Cost of the blocks", "block_cost.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
