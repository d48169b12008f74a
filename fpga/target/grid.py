"""Where the logic tiles of ECP5 devices are."""

from __future__ import annotations

import dataclasses

LUTS = 8  # of a tile, and as many flip-flops
LARGEST_SPREAD = 0.5
"""Share of a device's tiles that may stay empty: all those of every other row."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where a device's logic tiles are. last: column and row of the last one; the first is at (2, 2). between:
    rows of block RAMs and multipliers."""

    last: tuple[int, int]
    between: tuple[int, ...]

    def rows(self) -> list[int]:
        """The rows that have logic tiles, from the top."""
        return [row for row in range(2, self.last[1] + 1) if row not in self.between]

    def columns(self) -> range:
        """The columns that have logic tiles."""
        return range(2, self.last[0] + 1)

    @property
    def luts(self) -> int:
        """LUTs of the device."""
        return LUTS * len(self.rows()) * len(self.columns())


GRIDS = {
    "--25k": Grid((70, 48), (13, 25, 37)),
    "--45k": Grid((88, 69), (10, 22, 34, 46, 58)),
    "--85k": Grid((124, 93), (10, 22, 34, 46, 58, 70, 82)),
}
"""By nextpnr's option for the device. LFE5UM and LFE5UM5G of a size have the same tiles."""


def grid_of(options: list[str]) -> Grid | None:
    """The grid of the device that nextpnr's options name; None if they name none of GRIDS."""
    size = {option.replace("um5g-", "").replace("um-", "") for option in options}
    return next((grid for option, grid in GRIDS.items() if option in size), None)
