"""Every result in one table, each figure measured or counted in this run.

    python bench/run.py                          # everything, about half an hour on two cores
    python bench/run.py --quick                  # fewer pictures: a few minutes
    python bench/run.py --parts boards           # one part alone
    python bench/run.py --write docs/results.md

Accuracy is the integer golden model's on the test pictures of the data set that the model is named
after. Cycles are the hardware's own counters, read from the simulated board with each board's
parameters; latency and the core's images/s are these cycles at that board's clock. The link's images/s
count the bytes on the line at the board's line rate, end to end is both together. The comparison with
other libraries runs on this CPU, they and the golden model taking turns; a library that is not
installed is left out, and named. A part that fails, or an interruption, costs that part's rest only.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import golden as golden_bench
import numpy as np
import page
import peers
import published
from tqdm import tqdm

from volley.firmware import boards, modelfile
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import rate_text, throughput
from volley.host import Device
from volley.host.errors import HostError
from volley.model import golden
from volley.model.data import datasets

CHUNK = 200  # pictures between two steps of the progress bar
RUNS = 3  # of each library
QUICK_ACCURACY, QUICK_BOARD = 500, 3  # pictures
ERRORS = (ValueError, HostError, OSError, RuntimeError)


TICKS = [
    "## Accuracy and speed on CIFAR-10",
    "",
    "![accuracy against images/s end to end](tick-ladder.png)",
    "",
    "The figures, and the command that prints them: [tick-ladder.md](tick-ladder.md).",
    "",
]
"""Where the page of bench/tick_ladder.py is, which takes half an hour of its own."""


@dataclass
class Section:
    """A part of the page: a table whose rows are added as they are measured, and notes below it."""

    title: str
    heads: list[str]
    rows: list[list] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self):
        """Lines of Markdown with what there is: none without a row or a note."""
        if not self.rows and not self.notes:
            return []
        body = page.table(self.heads, self.rows) if self.rows else []
        return [f"## {self.title}", "", *body, *[x for note in self.notes for x in ("", note)], ""]


def accuracy(model, pictures, labels):
    """(share of right classes, images/s) of the golden model."""
    right, began = 0, time.perf_counter()
    for at in tqdm(range(0, len(labels), CHUNK), desc=f"{model.name}, golden", leave=False):
        part = slice(at, at + CHUNK)
        found = golden.run(model, pictures[part], layers=False).labels
        right += int((found == labels[part]).sum())
    return right / len(labels), len(labels) / (time.perf_counter() - began)


def on_board(model, board, pictures):
    """A dict of what the hardware counts for a model on a board's parameters.

    Every score and spike count is compared with the golden model's; ValueError where one differs.
    Raises FitError where the model does not fit.
    """
    plain, fused = (
        compile_model(model, board.design, explain=False, fuse=fuse) for fuse in ("none", "auto")
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
            raise ValueError(
                f"{model.name} on {board.name}, picture {index}: not the golden model's"
            )
    cycles = max(result.cycles for result in results)
    bound = sum(layer.bound for layer in fused.layers)
    line = {name: throughput(program, *board.rates)
            for name, program in (("plain", plain), ("fused", fused))}  # fmt: skip
    return {
        "cycles": cycles,
        "above": cycles / bound - 1,
        "use": fused.report["array_use"] * fused.report["cycles"] / cycles,
        "latency_ms": 1e3 * cycles / board.clock_hz,
        "images_s": board.clock_hz / cycles,
        "link_s": line["fused"].link,
        "end_to_end_s": line["fused"].end_to_end,
        "plain_bytes": line["plain"].up + line["plain"].down,
        "bytes": line["fused"].up + line["fused"].down,
        "simulated_cycles_s": sum(result.cycles for result in results) / seconds,
    }


def machine():
    """This CPU, in words."""
    try:
        names = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
        return f"{len(names)} cores of {names[0].split(':')[1].strip()}"
    except (OSError, IndexError):
        return f"{os.cpu_count()} cores, {platform.machine()}"


class Report:
    """The page's sections, filled one after another by the methods named in PARTS."""

    def __init__(self, options, models):
        self.options, self.models = options, models  # models: (model, pictures, labels)
        self.sections, self.failures = [], []

    def section(self, title, heads):
        """A new Section of the page."""
        self.sections.append(Section(title, heads))
        return self.sections[-1]

    def accuracy(self):
        """Right classes of the golden model."""
        heads = [
            "model",
            "ticks",
            "test pictures",
            "right, integer golden model",
            "golden images/s",
        ]
        found = self.section("Accuracy", heads)
        limit = QUICK_ACCURACY if self.options.quick else None
        for model, pictures, labels in self.models:
            share, speed = accuracy(model, pictures[:limit], labels[:limit])
            count = len(labels[:limit])
            found.rows.append(
                [model.name, model.ticks, count, f"{100 * share:.2f} %", f"{speed:.0f}"]
            )

    def boards(self):
        """What the hardware counts on each board's parameters."""
        heads = [
            "model, board", "PE", "MHz", "cycles an image", "above the bound", "use of the array",
            "latency, ms", "images/s: core", "link", "end to end",
            "link bytes an image, unfused", "fused",
        ]  # fmt: skip
        found = self.section("On boards", heads)
        speeds = self.section(
            "Speed of the simulated boards", ["simulated board", "cycles/s, uploads included"]
        )
        count = QUICK_BOARD if self.options.quick else self.options.count
        for name in self.options.boards:
            board = boards.load(name)
            for model, pictures, _ in self.models:
                label = f"{model.name} on {name}"
                try:
                    one = on_board(model, board, pictures[:count])
                except FitError:
                    found.rows.append([label, "does not fit", *[""] * (len(heads) - 2)])
                    continue
                found.rows.append(
                    [
                        label, board.design.pes, f"{board.clock_hz / 1e6:g}", one["cycles"],
                        f"{one['above']:.1%}", f"{one['use']:.1%}", f"{one['latency_ms']:.3f}",
                        *(rate_text(one[key]) for key in ("images_s", "link_s", "end_to_end_s")),
                        one["plain_bytes"], one["bytes"],
                    ]
                )  # fmt: skip
                speeds.rows.append([label, f"{one['simulated_cycles_s']:,.0f}"])
                self.save()
        found.notes.append(
            f"Each of the {count} pictures gave the golden model's scores and spike counts. Link bytes "
            "are those on the line, both directions: a UART at the board's highest rate, or PCIe Gen2 x1 as "
            "firmware/lines.py models it."
        )

    def libraries(self):
        """The golden model and other libraries on this CPU."""
        heads = ["model, library", "images/s", "golden model against it", "same class"]
        found = self.section("Other libraries on the same CPU", heads)
        present, absent = peers.installed()
        found.notes.append(f"{machine()}.")
        if absent:
            found.notes.append(
                f"Not installed, so left out: {', '.join(absent)} ({peers.INSTALL})."
            )
        for model, pictures, _ in self.models:
            count = 100 if model.channels == 1 else 20
            speed, same = golden_bench.compare(model, pictures[:count], RUNS, present)
            ours = speed[golden_bench.OURS]
            for name, rate in speed.items():
                found.rows.append(
                    [f"{model.name}, {name}", f"{rate:.1f}", f"{ours / rate:.2f}", f"{100 * same[name]:.0f} %"]
                )  # fmt: skip

    def run(self):
        """Fill all parts; True if none failed. KeyboardInterrupt leaves what there is so far."""
        for part in self.options.parts:
            try:
                getattr(self, part)()
            except ERRORS as error:
                self.failures.append(f"{part}: {error}")
                print(f"bench/run.py: {part}: {error}", file=sys.stderr)
            except KeyboardInterrupt:
                self.failures.append(f"{part}: interrupted")
                raise
            finally:
                self.save()
        return not self.failures

    def lines(self):
        """All lines of the page after its heading."""
        found = [line for section in self.sections for line in section.lines()]
        if self.failures:
            found += ["## Not complete", "", *[f"- {text}" for text in self.failures], ""]
        return [*found, *TICKS, "## Published figures of others", "", *published.lines()]

    def save(self):
        """Write the page with what there is, if that was asked for."""
        options = self.options
        if options.write:
            page.write(options.write, "Results", "run.py", options.arguments, self.lines())


PARTS = ("accuracy", "boards", "libraries")


def main(arguments=None):
    """The command line; returns the exit code: 0, 1 if a part failed, 2 if none began."""
    parser = page.parser("run.py", __doc__, page=True)
    shipped = page.shipped()
    known = [name for name in boards.names() if name != "sim"]
    parser.add_argument("--models", nargs="+", choices=shipped, default=shipped, metavar="NAME",
                        help=f"of model/pretrained ({' '.join(shipped)})")  # fmt: skip
    parser.add_argument("--boards", nargs="+", choices=boards.names(), default=known, metavar="NAME",
                        help=f"whose parameters are simulated ({' '.join(known)})")  # fmt: skip
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART",
                        help=f"of the page ({' '.join(PARTS)})")  # fmt: skip
    parser.add_argument("--count", type=int, default=20, help="pictures on a simulated board (20)")
    parser.add_argument("--quick", action="store_true", help="few pictures")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data sets")
    options = parser.parse_args(arguments)
    options.arguments = arguments
    try:
        models = [
            (modelfile.load(page.PRETRAINED / f"{name}.safetensors"),
             *datasets.load(name.partition("-")[0], "test", options.data_dir))
            for name in options.models
        ]  # fmt: skip
    except ERRORS as error:
        return page.failed("run.py", error)
    report, code = Report(options, models), 1
    try:
        code = 0 if report.run() else 1
    except KeyboardInterrupt:
        print("bench/run.py: stopped; what was measured follows", file=sys.stderr)
        code = 130
    print("\n".join(report.lines()))
    return code


if __name__ == "__main__":
    sys.exit(main())
