"""Spike maps in the accelerator's three banks: where they are, and how to stop behind a layer."""

from __future__ import annotations

import numpy as np

from firmware.image import Program
from firmware.isa import BANKS, INSTRUCTION_WORDS, Opcode, assemble
from firmware.registers import BANK_SHIFT, Region, address
from host.errors import DeviceError


def read_map(link, program: Program, layer: int) -> np.ndarray:
    """The output map of a layer as it lies in memory: uint8 [C, H, W], bit t = tick t.

    Raises ``DeviceError`` for a readout, and for a ring that does not hold the whole map.
    """
    place = program.layers[layer]
    channels, height, width = place.shape
    if place.readout:
        raise DeviceError(f"layer {place.name} is the readout: it has scores, no spike map")
    if place.ring_rows < height:
        raise DeviceError(
            f"layer {place.name}: {place.ring_rows} of {height} rows are kept on the chip; "
            "compile the model without fusion to read the whole map"
        )
    columns = program.design.spike_columns
    stride = place.groups * place.width
    rows = np.zeros((height, place.groups, place.width, columns), "<u4")
    for bank in range(BANKS):
        mine = rows[bank::BANKS]
        if len(mine):
            start = address(Region.SPIKES, bank << BANK_SHIFT) + place.base * columns
            words = link.read(start, len(mine) * stride * columns)
            mine[:] = np.array(words, "<u4").reshape(mine.shape)
    # [row, group, x, byte of the word] to [group and byte, row, x]
    pixels = rows.view(np.uint8).transpose(1, 3, 0, 2).reshape(-1, height, place.width)
    return np.ascontiguousarray(pixels[:channels, :, :width])


def halt_after(program: Program, layer: int):
    """Two (address, words) pairs: one ends the program behind a layer, one restores it."""
    start = program.layers[layer].last + INSTRUCTION_WORDS
    for base, words in program.sections:
        offset = address(Region.PROGRAM, start) - base
        if 0 <= offset <= len(words) - INSTRUCTION_WORDS:
            place = base + offset
            return (place, assemble(Opcode.HALT)), (
                place,
                [int(word) for word in words[offset : offset + INSTRUCTION_WORDS]],
            )
    raise DeviceError(
        f"program {program.name!r} has no instruction at word {start}, behind layer "
        f"{program.layers[layer].name}; compile the model again"
    )
