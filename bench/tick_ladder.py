"""Accuracy beside speed: the CIFAR-10 models, each at the ticks that it was trained for.

    python bench/tick_ladder.py [--board arty100] [--set pack=1] [--plot docs/tick-ladder.png]
                                [--write docs/tick-ladder.md]

Accuracy is the integer golden model's on the test pictures; cycles are those of the compiled program,
by the model of the counters that the hardware's own are tested against; images/s at the board's clock.
The plot has what others published beside them. --pictures 0 leaves accuracy out.
"""

import dataclasses
import re
import sys

import numpy as np
import page
import published

from volley.firmware import boards, modelfile
from volley.firmware.compiler.cycle_model import run_cycles
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import throughput
from volley.firmware.design import parse_settings
from volley.firmware.files import PRETRAINED, whole_file
from volley.model import golden
from volley.model.data import datasets

CHUNK = 500


def accuracy(model, data, count):
    """Share of the first `count` test pictures that are right."""
    pictures, labels = (a[:count] for a in datasets.load(data, "test"))
    parts = [pictures[at : at + CHUNK] for at in range(0, len(labels), CHUNK)]
    found = np.concatenate([golden.run(model, part, layers=False).labels for part in parts])
    return float((found == labels).mean())


def measure(path, board, settings, count):
    """A row: name, ticks, accuracy or None, cycles, images/s of the core, and end to end."""
    model = modelfile.load(path)
    design = dataclasses.replace(board.design, **settings)
    program = compile_model(model, design)
    rate = throughput(program, *board.rates)
    share = accuracy(model, "cifar10", count) if count else None
    return [path.stem, model.ticks, share, sum(run_cycles(program)), rate.core, rate.end_to_end]


def others():
    """(system and device, accuracy in %, images/s) of the published rows on CIFAR-10 that have both."""
    found = []
    for system, device, task, share, speed, *_ in published.ROWS:
        numbers = [re.match(r"[\d.,]+", text) for text in (share, speed)]
        if "CIFAR-10" in task and all(numbers):
            values = [float(n[0].replace(",", "")) for n in numbers]
            found.append((f"{system}, {device.partition(',')[0]}", *values))
    return found


def draw(rows, path):
    """Accuracy against images/s end to end, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 4), layout="constrained")
    points = [
        (f"{name}, T = {ticks}", 100 * share, rate) for name, ticks, share, _, _, rate in rows
    ]
    for style, group in (("o", points), ("x", others())):
        for label, share, rate in group:
            axis.plot([rate], [share], style, color="C0" if style == "o" else "C1")
            axis.annotate(label, (rate, share), fontsize="x-small", xytext=(4, 4),
                          textcoords="offset points")  # fmt: skip
    axis.set(xscale="log", xlabel="images/s end to end", ylabel="accuracy on CIFAR-10, %")
    axis.margins(x=0.3, y=0.2)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=80)
    pyplot.close(figure)


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("tick_ladder.py", __doc__, page=True)
    parser.add_argument("--board", default="arty100", help="board (arty100)")
    parser.add_argument("--set", default="pack=1", metavar="pack=1", help="design parameters")
    parser.add_argument("--pictures", type=int, default=10000, help="test pictures (10000)")
    parser.add_argument("--plot", metavar="PNG", help="picture to draw")
    options = parser.parse_args(arguments)
    try:
        board, settings = boards.load(options.board), parse_settings(options.set)
        files = sorted(PRETRAINED.glob("cifar10*.safetensors"))
        rows = [measure(path, board, settings, options.pictures) for path in files]
        rows.sort(key=lambda row: -row[1])
        if options.plot and options.pictures:
            draw(rows, options.plot)
    except (ValueError, OSError) as error:
        return page.failed("tick_ladder.py", error)
    heads = ["model", "ticks", "accuracy", "cycles", "core, images/s", "end to end, images/s"]
    lines = [f"{board.title}, {options.set}", ""]
    lines += page.table(
        heads,
        [
            [name, ticks, "" if share is None else f"{100 * share:.2f} %", cycles,
             f"{core:.0f}", f"{both:.0f}"]
            for name, ticks, share, cycles, core, both in rows
        ],
    )  # fmt: skip
    lines += ["", "Published by others (sources: bench/published.py):", ""]
    lines += page.table(
        ["system", "accuracy", "images/s"],
        [[label, f"{share:g} %", f"{rate:g}"] for label, share, rate in others()],
    )
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Accuracy and speed by ticks", "tick_ladder.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
