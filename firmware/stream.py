"""What the host moves while a picture is computed: weights that come layer by layer, spilled maps.

A program that needs the host is a list of segments. For each the host

    writes the sections in ``loads`` and the rows in ``ups``
    starts the program at ``entry``, and while it runs writes the sections in ``ahead``
    reads the rows in ``downs`` when it has ended

A map that the host keeps is uint8 [rows, bytes]: its words as they lie in the spike banks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from volley.firmware.isa import BANKS
from volley.firmware.registers import BANK_SHIFT, Region, address

PICTURE = 0


@dataclasses.dataclass
class Rows:
    """Rows ``row .. row + rows - 1`` of a map, and where they are in the spike banks.

    map: k is the input of layer k; ``PICTURE`` goes to region IMAGE, as a picture of so many rows.
    base, ring_rows, stride: of the ring. first, words, step, steps: of a row, ``words`` words from
    ``first + k * step`` on are moved, for k below ``steps``.
    """

    map: int
    row: int
    rows: int
    base: int
    ring_rows: int
    stride: int
    first: int
    words: int
    step: int
    steps: int

    def pieces(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(row, first word of the row, bank, word address, words) of what lies together."""
        for row in range(self.row, self.row + self.rows):
            slot = row % self.ring_rows
            start = self.base + slot // BANKS * self.stride
            for k in range(self.steps):
                first = self.first + k * self.step
                yield row, first, slot % BANKS, start + first, self.words

    @property
    def strip_base(self) -> int:
        """Word address of the first row, which is in bank 0: where a strip of a picture goes."""
        return self.base + self.row % self.ring_rows // BANKS * self.stride

    @property
    def moved(self) -> int:
        """Words of the spike memory that are moved, unless it is the picture."""
        return self.rows * self.steps * self.words


@dataclasses.dataclass
class Segment:
    """One run of the program; ``loads`` and ``ahead`` are numbers of ``Program.streamed``."""

    entry: int
    loads: list[int] = dataclasses.field(default_factory=list)
    ups: list[Rows] = dataclasses.field(default_factory=list)
    ahead: list[int] = dataclasses.field(default_factory=list)
    downs: list[Rows] = dataclasses.field(default_factory=list)

    def as_json(self) -> dict:
        """For the program's file."""
        return dataclasses.asdict(self)


def spike_address(bank: int, word: int, columns: int) -> int:
    """The address of a word of the spike memory on the bus."""
    return address(Region.SPIKES, bank << BANK_SHIFT) + word * columns


def picture_words(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 [C, H, W], as the words of region IMAGE: row, column, channel."""
    data = picture.transpose(1, 2, 0).tobytes()
    return np.frombuffer(data + bytes(-len(data) % 4), "<u4")


def count_picture_words(input_shape) -> int:
    """32-bit words of a whole picture (channels, height, width) on the link."""
    channels, height, width = input_shape
    return -(-channels * height * width // 4)


def strip_words(rows: Rows, input_shape) -> int:
    """32-bit words of some rows of a picture on the link."""
    channels, _, width = input_shape
    return count_picture_words((channels, rows.rows, width))


def upload_sections(program) -> list[int]:
    """32-bit words of each section that uploads an input: of each pass, its place and its bytes."""
    words = count_picture_words(program.input.sent)
    return [words] if program.input.passes == 1 else [1, words] * program.input.passes


def strip_sections(rows: Rows, program) -> list[int]:
    """The same for some rows of it: their shape, and of each pass its place and its bytes."""
    return [1] + [1, strip_words(rows, program.input.sent)] * program.input.passes


def words_per_picture(program) -> dict[str, int]:
    """32-bit words that the host moves for one picture, by the register that counts them."""
    found = {"IMAGE_WORDS": 0, "MODEL_WORDS": 0, "SPIKES_WRITTEN": 0, "SPIKES_READ": 0}
    columns, passes = program.design.spike_columns, program.input.passes
    if not program.segments:
        found["IMAGE_WORDS"] = passes * count_picture_words(program.input.sent)
    for segment in program.segments:
        found["MODEL_WORDS"] += sum(
            len(program.streamed[number][1]) for number in segment.loads + segment.ahead
        )
        for rows in segment.ups:
            if rows.map == PICTURE:
                found["IMAGE_WORDS"] += passes * strip_words(rows, program.input.sent)
            else:
                found["SPIKES_WRITTEN"] += rows.moved * columns
        found["SPIKES_READ"] += sum(rows.moved for rows in segment.downs) * columns
    return found
