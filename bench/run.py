"""Every result in one table, each figure measured or counted in this run.

    python bench/run.py                          # everything, about half an hour on two cores
    python bench/run.py --quick                  # fewer pictures: a few minutes
    python bench/run.py --write docs/results.md

Accuracy is the integer golden model's on the test pictures of the data set that the model is named
after. Cycles are the hardware's own counters, read from the simulated board with each board's
parameters; images/s and latency are these cycles at that board's clock. The comparison with other
libraries runs on this CPU, the two and the golden model taking turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path.insert(0, str(ROOT))

import golden as golden_bench  # noqa: E402
import numpy as np  # noqa: E402
import peers  # noqa: E402
import published  # noqa: E402
from tqdm import tqdm  # noqa: E402

from volley.firmware import boards, modelfile  # noqa: E402
from volley.firmware import compile as compiler
from volley.firmware.compiler.fit import FitError  # noqa: E402
from volley.firmware.files import write_whole  # noqa: E402
from volley.host import Device  # noqa: E402
from volley.host.errors import HostError  # noqa: E402
from volley.model import golden  # noqa: E402
from volley.model.data import datasets  # noqa: E402

PRETRAINED = ROOT / "model" / "pretrained"
CHUNK = 200  # pictures between two steps of the progress bar
RUNS = 3  # of each library


def table(heads, rows):
    """Lines of a Markdown table; the columns after the first are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def accuracy(model, pictures, labels):
    """(share of right classes, images/s) of the golden model."""
    right, began = 0, time.perf_counter()
    for at in tqdm(range(0, len(labels), CHUNK), desc=f"{model.name}, golden", leave=False):
        part = slice(at, at + CHUNK)
        found = golden.run(model, pictures[part], layers=False).labels
        right += int((found == labels[part]).sum())
    return right / len(labels), len(labels) / (time.perf_counter() - began)


def on_board(model, board, pictures):
    """A dict of what the hardware counts for a model on a board's parameters; every score and spike
    count is compared with the golden model's. Raises FitError where it does not fit."""
    plain, fused = (
        compiler.compile_model(model, board.design, explain=False, fuse=fuse)
        for fuse in ("none", "auto")
    )
    wanted = golden.run(model, pictures, layers=False)
    with Device.open(f"sim:{board.name}", say=lambda text: print(text, file=sys.stderr)) as device:
        device.load(fused, progress=True)
        began = time.perf_counter()
        results = list(tqdm(device.infer_many(pictures), total=len(pictures), leave=False,
                            desc=f"{model.name}, {board.name}"))  # fmt: skip
        seconds = time.perf_counter() - began
    for index, result in enumerate(results):
        same = np.array_equal(result.scores, wanted.scores[index])
        if not same or list(result.spikes) != list(wanted.spike_counts[index]):
            raise SystemExit(
                f"{model.name} on {board.name}, picture {index}: not the golden model's"
            )
    cycles = max(result.cycles for result in results)
    bound = sum(place.bound for place in fused.layers)
    return {
        "cycles": cycles,
        "above": cycles / bound - 1,
        "use": fused.report["array_use"] * fused.report["cycles"] / cycles,
        "latency_ms": 1e3 * cycles / board.clock_hz,
        "images_s": board.clock_hz / cycles,
        "plain_bytes": moved(plain),
        "bytes": moved(fused),
        "simulated_cycles_s": sum(result.cycles for result in results) / seconds,
    }


def moved(program):
    """Bytes over the link for a picture: the picture, its results, and what is streamed."""
    link = program.report["link"]
    return sum(value for name, value in link.items() if name != "load")


def board_table(models, names, count):
    """The table of models on boards, and a line of each simulated board's speed."""
    rows, speeds = [], []
    for name in names:
        board = boards.load(name)
        for model, pictures, _ in models:
            label = f"{model.name} on {name}"
            try:
                found = on_board(model, board, pictures[:count])
            except FitError as error:
                rows.append([label, str(error), *[""] * 8])
                continue
            rows.append(
                [
                    label, board.design.pes, f"{board.clock_hz / 1e6:g}", found["cycles"],
                    f"{found['above']:.1%}", f"{found['use']:.1%}", f"{found['latency_ms']:.3f}",
                    f"{found['images_s']:.0f}", found["plain_bytes"], found["bytes"],
                ]
            )  # fmt: skip
            speeds.append([label, f"{found['simulated_cycles_s']:,.0f}"])
    heads = [
        "model, board", "PE", "MHz", "cycles an image", "above the bound", "use of the array",
        "latency, ms", "images/s", "link bytes an image, unfused", "fused",
    ]  # fmt: skip
    return table(heads, rows), table(["simulated board", "cycles/s, uploads included"], speeds)


def machine():
    """This CPU, in words."""
    try:
        names = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
        return f"{len(names)} cores of {names[0].split(':')[1].strip()}"
    except (OSError, IndexError):
        return f"{os.cpu_count()} cores, {platform.machine()}"


def report(options):
    """The lines of docs/results.md after its heading."""
    models = []
    for name in options.models:
        model = modelfile.load(PRETRAINED / f"{name}.safetensors")
        pictures, labels = datasets.load(name, "test", options.data_dir)
        models.append((model, pictures, labels))
    limit = 500 if options.quick else None
    lines = ["## Accuracy", ""]
    rows = []
    for model, pictures, labels in models:
        share, speed = accuracy(model, pictures[:limit], labels[:limit])
        count = len(labels[:limit])
        rows.append([model.name, model.ticks, count, f"{100 * share:.2f} %", f"{speed:.0f}"])
    heads = ["model", "ticks", "test pictures", "right, integer golden model", "golden images/s"]
    lines += [*table(heads, rows), "", "## On boards", ""]
    hardware, speeds = board_table(models, options.boards, 3 if options.quick else options.count)
    lines += [*hardware, ""]
    lines += [
        f"Each of the {3 if options.quick else options.count} pictures gave the golden model's "
        "scores and spike counts.", "", "## Other libraries on the same CPU", "", f"{machine()}.", "",
    ]  # fmt: skip
    rows = []
    for model, pictures, _ in models:
        count = 100 if model.channels == 1 else 20
        speed, same = golden_bench.compare(model, pictures[:count], RUNS)
        ours = speed[golden_bench.OURS]
        rows += [
            [
                f"{model.name}, {name}",
                f"{rate:.1f}",
                f"{ours / rate:.2f}",
                f"{100 * same[name]:.0f} %",
            ]
            for name, rate in speed.items()
        ]
    heads = ["model, library", "images/s", "golden model against it", "same class"]
    lines += [*table(heads, rows), "", "## Speed of the simulated boards", "", *speeds]
    return lines + ["", "## Published figures of others", "", *published.lines()]


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shipped = sorted(path.stem for path in PRETRAINED.glob("*.safetensors"))
    known = [name for name in boards.names() if name != "sim"]
    parser.add_argument("--models", nargs="+", choices=shipped, default=shipped, metavar="NAME",
                        help=f"of model/pretrained ({' '.join(shipped)})")  # fmt: skip
    parser.add_argument("--boards", nargs="+", choices=boards.names(), default=known, metavar="NAME",
                        help=f"whose parameters are simulated ({' '.join(known)})")  # fmt: skip
    parser.add_argument("--count", type=int, default=20, help="pictures on a simulated board (20)")
    parser.add_argument("--quick", action="store_true", help="few pictures")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data sets")
    parser.add_argument("--write", metavar="FILE", help="file to write the tables to as well")
    options = parser.parse_args(arguments)
    try:
        lines = report(options)
    except ImportError as error:
        print(f"bench/run.py: {error}; {peers.INSTALL}", file=sys.stderr)
        return 2
    except (ValueError, HostError, OSError) as error:
        print(f"bench/run.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    if options.write:
        command = " ".join(["python bench/run.py", *(arguments or sys.argv[1:])])
        write_whole(
            options.write, f"# Results\n\nPrinted by `{command}`.\n\n" + "\n".join(lines) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
