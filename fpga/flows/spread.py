"""Tiles that stay empty, so that nextpnr's static placer spreads an ECP5 design over the device.

That placer fills free area with movable fillers up to 70 % of the device, and packs the design between
them: of a design that takes 40 % it fills every site of some tiles and none of others, and the router
fails where tiles are full. Cells without a connection at fixed sites take the fillers' place: whole tiles,
evenly, in every other row. The rows between stay whole for carry chains, which run along a row
through all slices of its tiles. docs/decisions/array-levers.md has what each share does.
"""

from __future__ import annotations

import itertools

from volley.fpga.target.grid import EMPTY, Grid, grid_of
from volley.fpga.target.target import Target

SITES = [f"SLICE{slice_}.{{}}{number}" for slice_ in "ABCD" for number in (0, 1)]
"""Of a tile: for a LUT, K, or a flip-flop, FF."""

LUT = {
    "type": "LUT4",
    "parameters": {"INIT": "0" * 16},
    "port_directions": {**dict.fromkeys("ABCD", "input"), "Z": "output"},
}
FLIP_FLOP = {
    "type": "TRELLIS_FF",
    # a text of ones and zeros alone would be a number
    "parameters": {"GSR": "DISABLED", "CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR"},
    "port_directions": {**dict.fromkeys(("CLK", "DI", "LSR", "CE"), "input"), "Q": "output"},
}


def empty_tiles(grid: Grid, share: float) -> list[tuple[int, int]]:
    """(column, row) of the tiles that stay empty: ``share`` of the device's, 0 to ``volley.fpga.target.grid.LARGEST_SPREAD``."""
    tiles = []
    for number, row in enumerate(grid.rows()[1::2]):
        due = number % 2 / 2  # a chequered pattern, where every other one is empty
        for column in grid.columns():
            due += 2 * share
            if due >= 1:
                due -= 1
                tiles.append((column, row))
    return tiles


def empty_of(target: Target) -> list[tuple[int, int]]:
    """(column, row) of the tiles that a target's design leaves empty."""
    grid = grid_of(target.options("nextpnr")) if target.spread else None
    return empty_tiles(grid, target.spread) if grid else []


def spread(data: dict, top: str, tiles: list[tuple[int, int]]) -> int:
    """Puts cells without a connection into ``tiles``, which stay empty; returns their number."""
    cells = data["modules"][top]["cells"]
    for (column, row), site in itertools.product(tiles, SITES):
        for kind, cell in (("K", LUT), ("FF", FLIP_FLOP)):
            place = f"X{column}/Y{row}/{site.format(kind)}"
            cells[f"{EMPTY}${place}"] = {
                **cell,
                "hide_name": 1,
                "attributes": {"BEL": place},
                "connections": {port: [] for port in cell["port_directions"]},
            }
    return len(tiles)
