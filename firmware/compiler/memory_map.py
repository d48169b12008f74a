"""Where the maps of a model lie in the spike banks."""

from __future__ import annotations

import dataclasses
import math

from volley.firmware.design import Design
from volley.firmware.isa import BANKS, INSTRUCTION

ADDRESSES = 1 << INSTRUCTION["in_row"].width


@dataclasses.dataclass(frozen=True)
class MapPlace:
    """A map in the spike banks: word addresses are the same in all three banks.

    base: first word. groups: words of a pixel in one pass of ticks. width: words of a row in one
    group. ring_rows: rows that are kept, a multiple of 3. passes: of ticks. pixels: of a row in a
    word.
    """

    base: int
    groups: int
    width: int
    ring_rows: int
    passes: int = 1
    pixels: int = 1

    @property
    def stride(self) -> int:
        """Words from row y to row y + 3."""
        return self.passes * self.pass_words

    @property
    def pass_words(self) -> int:
        """Words of a row from one pass to the next."""
        return self.groups * self.width

    @property
    def words(self) -> int:
        """Words in each bank."""
        return self.ring_rows // BANKS * self.stride

    @property
    def end(self) -> int:
        """The first word after the map."""
        return self.base + self.words


def ring_row(place: MapPlace, row: int) -> tuple[int, int]:
    """(word address, bank) of the start of a row.

    Row -1 is only a place to start from: it is one row before row 0, modulo ``ADDRESSES``.
    """
    if row == -1:
        return (place.base - place.stride) % ADDRESSES, BANKS - 1
    row %= place.ring_rows
    return place.base + row // BANKS * place.stride, row % BANKS


def full_map(shape, design: Design, passes: int = 1, pixels: int = 1) -> MapPlace:
    """A place at word 0 for a whole (channels, height, width) map; ``pixels`` of a row in a word."""
    channels, height, width = (int(n) for n in shape)
    groups, rows = math.ceil(channels / design.ci), math.ceil(height / BANKS) * BANKS
    return MapPlace(0, groups, math.ceil(width / pixels), rows, passes, pixels)
