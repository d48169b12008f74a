"""Synthesis runs for the cost model: ``python fpga/explore.py --board NAME --measure``."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

from volley.firmware import boards
from volley.firmware.design import Design
from volley.firmware.files import BUILD, write_whole
from volley.fpga.cost_model import COLUMNS, RUNS, USED, Run
from volley.fpga.errors import BuildError
from volley.fpga.flows import arcs, nextpnr, project, synth, vivado
from volley.fpga.target import capacity, target, timing

# CI and CO of the runs; the memories are small, their block RAMs are counted by their shapes
GRID = ((8, 1), (8, 2), (8, 4), (16, 1), (16, 2), (16, 4), (32, 1))
SMALL_GRID = ((4, 1), (4, 2), (8, 1), (8, 2), (16, 1))  # of devices with few LUTs
SMALL_LUT = 25_000
MEMORIES = {"spike_words": 512, "weight_words": 512, "param_words": 256}
SYNTHESISE = {"trellis": nextpnr.build, "apicula": nextpnr.build, "vivado": vivado.build}


def measure(board: str, settings: dict[str, int], progress) -> Run:
    """Synthesises a board's design with other parameters; raises ``BuildError``."""
    chosen = target.load(board, settings)
    text = "-".join(f"{name}{value}" for name, value in sorted(settings.items()))
    folder = BUILD / "cost" / f"{chosen.name}-{text}"
    try:
        SYNTHESISE[chosen.flow](chosen, folder, project.Options(synth_only=True), progress)
    except BuildError as error:
        if error.code != 4:  # a design that does not fit has been counted as well
            raise
    return from_build(folder)


def from_build(folder: Path) -> Run:
    """The run of a build folder that is synthesised; raises ``BuildError``."""
    try:
        stamp = json.loads((folder / project.STAMP).read_text())
        design, family = Design(**stamp["design"]), stamp["family"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{folder / project.STAMP}: {error}; build it anew", code=2) from None
    used = capacity.count(capacity.read_cells(folder), family)
    arc_count = arcs.count_file(folder / synth.NETLIST)
    run = Run(family, design, {name: float(used[name]) for name in used}, arc_count)
    if (folder / timing.REPORT).is_file():  # written behind routing alone
        there = boards.load(stamp["target"]).data["device"]["lut"]
        run = dataclasses.replace(run, routed="yes", device_lut=there)
    return run


def grid(luts: int) -> tuple[tuple[int, int], ...]:
    """(CI, CO) of the runs that a device of so many LUTs can be measured by."""
    return SMALL_GRID if luts < SMALL_LUT else GRID


def add(runs: list[Run], new: Run) -> list[Run]:
    """The runs with a new one in the place of that of the same design, or at the end.

    What the old one knew of routing and arcs stays where the new one does not know it.
    """
    for run in runs:
        if (run.family, run.design) == (new.family, new.design):
            if new.routed == "unknown":
                new = dataclasses.replace(new, routed=run.routed, device_lut=run.device_lut)
            new = dataclasses.replace(new, arcs=new.arcs or run.arcs)
    kept = [run for run in runs if (run.family, run.design) != (new.family, new.design)]
    return [*kept, new]


def write_runs(runs: list[Run], path: Path = RUNS) -> None:
    """Writes the CSV file, whole or not at all, in the order of family and size."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in sorted(runs, key=lambda run: (run.family, dataclasses.astuple(run.design))):
        used = [f"{run.used[name]:g}" for name in USED]
        wires = [run.arcs or "", run.routed, run.device_lut or ""]
        writer.writerow([run.family, *dataclasses.astuple(run.design), *used, *wires])
    write_whole(path, text.getvalue())
