"""Accuracy beside speed: the CIFAR-10 models, each at the ticks that it was trained for.

    python bench/tick_ladder.py [--boards litefury acorn] [--set pack=1] [--plot docs/tick-ladder.png]
                                [--write docs/tick-ladder.md]

Accuracy is the integer golden model's on the test pictures; cycles are those of the compiled program,
by the model of the counters that the hardware's own are tested against; images/s at the board's clock,
of the core and end to end over its link. The plot has what others published beside them. --pictures 0
leaves accuracy and the plot out.
"""

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
import page
import published

from volley.firmware import boards, modelfile
from volley.firmware.compiler.cycle_model import run_cycles
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import rate_text, throughput
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


def measure(model, share, board, settings):
    """A row: name, ticks, accuracy or None, board, cycles, images/s of the core, and end to end."""
    design = dataclasses.replace(board.design, **settings)
    program = compile_model(model, design)
    rate = throughput(program, *board.rates)
    cycles = sum(run_cycles(program))
    return [model.name, model.ticks, share, board.name, cycles, rate.core, rate.end_to_end]


def others():
    """(system and device, accuracy in %, images/s) of the published rows on CIFAR-10 that have both."""
    found = []
    for system, device, task, share, speed, *_ in published.ROWS:
        numbers = [re.match(r"[\d.,]+", text) for text in (share, speed)]
        if "CIFAR-10" in task and all(numbers):
            values = [float(n[0].replace(",", "")) for n in numbers]
            found.append((f"{system}, {device.partition(',')[0]}", *values))
    return found


def label_of(name, ticks):
    """A model's ticks, and what sets it apart from the others of as many."""
    kind = name.removeprefix("cifar10").removeprefix("-")
    return f"T = {ticks}" + (f", {kind}" if kind not in ("", f"t{ticks}") else "")


def draw(rows, path):
    """Accuracy against images/s end to end, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 4), layout="constrained")
    groups = {
        name: [row for row in rows if row[3] == name] for name in dict.fromkeys(r[3] for r in rows)
    }
    for number, (board, group) in enumerate(groups.items()):
        axis.plot([row[-1] for row in group], [100 * row[2] for row in group], "o", label=board)
        for row in group:
            axis.annotate(
                label_of(*row[:2]), (row[-1], 100 * row[2]), xytext=(0, 6 - 16 * number),
                textcoords="offset points", fontsize="x-small", ha="center",
            )  # fmt: skip
    for label, share, rate in others():
        axis.plot([rate], [share], "x", color="black")
        axis.annotate(label, (rate, share), xytext=(4, -10), textcoords="offset points",
                      fontsize="x-small")  # fmt: skip
    axis.legend(fontsize="small")
    axis.set(xscale="log", xlabel="images/s end to end", ylabel="accuracy on CIFAR-10, %")
    axis.margins(x=0.3, y=0.2)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=80)
    pyplot.close(figure)


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("tick_ladder.py", __doc__, page=True)
    parser.add_argument("--boards", nargs="+", default=["litefury", "acorn"], metavar="NAME",
                        help="boards (litefury acorn)")  # fmt: skip
    parser.add_argument("--set", default="", metavar="pack=1", help="design parameters")
    parser.add_argument("--pictures", type=int, default=10000, help="test pictures (10000)")
    parser.add_argument("--plot", metavar="PNG", help="picture to draw")
    options = parser.parse_args(arguments)
    try:
        settings = parse_settings(options.set) if options.set else {}
        places = [boards.load(name) for name in options.boards]
        files = PRETRAINED.glob("cifar10*.safetensors")
        models = sorted(map(modelfile.load, files), key=lambda model: -model.ticks)
        shares = [
            accuracy(m, "cifar10", options.pictures) if options.pictures else None for m in models
        ]
        rows = [
            measure(model, share, board, settings)
            for board in places
            for model, share in zip(models, shares)
        ]
        if options.plot and options.pictures:
            draw(rows, options.plot)
    except (ValueError, OSError) as error:
        return page.failed("tick_ladder.py", error)
    heads = [
        "model",
        "ticks",
        "accuracy",
        "board",
        "cycles",
        "core, images/s",
        "end to end, images/s",
    ]
    lines = page.table(
        heads,
        [
            [name, ticks, "" if share is None else f"{100 * share:.2f} %", board, cycles,
             rate_text(core), rate_text(both)]
            for name, ticks, share, board, cycles, core, both in rows
        ],
    )  # fmt: skip
    if options.plot and options.pictures:
        lines += ["", f"![accuracy against images/s]({Path(options.plot).name})"]
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
