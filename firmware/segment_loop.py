"""The loop over the segments of a program, see ``volley.firmware.stream``, for whoever plays host.

For each segment: do the steps of ``before``, start the program at the segment's entry, write what is
in ``ahead``, wait for the end, and do the steps of ``behind``. ``kept`` holds the maps of a picture
that the host keeps, {number of a map: array [rows, words of a row, ...]}; it starts empty. The
driver, the bench of the core and the program simulator do the steps each in their own way; on a bus
``sections`` has those of ``before`` as words.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import numpy as np

from volley.firmware import registers
from volley.firmware.fields import pack
from volley.firmware.program import Program
from volley.firmware.registers import Region, Register, address
from volley.firmware.stream import PICTURE, Rows, Segment, picture_words, spike_address

Kept = dict[int, np.ndarray]


class Write(NamedTuple):
    """32-bit words go to an address of the bus."""

    address: int
    words: np.ndarray


class Strip(NamedTuple):
    """Rows of the picture go to region IMAGE."""

    rows: Rows


class Upload(NamedTuple):
    """Kept words, [words, ...], go to a bank of the spike memory."""

    bank: int
    word: int
    words: np.ndarray


class Download(NamedTuple):
    """``length`` words of a bank of the spike memory are read, as an array [length, ...]."""

    bank: int
    word: int
    length: int


def before(program: Program, segment: Segment, kept: Kept) -> Iterator[Write | Strip | Upload]:
    """What has to be written before a segment runs."""
    for number in segment.loads:
        yield Write(*program.streamed[number])
    for rows in segment.ups:
        if rows.map == PICTURE:
            yield Strip(rows)
            continue
        for row, first, bank, word, count in rows.pieces():
            yield Upload(bank, word, kept[rows.map][row, first : first + count])


def behind(program: Program, segment: Segment, kept: Kept) -> Generator[Download, np.ndarray, None]:
    """What is read when a segment has run: the words of each step are sent in, and kept."""
    for rows in segment.downs:
        height = program.layers[rows.map - 1].shape[1]
        for row, first, bank, word, count in rows.pieces():
            words = yield Download(bank, word, count)
            if rows.map not in kept:
                kept[rows.map] = np.zeros((height, rows.stride, *words.shape[1:]), words.dtype)
            kept[rows.map][row, first : first + count] = words


def read_behind(
    program: Program, segment: Segment, kept: Kept, read: Callable[[Download], np.ndarray]
) -> None:
    """Does the steps of ``behind`` with a function that reads the words of one."""
    steps = behind(program, segment, kept)
    step = next(steps, None)
    while step is not None:
        try:
            step = steps.send(read(step))
        except StopIteration:
            return


def sections(
    program: Program, segment: Segment, kept: Kept, parts: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """The steps of ``before`` on a bus: (address, words) pairs. parts: see ``upload``.

    The kept maps have 32-bit words: [rows, words of a row, columns].
    """
    found: list[tuple[int, np.ndarray]] = []
    for step in before(program, segment, kept):
        if isinstance(step, Strip):
            found += strip_sections(program, step.rows, parts)
        elif isinstance(step, Upload):
            start = spike_address(step.bank, step.word, program.design.spike_columns)
            found.append((start, step.words.reshape(-1)))
        else:
            found.append(step)
    return found


def upload(program: Program, parts: np.ndarray, buffer: int = 0) -> list[tuple[int, np.ndarray]]:
    """(address, words) pairs that put an input into an input buffer.

    parts: uint8 [passes, C, H, W] of ``Input.pack``. Of several passes each has its place in the buffer.
    """
    start = address(Region.IMAGE, buffer << registers.IMAGE_BUFFER_SHIFT)
    if len(parts) == 1:
        return [(start, picture_words(parts[0]))]
    base = Register.IMAGE_BASE_1 if buffer else Register.IMAGE_BASE_0
    found = []
    for number, part in enumerate(parts):
        place = program.registers[base] + number * program.input.pass_words
        found += [_register(base, place), (start, picture_words(part))]
    return found


def strip_sections(program: Program, rows: Rows, parts: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(address, words) pairs that put rows of an input into region IMAGE; parts: see ``upload``."""
    _, channels, _, width = parts.shape
    shape = {"width": width, "height": rows.rows, "channels": channels}
    found = [_register(Register.IMAGE_SHAPE, pack(registers.IMAGE_SHAPE, shape, 1, "strip")[0])]
    for number, part in enumerate(parts):
        place = rows.strip_base + number * program.input.pass_words
        words = picture_words(part[:, rows.row : rows.row + rows.rows])
        found += [_register(Register.IMAGE_BASE_0, place), (address(Region.IMAGE), words)]
    return found


def _register(register: int, value: int) -> tuple[int, np.ndarray]:
    return address(Region.REGISTERS, register), np.array([value], np.uint32)
