"""What a host does for a program, for the program simulator: segments, strips, spilled maps."""

from __future__ import annotations

import numpy as np

from volley.firmware import registers
from volley.firmware.fields import pack, unpack
from volley.firmware.registers import Register
from volley.firmware.segment_loop import Download, Kept, Strip, Upload, before, read_behind
from volley.firmware.simulator.simulator import Simulator
from volley.firmware.stream import Rows, strip_words


def infer(simulator: Simulator, program, pictures) -> None:
    """Computes a batch of inputs, uint8 [batch, ...], with a program that is loaded.

    The simulator's counters of layers are then of all segments of the program together.
    """
    parts = program.input.pack(pictures).swapaxes(0, 1)  # [pass, batch, C, H, W]
    if not program.segments:
        _write_input(simulator, program, parts, 0)
        simulator.run(program.entries[0])
        return
    kept: Kept = {}  # uint8 [row, word of the row, picture, channel]
    cycles, spikes = np.zeros_like(simulator.layer_cycles), np.zeros_like(simulator.layer_spikes)
    columns = simulator.design.spike_columns

    def read(step: Download) -> np.ndarray:
        simulator.moved[Register.SPIKES_READ] += step.length * columns
        return simulator.spikes[step.bank, step.word : step.word + step.length].copy()

    for segment in program.segments:
        for step in before(program, segment, kept):
            if isinstance(step, Strip):
                _write_strip(simulator, program, step.rows, parts)
            elif isinstance(step, Upload):
                count = len(step.words)
                simulator.spikes[step.bank, step.word : step.word + count] = step.words
                simulator.moved[Register.SPIKES_WRITTEN] += count * columns
            else:
                simulator.write(*step)
        # at any time of the run; before it shows whether they overwrite what the run needs
        for number in segment.ahead:
            simulator.write(*program.streamed[number])
        simulator.run(segment.entry)
        cycles += simulator.layer_cycles
        spikes += simulator.layer_spikes
        read_behind(program, segment, kept, read)
    simulator.layer_cycles, simulator.layer_spikes = cycles, spikes


def load_input(simulator: Simulator, program, pictures, buffer: int = 0) -> None:
    """Puts a batch of inputs, uint8 [batch, ...], into an input buffer."""
    _write_input(simulator, program, program.input.pack(pictures).swapaxes(0, 1), buffer)


def _write_input(simulator, program, parts, buffer):
    base = Register.IMAGE_BASE_1 if buffer else Register.IMAGE_BASE_0
    for number, part in enumerate(parts):
        start = program.registers[base] + number * program.input.pass_words
        simulator.registers[base] = start
        simulator.load_pictures(part, buffer)


def _write_strip(simulator, program, rows: Rows, parts) -> None:
    """Rows of the inputs, as the host writes them to region IMAGE."""
    shape = unpack(registers.IMAGE_SHAPE, [simulator.registers[Register.IMAGE_SHAPE]])
    shape["height"] = rows.rows
    simulator.registers[Register.IMAGE_SHAPE] = pack(registers.IMAGE_SHAPE, shape, 1, "strip")[0]
    for number, part in enumerate(parts):
        start = rows.strip_base + number * program.input.pass_words
        simulator.registers[Register.IMAGE_BASE_0] = start
        simulator.load_pictures(part[:, :, rows.row : rows.row + rows.rows])
        simulator.moved[Register.IMAGE_WORDS] += strip_words(rows, program.input.sent)
