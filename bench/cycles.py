"""Cycles of each layer, counted by the hardware of the simulated board, against their bounds.

python bench/cycles.py [--port sim:arty] [--model FILE] [--write docs/cycles.md]
"""

import sys
import time

import page

from volley.firmware import boards
from volley.firmware.compiler.throughput import describe
from volley.host import Device
from volley.host.errors import HostError

COUNT = 20


def measure(port, model, count):
    """Returns (lines of a Markdown table, lines of figures) of a board and a model."""
    with Device.open(port, say=lambda text: print(text, file=sys.stderr)) as device:
        began = time.perf_counter()
        program = device.load(model)
        loading = time.perf_counter() - began
        pictures = page.example_pictures(program, count)
        began = time.perf_counter()
        results = list(device.infer_many(pictures))
        seconds = time.perf_counter() - began
        clock, design = device.identity.clock_hz, device.identity.design
        board = device.identity.board
    cycles = results[0].layer_cycles
    rows = []
    for compiled, count_of_layer in zip(program.layers, cycles):
        above = count_of_layer / compiled.bound - 1
        rows.append([compiled.name, count_of_layer, compiled.bound, f"{above:.1%}"])
    rest = results[0].cycles - sum(cycles)
    rows.append(["fetch, fill and drain", rest, "", ""])
    bound = sum(compiled.bound for compiled in program.layers)
    total = results[0].cycles
    rows.append(["whole program", total, bound, f"{total / bound - 1:.1%}"])
    figures = [
        f"{program.name}, {program.ticks} ticks, CI={design.ci} CO={design.co}: "
        f"{1e3 * total / clock:.3f} ms an image at {clock / 1e6:g} MHz",
        f"simulated board: {len(results) / seconds:.2f} images/s of wall time, "
        f"loading took {loading:.2f} s",
    ]
    if board in boards.names():  # else nobody knows its line rate
        figures.insert(1, describe(program, clock, boards.load(board).rates.line))
    return page.table(["layer", "cycles", "bound", "above the bound"], rows), figures


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("cycles.py", __doc__, page=True)
    parser.add_argument("--port", default="sim", help="sim, sim:BOARD or a serial port")
    parser.add_argument("--model", default=str(page.SHIPPED))
    parser.add_argument("--count", type=int, default=COUNT, help="pictures to time")
    options = parser.parse_args(arguments)
    try:
        rows, figures = measure(options.port, options.model, options.count)
    except (HostError, ValueError, OSError) as error:
        return page.failed("cycles.py", error)
    lines = [*rows, "", *(line for figure in figures for line in (figure, ""))][:-1]
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Cycles", "cycles.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
