"""What a host does for a program, for the program simulator: segments, strips, spilled maps."""

from __future__ import annotations

import numpy as np

from volley.firmware import registers
from volley.firmware.fields import pack, unpack
from volley.firmware.registers import Register
from volley.firmware.simulator.simulator import Simulator
from volley.firmware.stream import PICTURE, Rows, strip_words


def infer(simulator: Simulator, program, images) -> None:
    """Computes uint8 pictures [batch, channels, height, width] with a program that is loaded.

    The simulator's counters of layers are then of all segments of the program together.
    """
    if not program.segments:
        simulator.load_images(images)
        simulator.run(program.entries[0])
        return
    kept: dict[int, np.ndarray] = {}  # [row, word of the row, picture, channel]
    cycles, spikes = np.zeros_like(simulator.layer_cycles), np.zeros_like(simulator.layer_spikes)
    columns = simulator.design.spike_columns
    for segment in program.segments:
        for number in segment.loads:
            simulator.write(*program.streamed[number])
        for rows in segment.ups:
            if rows.map == PICTURE:
                _write_strip(simulator, rows, images)
                continue
            for row, first, bank, word, count in rows.pieces():
                there = kept[rows.map][row, first : first + count]
                simulator.spikes[bank, word : word + count] = there
            simulator.moved[Register.SPIKES_WRITTEN] += rows.moved * columns
        # at any time of the run; before it shows whether they overwrite what the run needs
        for number in segment.ahead:
            simulator.write(*program.streamed[number])
        simulator.run(segment.entry)
        cycles += simulator.layer_cycles
        spikes += simulator.layer_spikes
        for rows in segment.downs:
            height = program.layers[rows.map - 1].shape[1]
            shape = (height, rows.stride, simulator.batch, simulator.design.ci)
            there = kept.setdefault(rows.map, np.zeros(shape, np.uint8))
            for row, first, bank, word, count in rows.pieces():
                there[row, first : first + count] = simulator.spikes[bank, word : word + count]
            simulator.moved[Register.SPIKES_READ] += rows.moved * columns
    simulator.layer_cycles, simulator.layer_spikes = cycles, spikes


def _write_strip(simulator, rows: Rows, images) -> None:
    """Rows of the pictures, as the host writes them to region IMAGE."""
    shape = unpack(registers.IMAGE_SHAPE, [simulator.registers[Register.IMAGE_SHAPE]])
    shape["height"] = rows.rows
    simulator.registers[Register.IMAGE_SHAPE] = pack(registers.IMAGE_SHAPE, shape, 1, "strip")[0]
    simulator.registers[Register.IMAGE_BASE_0] = rows.strip_base
    simulator.load_images(images[:, :, rows.row : rows.row + rows.rows])
    simulator.moved[Register.IMAGE_WORDS] += strip_words(rows, images.shape[1:])
