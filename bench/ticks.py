"""Cycles of one network at several numbers of ticks, counted by the hardware of the simulated board.

    python bench/ticks.py [--ticks 1,2,4,8,16,32] [--set pack=1] [--markdown docs/ticks.md]

The network is that of the model file, which is trained for one number of ticks; spikes and scores of
each run must equal the golden model's.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from volley.firmware import modelfile  # noqa: E402
from volley.firmware.compiler.lanes import describe  # noqa: E402
from volley.firmware.compiler.program import compile_model  # noqa: E402
from volley.firmware.design import parse_settings  # noqa: E402
from volley.firmware.files import write_whole  # noqa: E402
from volley.host import Device, images  # noqa: E402
from volley.host.errors import HostError  # noqa: E402
from volley.model import golden  # noqa: E402

PICTURES = 2


def measure(device, model):
    """(cycles and bound of each layer, cycles of the whole run) of a model on a board."""
    program = compile_model(model, device.identity.design)
    device.load(program)
    path = next((ROOT / "host" / "examples").glob("*images*"))
    pictures = images.load(path, program.input_shape, limit=PICTURES).images
    wanted = golden.run(model, pictures, layers=False)
    results = list(device.infer_many(pictures))
    for k, result in enumerate(results):
        if not np.array_equal(result.scores, wanted.scores[k]):
            raise ValueError(f"{model.ticks} ticks: scores differ from the golden model's")
        if result.spikes != wanted.spike_counts[k].tolist():
            raise ValueError(f"{model.ticks} ticks: spikes differ from the golden model's")
    bounds = [place.bound for place in program.layers]
    return list(zip(results[0].layer_cycles, bounds)), results[0].cycles


def table(device, model, ticks):
    """Lines of a Markdown table, and of notes."""
    names = [layer.name for layer in model.layers]
    rows = [
        f"| ticks | {' | '.join(names)} | above the bound | whole program |",
        "| ---: |" + " ---: |" * (len(names) + 2),
    ]
    notes = []
    for count in ticks:
        layers, total = measure(device, dataclasses.replace(model, ticks=count))
        above = sum(n for n, _ in layers) / sum(bound for _, bound in layers) - 1
        cells = " | ".join(str(n) for n, _ in layers)
        rows.append(f"| {count} | {cells} | {above:.1%} | {total} |")
        notes.append(f"- {count} ticks: {describe(count, device.identity.design)}")
    return [*rows, "", *notes]


def main():
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", default="sim", help="sim, sim:BOARD or a serial port")
    parser.add_argument("--set", default="pack=1", metavar="pack=1", help="design parameters")
    parser.add_argument("--model", default=str(ROOT / "model" / "pretrained" / "mnist.safetensors"))
    parser.add_argument("--ticks", default="1,2,4,8,16,20,32", help="numbers of ticks")
    parser.add_argument("--markdown", help="file to write the table to as well")
    options = parser.parse_args()
    try:
        ticks = [int(part) for part in options.ticks.split(",")]
        model = modelfile.load(options.model)
        settings = parse_settings(options.set)
        with Device.open(options.port, settings=settings, say=print) as device:
            design = device.identity.design
            lines = table(device, model, ticks)
    except (HostError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lines.insert(0, f"{model.name}, CI={design.ci} CO={design.co} pack={design.pack}\n")
    print("\n".join(lines))
    if options.markdown:
        command = " ".join(["python bench/ticks.py", *sys.argv[1:]])
        write_whole(
            options.markdown, f"# Ticks\n\nPrinted by `{command}`.\n\n" + "\n".join(lines) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
