"""Searches CI, CO and memory depths for the fastest build of a board that holds a model.

    python fpga/explore.py --board NAME [--model FILE] [--png FILE] [--clock MHZ] [--fill 85]
    python fpga/explore.py --board NAME --measure
    python fpga/explore.py --board NAME --add build/NAME

For every CI and CO the search takes the memories that hold the whole model, or those of the board's
design, which stream the rest. Speed is images/s end to end, with the link at the board's line rate.
What does not fit says why: LUT, FF, BRAM, DSP, wires (it would not route) or the model.

The costs come from a model fitted to the synthesis runs of fpga/cost_runs.csv, see fpga/cost_model.py and wires.py;
--measure makes the runs of the board's device family and adds them to that file, --add takes builds.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from volley.firmware import boards, modelfile, pipe  # noqa: E402
from volley.firmware.compiler.fit import FitError, check_limits  # noqa: E402
from volley.firmware.compiler.program import compile_model  # noqa: E402
from volley.firmware.compiler.throughput import rate_text  # noqa: E402
from volley.firmware.design import parse_settings  # noqa: E402
from volley.firmware.files import BUILD  # noqa: E402
from volley.firmware.texts import shown  # noqa: E402
from volley.fpga import cost_model, cost_runs, wires  # noqa: E402
from volley.fpga.chart import draw  # noqa: E402
from volley.fpga.errors import BuildError  # noqa: E402
from volley.fpga.runner.display import Display  # noqa: E402
from volley.fpga.search import DEEP, MODEL, Point, Search  # noqa: E402
from volley.fpga.target import capacity  # noqa: E402
from volley.fpga.target.model_fit import SHIPPED  # noqa: E402
from volley.fpga.target.target import FAMILIES, RESOURCES  # noqa: E402

SHOWN = 20  # designs of the table


def describe(point: Point, board) -> str:
    """A line of the table."""
    design, there = point.design, board.data["device"]
    used = "  ".join(
        f"{capacity.NAMES[name]} {point.used[name]:6.0f} ({point.used[name] / there[name]:4.0%})"
        for name in RESOURCES
    )
    rates = "  ".join(f"{rate_text(rate):>6}" for rate in point.rates[:3]) if point.rates else ""
    note = "; ".join(point.why.values())
    if not note and not point.proven:
        note = "no design with as much wire is known to route"
    return (
        f"{rates or '-':>22}  {design.ci:2} x {design.co:<2} {design.pes:6} PE  {used}  "
        f"{'not: ' if point.why else ''}{note}".rstrip()
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


def explore(name: str, board, model, path: Path, fill: float, settings: dict[str, int]) -> None:
    """Prints the table and writes the PNG. name: of the board, or its file. Raises ``CostError``, ``FitError`` and ``OSError``."""
    family = FAMILIES[board.data["flow"]]
    runs = cost_model.read_runs()
    costs, limit = cost_model.fit(runs, family), wires.fit(runs, family)
    print("\n".join([*error_lines(runs, family), *wires.describe(limit, family)]), flush=True)
    show = Display()
    check_limits(model, board.design)
    search = Search(board, model, costs, limit, fill, settings, show.status)
    points = search.run()
    if not points:
        raise FitError("--set leaves no design to look at: CO is at most CI")
    show(
        f"{shown(model.name)} on {board.title} at {board.clock_hz / 1e6:g} MHz, link at "
        f"{board.rates.line.text}; images/s of core, link and end to end, CI x CO:"
    )
    for point in points[:SHOWN]:
        show("  " + describe(point, board))
    if len(points) > SHOWN:
        show(f"  and {len(points) - SHOWN} more that do not fit or are slower")
    beyond = draw(path, points, board, model.name, fill)
    show(f"wrote {path}" + (f"; {beyond} designs are beyond its edges" if beyond else ""))
    best = points[0]
    if MODEL in best.why:
        compile_model(model, best.design)  # says by how much
    if not best.fits:
        raise FitError(
            f"no design that holds model {model.name!r} fits {board.name}; of the nearest, "
            f"CI={best.design.ci} CO={best.design.co}: {'; '.join(best.why.values())}"
        )
    if not best.proven:
        show("whether it routes is not known: no run with as much wire was routed")
    searched = ("ci", "co", *DEEP)
    if best.design.share != board.design.share:  # a single channel has none to share with
        searched = ("ci", "co", "share", *DEEP)
    chosen = [f"{name}={getattr(best.design, name)}" for name in searched]
    if board.clock_hz != boards.load(name).clock_hz:
        chosen.append(f"clock={board.clock_hz}")
    chosen += [f"{name}={value}" for name, value in settings.items()
               if name not in searched]  # fmt: skip
    show(
        "the fastest end to end that fits: "
        f"python fpga/build.py --target {shlex.quote(name)} --set {','.join(chosen)}"
    )


def measure(board: str) -> None:
    """Makes the runs of a board's family; each is kept as soon as it is made."""
    for ci, co in cost_runs.grid(boards.load(board).data["device"]["lut"]):
        keep(cost_runs.measure(board, {"ci": ci, "co": co, **cost_runs.MEMORIES}, Display()))


def keep(run: cost_model.Run) -> None:
    """Adds a run to the file of the runs."""
    runs = cost_model.read_runs() if cost_model.RUNS.is_file() else []
    cost_runs.write_runs(cost_runs.add(runs, run))
    used = ", ".join(f"{capacity.NAMES[name]} {run.used[name]:g}" for name in RESOURCES)
    routed = f", {run.arcs} arcs" if run.arcs else ""
    print(f"{run.family} CI={run.design.ci} CO={run.design.co}: {used}{routed}", flush=True)


def main(arguments=None) -> int:
    """The command line; returns the exit code: 0, 1 for a failed tool, 2 for a mistake, 4 for no fit."""
    parser = pipe.Parser(
        prog=pipe.program_name("fpga/explore.py"), description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--board", required=True, help="a real board, e.g. ulx3s, or its file (.toml)"
    )
    parser.add_argument("--model", help="model file (default: the shipped MNIST model)")
    parser.add_argument("--clock", type=float, help="MHz (default: the board's)")
    parser.add_argument(
        "--fill", type=float, default=85, help="percent of LUT and FF (default: 85)"
    )
    parser.add_argument(
        "--set",
        default="",
        action=pipe.Joined,
        metavar="ci=16,layers=16",
        help="parameters that are not searched",
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
        settings = parse_settings(options.set)
        board = boards.load(options.board, settings)
        if board.data.get("flow") not in FAMILIES:
            raise BuildError(f"{board.name} is no real board: it has no flow", code=2)
        if not 0 < options.fill <= 100:
            raise BuildError(f"--fill is {options.fill:g}, allowed is more than 0 to 100", code=2)
        if options.clock is not None and not 1 <= options.clock <= 1000:
            raise BuildError(f"--clock is {options.clock:g}, allowed is 1 to 1000 MHz", code=2)
        for folder in options.add or []:
            keep(cost_runs.from_build(folder))
        if options.measure:
            measure(options.board)
        if options.measure or options.add:
            return 0
        if options.clock is not None:
            board = dataclasses.replace(board, clock_hz=round(options.clock * 1e6))
        path = options.png or BUILD / f"explore-{board.name}.png"
        model = modelfile.load(options.model or str(SHIPPED))
        explore(options.board, board, model, path, options.fill / 100, settings)
        return 0
    except BuildError as error:
        return pipe.fail("explore", error, error.code, lines=True)
    except FitError as error:
        return pipe.fail("explore", error, 4)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        return pipe.fail("explore", error)


if __name__ == "__main__":
    sys.exit(pipe.run(main))
