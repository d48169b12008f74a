"""Where the maps of a model lie in the spike banks."""

from __future__ import annotations

import math

from volley.firmware.design import Design
from volley.firmware.isa import BANKS, INSTRUCTION
from volley.firmware.spike_map import MapPlace

ADDRESSES = 1 << INSTRUCTION["in_row"].width


def ring_row(ring: MapPlace, row: int) -> tuple[int, int]:
    """(word address, bank) of the start of a row.

    Row -1 is only an address to start from: it is one row before row 0, modulo ``ADDRESSES``.
    """
    if row == -1:
        return (ring.base - ring.stride) % ADDRESSES, BANKS - 1
    row %= ring.ring_rows
    return ring.base + row // BANKS * ring.stride, row % BANKS


def full_map(shape, design: Design, passes: int = 1, pixels: int = 1) -> MapPlace:
    """The map at word 0 of a whole (channels, height, width) map; ``pixels`` of a row in a word."""
    channels, height, width = (int(n) for n in shape)
    groups, rows = math.ceil(channels / design.ci), math.ceil(height / BANKS) * BANKS
    return MapPlace(0, groups, math.ceil(width / pixels), rows, passes, pixels)
