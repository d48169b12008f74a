"""Where the logic tiles, block RAMs and multipliers of ECP5 devices are."""

from __future__ import annotations

import dataclasses

LUTS = 8  # of a tile, and as many flip-flops
EMPTY = "$empty"  # begins the names of cells that keep a tile empty
LARGEST_SPREAD = 0.5
"""Share of a device's tiles that may stay empty: all those of every other row."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where a device's logic tiles are. last: column and row of the last one; the first is at (2, 2). between:
    rows of block RAMs and multipliers. multipliers: those of multipliers. blocks: columns at which four of either begin;
    empty where they are not known here."""

    last: tuple[int, int]
    between: tuple[int, ...]
    multipliers: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()

    def rows(self) -> list[int]:
        """The rows that have logic tiles, from the top."""
        return [row for row in range(2, self.last[1] + 1) if row not in self.between]

    def columns(self) -> range:
        """The columns that have logic tiles."""
        return range(2, self.last[0] + 1)

    def block_sites(self) -> list[tuple[str, int, int, str]]:
        """(type, column, row, name) of the sites of block RAMs and multipliers."""
        return [
            site
            for row in self.between
            for column in self.blocks
            for site in (multiplier_sites if row in self.multipliers else ram_sites)(column, row)
        ]

    @property
    def luts(self) -> int:
        """LUTs of the device."""
        return LUTS * len(self.rows()) * len(self.columns())


def ram_sites(column: int, row: int) -> list[tuple[str, int, int, str]]:
    """The four sites of block RAMs that begin at a column."""
    return [("DP16KD", column + 2 * number, row, f"EBR{number}") for number in range(4)]


def multiplier_sites(column: int, row: int) -> list[tuple[str, int, int, str]]:
    """The four sites of multipliers that begin at a column."""
    return [("MULT18X18D", column + number, row, f"MULT18_{number}") for number in (0, 1, 4, 5)]


GRIDS = {
    "--25k": Grid((70, 48), (13, 25, 37)),
    "--45k": Grid((88, 69), (10, 22, 34, 46, 58)),
    "--85k": Grid(
        (124, 93),
        (10, 22, 34, 46, 58, 70, 82),
        (10, 34, 58),
        (*range(4, 60, 9), *range(69, 116, 9)),
    ),
}
"""By nextpnr's option for the device. LFE5UM and LFE5UM5G of a size have the same tiles."""


def grid_of(options: list[str]) -> Grid | None:
    """The grid of the device that nextpnr's options name; None if they name none of GRIDS."""
    size = {option.replace("um5g-", "").replace("um-", "") for option in options}
    return next((grid for option, grid in GRIDS.items() if option in size), None)


def wire_unit_ps(options: list[str]) -> int:
    """nextpnr's unit of a wire's estimated time, by its option ``--speed``: 80 ps in grade 6, 9 less in each faster one."""
    grade = int(options[options.index("--speed") + 1][0]) if "--speed" in options else 6
    return 80 - 9 * (grade - 6)
