"""Fit and timing of every built board, from the tools' reports in the build folders.

python fpga/report.py [TARGET ...] [--write] [--json]
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from volley.firmware import boards, modelfile, pipe  # noqa: E402
from volley.firmware.compiler.fit import FitError  # noqa: E402
from volley.firmware.compiler.program import compile_model  # noqa: E402
from volley.firmware.compiler.throughput import rate_text, throughput  # noqa: E402
from volley.firmware.design import Design  # noqa: E402
from volley.firmware.files import BUILD, DOCS, write_whole  # noqa: E402
from volley.fpga.errors import BuildError  # noqa: E402
from volley.fpga.flows import synth, vivado  # noqa: E402
from volley.fpga.flows.project import STAMP  # noqa: E402
from volley.fpga.target import capacity, timing  # noqa: E402
from volley.fpga.target.grid import LUTS  # noqa: E402
from volley.fpga.target.model_fit import SHIPPED  # noqa: E402
from volley.fpga.target.target import FAMILIES, RESOURCES  # noqa: E402

PAGE = DOCS / "boards.md"
BEGIN, END = "<!-- fpga/report.py -->", "<!-- end of fpga/report.py -->"
OPERATIONS = 2  # a multiplication and an addition, of a processing element each cycle
PLACED = {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "bram": "DP16KD", "dsp": "MULT18X18D"}
"""nextpnr's names of what an ECP5 design takes after packing."""

RATES = ("images_per_s", "images_per_s_link", "images_per_s_end_to_end")
ROUNDING = 1e-6  # of the clock in a report
UNBUILT = "not built"
NO_VIVADO = "not known: needs Vivado"
NO_ROUTE = "not known: not routed"
TITLES = [
    "board", "LUT", "FF", "BRAM", "DSP", "Fmax of clock, MHz", "PE", "peak GOPS", "GOPS per kLUT",
    "LUT per PE", "cycles", "images/s of core", "of link", "end to end",
]  # fmt: skip
POWER_TITLES = ["W", "mJ an image", "images/s/W"]
NO_POWER = "not known: needs --power"
"""Columns that are there if a board has Vivado's report of power."""


def targets() -> list[str]:
    """Names of the real boards that have a flow."""
    names = []
    for name in boards.names():
        with contextlib.suppress(boards.BoardError):  # told where the board is asked for
            if boards.load(name).data.get("flow") in FAMILIES:
                names.append(name)
    return names


def measure(name: str, model=None) -> dict:
    """The figures of one target; a figure that is missing is a text that says why.

    model: firmware.modelfile.Model whose cycles are told. Keys: those of ``RESOURCES`` as [used,
    there], "pes", "clock_mhz", "fmax_mhz", "passed", "gops", "gops_per_klut", "lut_per_pe",
    "cycles", those of ``RATES``, "watts", "mj_per_image", "images_per_s_per_w", "sources" (the files read). Raises ``BuildError`` on a report that can
    not be read.
    """
    folder = BUILD / name
    if not (folder / STAMP).is_file():
        return {"target": name, "missing": UNBUILT, "sources": []}
    try:
        stamp = json.loads((folder / STAMP).read_text())
        design, clock_hz = Design(**stamp["design"]), stamp["clock_hz"]
        family, flow = stamp["family"], stamp["flow"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{folder / STAMP}: {error}; build it anew", code=2) from None
    row = {"target": name, "pes": design.pes, "clock_mhz": clock_hz / 1e6}
    sources = [folder / STAMP]
    row.update(resources(folder, name, family, sources, stamp.get("empty_tiles", 0)))
    row.update(speed(folder, flow, clock_hz, sources))
    row["lut_per_pe"] = row["lut"][0] / design.pes
    why = row["passed"] if isinstance(row["passed"], str) else None
    gops = OPERATIONS * design.pes * clock_hz / 1e9
    row["gops"] = why or gops
    row["gops_per_klut"] = why or 1e3 * gops / row["lut"][0]
    row.update(cycles(model, built_board(name, design, clock_hz), why))
    row.update(power(folder, row["images_per_s_end_to_end"], sources))
    row["sources"] = [str(path.relative_to(BUILD.parent)) for path in sources]
    return row


def resources(folder: Path, name: str, family: str, sources: list, empty: int = 0) -> dict:
    """{resource: [used, there]}: after packing where nextpnr told it, else as Yosys counts.

    empty: tiles that nextpnr counts as used, although what is in them has no connection.
    """
    there = boards.load(name).data["device"]
    used = capacity.count(capacity.read_cells(folder), family)
    sources.append(folder / synth.STAT)
    placed = folder / timing.REPORT
    if family == "ecp5" and placed.is_file():
        utilization = json.loads(placed.read_text()).get("utilization", {})
        for resource, cell in PLACED.items():
            if cell in utilization:
                unused = empty * LUTS if resource in ("lut", "ff") else 0
                used[resource] = utilization[cell]["used"] - unused
    return {resource: [used[resource], there[resource]] for resource in RESOURCES}


def speed(folder: Path, flow: str, clock_hz: int, sources: list) -> dict:
    """Fmax and whether the clock passed: True, or why that is not known or not so."""
    if flow == "vivado":
        path = folder / vivado.TIMING
        if not path.is_file():
            return {"fmax_mhz": NO_VIVADO, "passed": NO_VIVADO}
        found = vivado.SLACK.search(path.read_text())
        if not found:
            raise BuildError(f"{path}: no slack (WNS) in this report of Vivado")
        reached = 1e3 / (1e9 / clock_hz - float(found[1]))
    else:
        path = folder / timing.REPORT
        if not path.is_file():
            return {"fmax_mhz": NO_ROUTE, "passed": NO_ROUTE}
        reached = timing.read(folder).reached_mhz
    sources.append(path)
    passed = reached >= clock_hz / 1e6 * (1 - ROUNDING)
    return {"fmax_mhz": reached, "passed": passed or "timing not met"}


def power(folder: Path, rate, sources: list) -> dict:
    """Watts by Vivado's report, and what a picture takes at the ``rate`` of images/s, end to end."""
    names, path = ("watts", "mj_per_image", "images_per_s_per_w"), folder / vivado.POWER
    if not path.is_file():
        return dict.fromkeys(names, NO_POWER)
    sources.append(path)
    watts = vivado.watts(path)
    if isinstance(rate, str):
        return dict(zip(names, (watts, rate, rate)))
    return dict(zip(names, (watts, 1e3 * watts / rate, rate / watts)))


def built_board(name: str, design: Design, clock_hz: int) -> boards.Board:
    """The board of that name with the design and the clock that it was built with."""
    return dataclasses.replace(boards.load(name), design=design, clock_hz=clock_hz)


def cycles(model, board: boards.Board, why: str | None) -> dict:
    """Cycles of a picture and images/s, the link at the board's line rate.

    why: without a clock that passed, what is known of it; images/s are then those at the clock.
    """
    names = ("cycles", *RATES)
    if model is None:
        return dict.fromkeys(names, "no model")
    try:
        program = compile_model(model, board.design, explain=False, rates=board.rates)
    except FitError:
        return dict.fromkeys(names, "does not fit")
    rates = throughput(program, *board.rates)
    found: dict[str, float | str] = dict(zip(RATES, rates[: len(RATES)]))
    if why:
        condition = f" if {board.clock_hz / 1e6:g} MHz pass"
        found["images_per_s"] = rate_text(rates.core) + condition
        found["images_per_s_end_to_end"] = rate_text(rates.end_to_end) + condition
    return {"cycles": program.report["cycles"], **found}


def cells(row: dict, with_power: bool = False) -> list[str]:
    """The texts of a row of the table."""
    if "missing" in row:
        more = len(TITLES) + (len(POWER_TITLES) if with_power else 0) - 2
        return [row["target"], row["missing"], *[""] * more]

    def text(value, form):
        return value if isinstance(value, str) else form.format(value)

    shares = ["{:,} of {:,} ({:.0%})".format(*row[r], row[r][0] / row[r][1]) for r in RESOURCES]
    powers = [
        text(row["watts"], "{:.2f}"),
        text(row["mj_per_image"], "{:.3g}"),
        text(row["images_per_s_per_w"], "{:.0f}"),
    ]
    return [
        row["target"], *shares,
        f"{text(row['fmax_mhz'], '{:.1f}')} of {row['clock_mhz']:.4g}", f"{row['pes']:,}",
        text(row["gops"], "{:,.0f}"), text(row["gops_per_klut"], "{:.1f}"),
        f"{row['lut_per_pe']:.2f}", text(row["cycles"], "{:,}"),
        *(row[name] if isinstance(row[name], str) else rate_text(row[name]) for name in RATES),
        *(powers if with_power else []),
    ]  # fmt: skip


def page(rows: list[dict]) -> str:
    """The table in Markdown, and the files that each row was read from."""
    with_power = any(isinstance(row.get("watts"), float) for row in rows)
    titles = TITLES + (POWER_TITLES if with_power else [])
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    lines += ["| " + " | ".join(cells(row, with_power)) + " |" for row in rows]
    lines.append("")
    for row in rows:
        if row["sources"]:
            lines.append(f"- {row['target']}: " + ", ".join(f"`{path}`" for path in row["sources"]))
    lines.append("")
    lines.append(
        "PE: 8 lanes x 9 taps x CI x CO. Peak: 2 x PE x the clock of the board, if it passed. "
        "Cycles: the compiler's for the shipped MNIST model, fill and drain of the pipeline counted. "
        "Link: the bytes on the line for a picture at the fastest baud rate of the board."
    )
    if with_power:
        lines.append(
            "W: Vivado's report of the routed design, without vectors: by the rates of toggling that it assumes. "
            "mJ an image and images/s/W: at the images/s end to end."
        )
    return "\n".join(lines)


def write_page(text: str, path: Path) -> None:
    """Puts the text between the markers of a page; raises ``BuildError`` where they are not."""
    old = path.read_text()
    if BEGIN not in old or END not in old:
        raise BuildError(f"{path}: the lines {BEGIN} and {END} are wanted around the table", code=2)
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    new = re.sub(pattern, lambda _: f"{BEGIN}\n{text}\n{END}", old, count=1, flags=re.S)
    write_whole(path, new)


def main(arguments=None) -> int:
    """The command line; returns the exit code: 0, 1 for a broken report, 2 where the user erred."""
    parser = pipe.Parser(
        prog=pipe.program_name("fpga/report.py"),
        description=__doc__.splitlines()[0],
        epilog="Build first: python fpga/build.py --target NAME",
    )
    parser.add_argument("targets", nargs="*", help=f"default: {', '.join(targets())}")
    parser.add_argument("--write", action="store_true", help="write the table to docs/boards.md")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    try:
        unknown = [name for name in options.targets if name not in targets()]
        if unknown:
            known = ", ".join(targets())
            raise BuildError(f"no target {unknown[0]!r}; there are {known}", code=2)
        if options.write and options.targets:
            raise BuildError("--write takes all targets: leave the names away", code=2)
        model = modelfile.load(str(SHIPPED)) if SHIPPED.is_file() else None
        rows = [measure(name, model) for name in options.targets or targets()]
        print(json.dumps(rows, indent=1) if options.json else page(rows))
        if options.write:
            write_page(page(rows), PAGE)
    except BuildError as error:
        return pipe.fail("report", error, error.code, lines=True)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        return pipe.fail("report", error)
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
