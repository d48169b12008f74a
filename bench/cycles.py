"""Cycles of each layer, counted by the hardware of the simulated board, against their bounds.

python bench/cycles.py [--port sim:arty] [--model FILE] [--markdown docs/cycles.md]
"""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from volley.firmware.files import write_whole  # noqa: E402
from volley.host import Device, images  # noqa: E402
from volley.host.errors import HostError  # noqa: E402

COUNT = 20


def measure(port, model, count):
    """Returns (lines of a Markdown table, lines of figures) of a board and a model."""
    path = next((ROOT / "host" / "examples").glob("*images*"))
    with Device.open(port, say=lambda text: print(text, file=sys.stderr)) as device:
        began = time.perf_counter()
        program = device.load(model)
        loading = time.perf_counter() - began
        pictures = images.load(path, program.input_shape, limit=count).images
        began = time.perf_counter()
        results = list(device.infer_many(pictures))
        seconds = time.perf_counter() - began
        clock, design = device.identity.clock_hz, device.identity.design
    cycles = results[0].layer_cycles
    rows = ["| layer | cycles | bound | above the bound |", "| --- | ---: | ---: | ---: |"]
    for place, count_of_layer in zip(program.layers, cycles):
        above = count_of_layer / place.bound - 1
        rows.append(f"| {place.name} | {count_of_layer} | {place.bound} | {above:.1%} |")
    rest = results[0].cycles - sum(cycles)
    rows.append(f"| fetch, fill and drain | {rest} | | |")
    bound = sum(place.bound for place in program.layers)
    total = results[0].cycles
    rows.append(f"| whole program | {total} | {bound} | {total / bound - 1:.1%} |")
    figures = [
        f"{program.name}, {program.ticks} ticks, CI={design.ci} CO={design.co}: "
        f"{1e3 * total / clock:.3f} ms an image, {clock / total:.0f} images/s at "
        f"{clock / 1e6:g} MHz",
        f"simulated board: {len(results) / seconds:.2f} images/s of wall time, "
        f"loading took {loading:.2f} s",
    ]
    return rows, figures


def main():
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", default="sim", help="sim, sim:BOARD or a serial port")
    parser.add_argument("--model", default=str(ROOT / "model" / "pretrained" / "mnist.safetensors"))
    parser.add_argument("--count", type=int, default=COUNT, help="pictures to time")
    parser.add_argument("--markdown", help="file to write the table to as well")
    options = parser.parse_args()
    try:
        rows, figures = measure(options.port, options.model, options.count)
    except (HostError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join([*rows, "", *figures]))
    if options.markdown:
        command = " ".join(["python bench/cycles.py", *sys.argv[1:]])
        write_whole(
            options.markdown,
            f"# Cycles\n\nPrinted by `{command}`.\n\n" + "\n".join([*rows, "", *figures]) + "\n",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
