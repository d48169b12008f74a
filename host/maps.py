"""Spike maps in the accelerator's banks: where they are, and how to stop behind their rows."""

from __future__ import annotations

import numpy as np

from volley.firmware.fields import unpack
from volley.firmware.isa import (
    BANKS,
    INSTRUCTION,
    INSTRUCTION_WORDS,
    LANES,
    Opcode,
    assemble,
)
from volley.firmware.program import LayerPlace, Program
from volley.firmware.registers import BANK_SHIFT, Region, address
from volley.firmware.stream import Segment
from volley.host.errors import DeviceError


def read_rows(link, program: Program, layer: int, first: int, count: int) -> np.ndarray:
    """Rows of the output map of a layer as they lie in memory: uint8 [C, rows, W], bit t = tick t.

    Of more than 8 ticks: [passes, C, rows, W], bit t of pass p = tick 8 p + t.
    """
    spikes = program.layers[layer].spikes
    columns = program.design.spike_columns
    shape = (spikes.passes, spikes.groups, spikes.width, columns)
    rows = np.zeros((count, *shape), "<u4")
    ring = range(first, first + count)
    while ring:
        # rows of one bank follow each other up to the ring's end
        whole = min(len(ring), spikes.ring_rows - ring[0] % spikes.ring_rows)
        for y in ring[: min(whole, BANKS)]:
            mine = rows[y - first : ring[whole - 1] - first + 1 : BANKS]
            start = spikes.base + y % spikes.ring_rows // BANKS * spikes.stride
            where = address(Region.SPIKES, (y % BANKS) << BANK_SHIFT) + start * columns
            words = link.read(where, len(mine) * spikes.stride * columns)
            mine[:] = np.array(words, "<u4").reshape(mine.shape)
        ring = ring[whole:]
    return pixels(program.layers[layer], rows)


def pixels(layer_map: LayerPlace, words: np.ndarray) -> np.ndarray:
    """Rows of words, uint32 [rows, ...], as pixels; see ``read_rows``."""
    rows, spikes = len(words), layer_map.spikes
    found = np.ascontiguousarray(words).view(np.uint8)
    found = found.reshape(rows, spikes.passes, spikes.groups, spikes.width, -1)
    # [row, pass, group, x, byte of the word] to [pass, group and byte, row, x]
    found = found.transpose(1, 2, 4, 0, 3)
    found = found.reshape(spikes.passes, -1, rows, spikes.width)[:, : layer_map.shape[0]]
    found = unpack_pixels(found, layer_map)
    return np.ascontiguousarray(found if spikes.passes > 1 else found[0])


def unpack_pixels(words: np.ndarray, layer_map: LayerPlace) -> np.ndarray:
    """uint8 [..., words of a row] of a map as [..., W], the pixels of a packed word apart."""
    ticks = LANES // layer_map.spikes.pixels
    shifts = np.arange(0, LANES, ticks, dtype=np.uint8)
    pixels = words[..., None] >> shifts & np.uint8((1 << ticks) - 1)
    return pixels.reshape(*words.shape[:-1], -1)[..., : layer_map.shape[2]]


def read_map(link, program: Program, layer: int) -> np.ndarray:
    """The output map of a layer as it lies in memory: uint8 [C, H, W], bit t = tick t.

    Of more than 8 ticks: [passes, C, H, W], bit t of pass p = tick 8 p + t.
    Raises ``DeviceError`` for a readout, and for a ring that does not hold the whole map.
    """
    layer_map = program.layers[layer]
    height = layer_map.shape[1]
    _check_firing(layer_map)
    if layer_map.spikes.ring_rows < height:
        raise DeviceError(
            f"layer {layer_map.name}: {layer_map.spikes.ring_rows} of {height} rows are kept on the chip; "
            "trace the map, which reads them as they are made, or compile the model without fusion"
        )
    return read_rows(link, program, layer, 0, height)


def trains(spikes: np.ndarray) -> np.ndarray:
    """A map of one pass or of several as uint32 [C, H, W], bit t = tick t."""
    parts = spikes.reshape(-1, *spikes.shape[-3:])
    return sum(part.astype(np.uint32) << np.uint32(LANES * p) for p, part in enumerate(parts))


def _check_firing(layer_map: LayerPlace) -> None:
    if layer_map.readout:
        raise DeviceError(f"layer {layer_map.name} is the readout: it has scores, no spike map")


def stops(program, segments: list[Segment], layer: int) -> list[list[tuple[int, int, int]]]:
    """Where to stop in each segment so that every row of a layer's map can be read.

    A stop is (program word behind an instruction, first row, rows). None at all for a map that the
    host keeps.
    """
    layer_map = program.layers[layer]
    _check_firing(layer_map)
    found: list[list[tuple[int, int, int]]] = [[] for _ in segments]
    if any(rows.map == layer + 1 for segment in segments for rows in segment.downs):
        return found
    last = None
    for number, segment in enumerate(segments):
        word = segment.entry
        while True:
            words = _program_words(program, segment, word)
            fields = unpack(INSTRUCTION, [int(value) for value in words])
            word += INSTRUCTION_WORDS
            if fields["opcode"] != Opcode.ROWS:
                break
            if fields["layer"] == layer:
                first, count = fields["row"] // layer_map.pool, fields["rows"] // layer_map.pool
                found[number].append((word, first, count))
                last = number, word
    if (
        last and layer_map.spikes.ring_rows >= layer_map.shape[1]
    ):  # the last instruction leaves the whole map
        found = [[] for _ in segments]
        found[last[0]].append((last[1], 0, layer_map.shape[1]))
    return found


def halt_at(program: Program, segment: Segment, word: int):
    """Two (address, words) pairs: one ends the program at a word, one restores it."""
    where = address(Region.PROGRAM, word)
    restore = [int(value) for value in _program_words(program, segment, word)]
    return (where, assemble(Opcode.HALT)), (where, restore)


def _program_words(program: Program, segment: Segment, word: int):
    """The instruction at a word of program memory while a segment runs."""
    for base, words in [program.streamed[k] for k in segment.loads] + program.sections:
        offset = address(Region.PROGRAM, word) - base
        if 0 <= offset <= len(words) - INSTRUCTION_WORDS:
            return words[offset : offset + INSTRUCTION_WORDS]
    raise DeviceError(
        f"program {program.name!r} has no instruction at word {word}; compile the model again"
    )
