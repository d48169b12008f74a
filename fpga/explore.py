"""Searches CI, CO and memory depths for the fastest build of a board that holds a model.

    python fpga/explore.py --board NAME [--model FILE] [--png FILE] [--clock MHZ] [--fill 85]
    python fpga/explore.py --board NAME --measure
    python fpga/explore.py --board NAME --add build/NAME

The costs come from a model fitted to the synthesis runs of fpga/cost_runs.csv, see fpga/cost_model.py;
--measure makes the runs of the board's device family and adds them to that file, --add takes builds.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from volley.firmware import boards, modelfile, pipe  # noqa: E402
from volley.firmware.compiler.fit import FitError, check_limits  # noqa: E402
from volley.firmware.compiler.program import compile_model  # noqa: E402
from volley.firmware.design import Design  # noqa: E402
from volley.firmware.files import (
    BUILD,  # noqa: E402
    write_whole,  # noqa: E402
)
from volley.fpga import cost_model, cost_runs  # noqa: E402
from volley.fpga.errors import BuildError  # noqa: E402
from volley.fpga.runner.display import Display  # noqa: E402
from volley.fpga.target import capacity  # noqa: E402
from volley.fpga.target.model_fit import SHIPPED  # noqa: E402
from volley.fpga.target.target import FAMILIES, RESOURCES  # noqa: E402

CHANNELS = (4, 8, 16, 32, 64)
DEEP = {"spike_words": 1 << 18, "weight_words": 1 << 18, "param_words": 1 << 16,
        "program_words": 1 << 14}  # fmt: skip
STEP = 32
"""Memory depths are a multiple of it."""

SHOWN = 12  # designs of the table


@dataclasses.dataclass(frozen=True)
class Point:
    """A design that holds the model. used: of each resource; over: the resources that it lacks."""

    design: Design
    cycles: int
    rate: float
    used: dict[str, float]
    over: tuple[str, ...]


def holds(model, design: Design):
    """The program image of a model that is on chip as a whole, None if the design is too small."""
    try:
        image = compile_model(model, design, explain=False)
    except FitError:
        return None
    return None if image.segments else image


def words_of(image, name: str) -> int:
    """A depth for what a program takes of a memory."""
    least = {"param_words": 4}.get(name, 16)
    return max(least, math.ceil(image.report["on_chip"][name]["words"] / STEP) * STEP)


def depths_for(model, design: Design) -> Design | None:
    """The design with the smallest memories, in steps of STEP words, that hold the model."""
    deep = dataclasses.replace(design, **DEEP)
    image = holds(model, deep)
    if image is None:
        return None
    depths = {name: words_of(image, name) for name in ("weight_words", "param_words")}
    deep = dataclasses.replace(deep, **depths)
    low, high = 0, DEEP["spike_words"] // STEP  # low does not hold it, high does
    while high - low > 1:
        middle = (low + high) // 2
        found = holds(model, dataclasses.replace(deep, spike_words=middle * STEP))
        low, high, image = (low, middle, found) if found else (middle, high, image)
    return dataclasses.replace(
        deep, spike_words=high * STEP, program_words=words_of(image, "program_words")
    )


def search(board, model, costs, clock_hz: int, fill: float) -> list[Point]:
    """All designs that hold the model, the fastest first, those that fit before those that do not."""
    there = {name: board.data["device"][name] for name in RESOURCES}
    points = []
    for ci in CHANNELS:
        for co in (1 << k for k in range(ci.bit_length())):
            design = depths_for(model, dataclasses.replace(board.design, ci=ci, co=co))
            if design is None:
                continue
            cycles = holds(model, design).report["cycles"]
            used = costs.predict(design)
            # block RAM and multipliers can be filled; logic needs room to be routed
            shares = {"lut": fill, "ff": fill, "bram": 1.0, "dsp": 1.0}
            over = tuple(name for name in RESOURCES if used[name] > shares[name] * there[name])
            points.append(Point(design, cycles, clock_hz / cycles, used, over))
    return sorted(points, key=lambda point: (bool(point.over), -point.rate, point.used["lut"]))


def describe(point: Point, there: dict[str, int]) -> str:
    """A line of the table."""
    design = point.design
    used = "  ".join(
        f"{capacity.NAMES[name]} {point.used[name]:6.0f} ({point.used[name] / there[name]:4.0%})"
        for name in RESOURCES
    )
    over = f"  over: {', '.join(capacity.NAMES[name] for name in point.over)}" if point.over else ""
    return (
        f"{point.rate:9.0f} images/s  CI={design.ci:<2} CO={design.co:<2}  {point.cycles:7} cycles  "
        f"spike_words={design.spike_words} weight_words={design.weight_words}  {used}{over}"
    )


def error_lines(runs, family: str) -> list[str]:
    """How far the model is off, each run predicted from all others."""
    count = sum(run.family == family for run in runs)
    lines = [f"cost model of {family}: {count} synthesis runs; error of a run left out of the fit:"]
    for name, errors in cost_model.left_out_errors(runs, family).items():
        sizes = [abs(error) for error in errors]
        lines.append(
            f"  {capacity.NAMES[name]:4}  mean {sum(sizes) / len(sizes):5.1%}, "
            f"largest {max(sizes):5.1%}"
        )
    return lines


def draw(path: Path, points: list[Point], board, model_name: str, clock_hz: int, fill: float):
    """Writes images/s against LUTs as a PNG, whole or not at all."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7.5, 5), layout="constrained")
    kinds = (("fits", "tab:blue", "o", False), ("does not fit", "tab:gray", "x", True))
    for label, colour, marker, over in kinds:
        some = [point for point in points if bool(point.over) == over]
        axis.scatter(
            [point.used["lut"] for point in some], [point.rate for point in some],
            c=colour, marker=marker, label=label,
        )  # fmt: skip
    for point in points:
        axis.annotate(
            f"{point.design.ci}x{point.design.co}", (point.used["lut"], point.rate), fontsize=7,
            xytext=(4, 3), textcoords="offset points",
        )  # fmt: skip
    axis.axvline(
        fill * board.data["device"]["lut"], color="tab:red", linewidth=1,
        label=f"{fill:.0%} of the LUTs",
    )  # fmt: skip
    axis.set(
        xscale="log", yscale="log", xlabel="LUTs, by the cost model", ylabel="images/s",
        title=f"{board.title}: {model_name} at {clock_hz / 1e6:g} MHz, CI x CO",
    )  # fmt: skip
    axis.grid(True, which="both", alpha=0.2)
    axis.legend(fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    pyplot.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data.getvalue())


def explore(board, model, path: Path, clock_hz: int, fill: float) -> None:
    """Prints the table and writes the PNG; raises ``CostError``, ``FitError`` and ``OSError``."""
    family = FAMILIES[board.data["flow"]]
    runs = cost_model.read_runs()
    costs = cost_model.fit(runs, family)
    print("\n".join(error_lines(runs, family)))
    there = {name: board.data["device"][name] for name in RESOURCES}
    points = search(board, model, costs, clock_hz, fill)
    if not points:
        check_limits(model, board.design)
        raise FitError(f"no design holds model {model.name!r}")
    print(f"{model.name} on {board.title} at {clock_hz / 1e6:g} MHz:")
    for point in points[:SHOWN]:
        print("  " + describe(point, there))
    draw(path, points, board, model.name, clock_hz, fill)
    print(f"wrote {path}")
    best = points[0]
    if best.over:
        over = ", ".join(
            f"{capacity.NAMES[name]} {best.used[name]:.0f} of {there[name]}" for name in best.over
        )
        raise FitError(f"no design that holds model {model.name!r} fits {board.name}: {over}")
    settings = ",".join(f"{name}={getattr(best.design, name)}" for name in ("ci", "co", *DEEP))
    print(f"the fastest that fits: python fpga/build.py --target {board.name} --set {settings}")


def measure(board: str) -> None:
    """Makes the runs of a board's family; each is kept as soon as it is made."""
    for ci, co in cost_runs.GRID:
        keep(cost_runs.measure(board, {"ci": ci, "co": co, **cost_runs.MEMORIES}, Display()))


def keep(run: cost_model.Run) -> None:
    """Adds a run to the file of the runs."""
    runs = cost_model.read_runs() if cost_model.RUNS.is_file() else []
    cost_runs.write_runs(cost_runs.add(runs, run))
    used = ", ".join(f"{capacity.NAMES[name]} {run.used[name]:g}" for name in RESOURCES)
    print(f"{run.family} CI={run.design.ci} CO={run.design.co}: {used}", flush=True)


def main(arguments=None) -> int:
    """The command line; returns the exit code: 0, 1 for a failed tool, 2 for a mistake, 4 for no fit."""
    parser = argparse.ArgumentParser(prog="fpga/explore.py", description=__doc__.splitlines()[0])
    parser.add_argument("--board", required=True, help="a real board, e.g. ulx3s")
    parser.add_argument("--model", help="model file (default: the shipped MNIST model)")
    parser.add_argument("--clock", type=float, help="MHz (default: the board's)")
    parser.add_argument(
        "--fill", type=float, default=85, help="percent of LUT and FF (default: 85)"
    )
    parser.add_argument("--png", type=Path, help="default: build/explore-BOARD.png")
    parser.add_argument(
        "--measure", action="store_true", help="make the synthesis runs of its family"
    )
    parser.add_argument(
        "--add", type=Path, action="append", metavar="FOLDER", help="add a build's run"
    )
    options = parser.parse_args(arguments)
    try:
        board = boards.load(options.board)
        if board.data.get("flow") not in FAMILIES:
            raise BuildError(f"{board.name} is no real board: it has no flow", code=2)
        if not 0 < options.fill <= 100:
            raise BuildError(f"--fill is {options.fill:g}, allowed is more than 0 to 100", code=2)
        if options.clock is not None and not 1 <= options.clock <= 1000:
            raise BuildError(f"--clock is {options.clock:g}, allowed is 1 to 1000 MHz", code=2)
        for folder in options.add or []:
            keep(cost_runs.from_build(folder))
        if options.measure:
            measure(board.name)
        if options.measure or options.add:
            return 0
        clock_hz = round(options.clock * 1e6) if options.clock else board.clock_hz
        path = options.png or BUILD / f"explore-{board.name}.png"
        model = modelfile.load(options.model or str(SHIPPED))
        explore(board, model, path, clock_hz, options.fill / 100)
        return 0
    except BuildError as error:
        print(f"explore: {error}", file=sys.stderr)
        return error.code
    except FitError as error:
        print(f"explore: {error}", file=sys.stderr)
        return 4
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"explore: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(pipe.run(main))
