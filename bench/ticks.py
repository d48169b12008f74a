"""Cycles of one network at several numbers of ticks, counted by the hardware of the simulated board.

    python bench/ticks.py [--ticks 1,2,4,8,16,32] [--set pack=1] [--write docs/ticks.md]

The network is that of the model file, which is trained for one number of ticks; spikes and scores of
each run must equal the golden model's.
"""

import dataclasses
import sys

import numpy as np
import page

from volley.firmware import modelfile
from volley.firmware.compiler.lanes import describe
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import parse_settings
from volley.host import Device
from volley.host.errors import HostError
from volley.model import golden

PICTURES = 2


def measure(device, model):
    """(cycles and bound of each layer, cycles of the whole run) of a model on a board."""
    program = compile_model(model, device.identity.design)
    device.load(program)
    pictures = page.example_pictures(program, PICTURES)
    wanted = golden.run(model, pictures, layers=False)
    results = list(device.infer_many(pictures))
    for k, result in enumerate(results):
        if not np.array_equal(result.scores, wanted.scores[k]):
            raise ValueError(f"{model.ticks} ticks: scores differ from the golden model's")
        if result.spikes != wanted.spike_counts[k].tolist():
            raise ValueError(f"{model.ticks} ticks: spikes differ from the golden model's")
    bounds = [layer.bound for layer in program.layers]
    return list(zip(results[0].layer_cycles, bounds)), results[0].cycles


def table(device, model, ticks):
    """Lines of a Markdown table, and of notes."""
    names = [layer.name for layer in model.layers]
    rows, notes = [], []
    for count in ticks:
        layers, total = measure(device, dataclasses.replace(model, ticks=count))
        above = sum(n for n, _ in layers) / sum(bound for _, bound in layers) - 1
        rows.append([count, *(n for n, _ in layers), f"{above:.1%}", total])
        notes.append(f"- {count} ticks: {describe(count, device.identity.design)}")
    heads = ["ticks", *names, "above the bound", "whole program"]
    return [*page.table(heads, rows), "", *notes]


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("ticks.py", __doc__, page=True)
    parser.add_argument("--port", default="sim", help="sim, sim:BOARD or a serial port")
    parser.add_argument("--set", default="pack=1", metavar="pack=1", help="design parameters")
    parser.add_argument("--model", default=str(page.SHIPPED))
    parser.add_argument("--ticks", default="1,2,4,8,16,20,32", help="numbers of ticks")
    options = parser.parse_args(arguments)
    try:
        ticks = [int(part) for part in options.ticks.split(",")]
        model = modelfile.load(options.model)
        settings = parse_settings(options.set)
        with Device.open(options.port, settings=settings, say=print) as device:
            design = device.identity.design
            lines = table(device, model, ticks)
    except (HostError, ValueError, OSError) as error:
        return page.failed("ticks.py", error)
    lines.insert(0, f"{model.name}, CI={design.ci} CO={design.co} pack={design.pack}\n")
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Ticks", "ticks.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
