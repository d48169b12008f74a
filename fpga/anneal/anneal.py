"""Anneals the placement of a design that nextpnr has placed: writes the tables, runs anneal.cc, writes the netlist.

nextpnr's static placer leaves the wires of a large array a quarter longer than they need be: its own refinement takes only
moves that are better at once. docs/decisions/array-levers.md has the wirelengths.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np

from volley.fpga.anneal.placed import BLOCK, FIXED, Placed, PlacementError, site_name
from volley.fpga.target.grid import Grid

SOURCE = Path(__file__).with_name("anneal.cc")
SOURCES = sorted([SOURCE, *SOURCE.parent.glob("*.h")])
FLAGS = ("-std=c++17", "-O3", "-march=native")
ROUTED = 0.83
"""The clock to be routed, of that to anneal for: paths come to stand close below the latter, and routing takes a
tenth and more. With 0.9 router2 had ever more connections that were too slow."""

KINDS = {"DP16KD": 0, "MULT18X18D": 1}
STEP = re.compile(r"(step \d+ of \d+: wirelength \d+, [\d.]+ MHz)")
DONE = re.compile(r"annealed: (.*)")


def compiler() -> str | None:
    """The C++ compiler: $CXX, g++ or c++; None if there is none."""
    return next(
        (
            path
            for name in (os.environ.get("CXX"), "g++", "c++")
            if name and (path := shutil.which(name))
        ),
        None,
    )


def compile_command(program: Path) -> list[str]:
    """Compiles anneal.cc into ``program``; raises ``PlacementError`` where there is no compiler."""
    found = compiler()
    if found is None:
        raise PlacementError(
            "no C++ compiler, which annealing needs; install with: apt-get install g++, or set CXX"
        )
    return [found, *FLAGS, "-o", str(program), str(SOURCE)]


def run_command(
    program: Path, tables: Path, places: Path, clock_mhz: float, moves: int, seed: int
) -> list[str]:
    """Anneals ``tables`` into ``places`` with so many moves for each cell, for a clock that is to be routed."""
    return [
        str(program),
        str(tables),
        str(places),
        f"{clock_mhz / ROUTED:.3f}",
        str(moves),
        str(seed),
    ]


def phase(line: str) -> str | None:
    """What a line of the program's output says of its progress."""
    found = STEP.match(line)
    return found[1] if found else None


def result(text: str) -> str:
    """What the program says at its end; raises ``PlacementError`` if it did not come to it."""
    found = DONE.search(text)
    if found is None:
        raise PlacementError("annealing wrote no result")
    return found[1]


def write_tables(placed: Placed, grid: Grid, unit_ps: int, path: Path) -> None:
    """Writes what design.h reads: numbers of 32 bits. unit_ps: see ``wire_unit_ps``."""
    width, height = grid.last[0] + 4, grid.last[1] + 4
    width = max([width, *(row[1] + 2 for row in placed.cells)])
    height = max([height, *(row[2] + 2 for row in placed.cells)])
    lengths = [len(net) for net in placed.nets]
    pins = [cell for net in placed.nets for cell in net]
    logic = [row * width + column for row in grid.rows() for column in grid.columns()]
    links = [row * width + column for column, row in sorted(placed.linked)]
    head = [
        width,
        height,
        unit_ps,
        len(placed.cells),
        len(placed.nets),
        len(pins),
        len(placed.edges),
    ]
    head += [len(logic), len(links), len(placed.sites)]
    sites = [(KINDS[kind], column, row) for kind, column, row, _ in placed.sites]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    parts = (head, placed.cells, starts, pins, placed.launch, placed.edges, logic, links, sites)
    with path.open("wb") as file:
        for part in parts:
            file.write(np.asarray(part, dtype="<i4").tobytes())


def read_places(placed: Placed, path: Path) -> list[tuple[int, int, int]]:
    """Column, row and slot of each cell; raises ``PlacementError`` unless there are as many."""
    values = np.fromfile(path, dtype="<i4")
    if values.size != 3 * len(placed.cells):
        raise PlacementError(f"{path}: {values.size} numbers for {len(placed.cells)} cells")
    return [(x, y, slot) for x, y, slot in values.reshape(-1, 3).tolist()]


def move(data: dict, top: str, placed: Placed, places: list[tuple[int, int, int]]) -> int:
    """Writes places into a netlist that ``read_placed`` has read; returns how many cells have moved."""
    cells = data["modules"][top]["cells"]
    moved = 0
    for name, row, (column, line, slot) in zip(placed.names, placed.cells, places, strict=True):
        if row[0] == FIXED:
            continue
        if row[0] == BLOCK:
            column, line, site = placed.sites[slot][1:]
        else:
            site = site_name(row[0], slot)
        attributes = cells[name]["attributes"]
        place = f"X{column}/Y{line}/{site}"
        moved += attributes["NEXTPNR_BEL"] != place
        attributes["NEXTPNR_BEL"] = place
    return moved


def for_routing(data: dict, top: str, clock_mhz: float) -> None:
    """Readies a placed netlist for a run of nextpnr without packing, which would forget the clock to reach."""
    module = data["modules"][top]
    module.setdefault("settings", {})["target_freq"] = f"{clock_mhz * 1e6:.0f}"
    for cell in module["cells"].values():
        cell["attributes"].pop("src", None)
