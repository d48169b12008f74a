"""Where a map of spikes lies in the spike banks."""

from __future__ import annotations

import dataclasses

from volley.firmware.isa import BANKS


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
