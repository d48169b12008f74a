"""Instructions and layer descriptors of the accelerator.

A program is a list of instructions of ``INSTRUCTION_WORDS`` 32-bit words. A row instruction
computes rows ``row .. row + rows - 1`` of the layer whose descriptor it names; the descriptor
says where the layer's maps, weights and neuron parameters lie. Interleaving the row instructions
of two layers fuses them.

Maps lie in three banks. Row y of a map is in bank ``y % 3`` at word address
``base + (y // 3 % (ring rows / 3)) * stride + group * width + x`` with ``stride = groups * width``;
one word holds CI channels of one pixel, a byte each, whose bit t is the spike of tick t.
"""

from __future__ import annotations

from enum import IntEnum

from firmware.fields import Field, pack, unpack

BANKS = 3
TAPS = 9
LANES = 8
PSUM_BITS = 16  # a lane's psum, signed: |psum| <= 32767
MEMBRANE_BITS = 24
SCORE_BITS = 32
SCALE_BITS = 13  # 2^fraction_bits, times the ticks where an encoding layer is the readout
MAX_FAN_IN = (1 << (PSUM_BITS - 1)) - 1
MAX_TICKS = 8


class Opcode(IntEnum):
    """What an instruction does."""

    HALT = 0
    """Ends the program when the pipeline is empty."""

    ROWS = 1
    """Computes rows of one layer, as soon as the rows before it are written::

        for og in range(out_groups):                     # CO output channels
            for y in range(row, row + rows):             # before pooling
                for ig in range(in_groups):              # CI input channels
                    for x in range(width):               # one cycle each
                        psum[x] = (0 if ig == 0 else psum[x]) + array(window(y, x, ig), w[og, ig])
                        if ig == in_groups - 1:
                            write(pool(fire(psum[x])))

    A 1x1 kernel is the same with the eight outer taps masked. In a dense layer the psum of the
    whole map goes to one place: it starts at the first cycle of an og and fires at its last.
    """


INSTRUCTION_WORDS = 4
INSTRUCTION = {
    "opcode": Field(0, 0, 4),
    "layer": Field(0, 8, 8),
    "row": Field(1, 0, 12),
    "rows": Field(1, 16, 12),
    # the input row above the first one, row - 1; where row is 0, a stride before row 0 in bank 2
    "in_row": Field(2, 0, 20),
    "in_bank": Field(2, 24, 2),
    # where the first output row goes, counted after pooling
    "out_row": Field(3, 0, 20),
    "out_bank": Field(3, 24, 2),
}

DESCRIPTOR_WORDS = 16
DESCRIPTOR = {
    "kernel3": Field(0, 0, 1),  # 1: 3x3 with zero padding; 0: 1x1
    "dense": Field(0, 1, 1),  # the whole map is one pixel
    "encode": Field(0, 2, 1),  # lanes are bit planes
    "readout": Field(0, 3, 1),  # scores instead of spikes
    "soft": Field(0, 4, 1),  # v - threshold on a spike instead of 0
    "pool": Field(0, 5, 1),  # 2x2 OR
    "ticks": Field(0, 8, 4),  # 1..8
    "scale": Field(0, 16, SCALE_BITS),  # psum * scale - bias
    "width": Field(1, 0, 12),  # pixels of an input row
    "height": Field(1, 16, 12),  # rows of the input map
    "in_groups": Field(2, 0, 12),  # ceil(in channels / CI)
    "out_groups": Field(2, 16, 12),  # ceil(out channels / CO)
    "in_base": Field(3, 0, 20),  # word address of the ring, the same in each bank
    "in_end": Field(4, 0, 20),  # the first word after it
    "in_stride": Field(5, 0, 20),  # in_groups * width
    "out_base": Field(6, 0, 20),
    "out_end": Field(7, 0, 20),
    "out_stride": Field(8, 0, 20),
    "out_width": Field(9, 0, 12),  # pixels of an output row, after pooling
    "weight_base": Field(10, 0, 20),  # word address of output group 0, the same in each tap bank
    "weight_step": Field(11, 0, 20),  # words of one output group
    "param_base": Field(12, 0, 20),  # word address of output group 0; a readout's also of scores
}


def assemble(opcode: Opcode, **values: int) -> list[int]:
    """The words of one instruction; raises ``ValueError`` where a field does not fit."""
    return pack(INSTRUCTION, {"opcode": int(opcode), **values}, INSTRUCTION_WORDS, opcode.name)


def assemble_descriptor(**values: int) -> list[int]:
    """The words of one layer descriptor; raises ``ValueError`` where a field does not fit."""
    return pack(DESCRIPTOR, values, DESCRIPTOR_WORDS, "descriptor")


def disassemble(words: list[int]) -> str:
    """A program as text, one instruction a line: address, opcode, fields."""
    lines = []
    for address in range(0, len(words) - INSTRUCTION_WORDS + 1, INSTRUCTION_WORDS):
        values = unpack(INSTRUCTION, words[address : address + INSTRUCTION_WORDS])
        code = values.pop("opcode")
        known = code in list(Opcode)
        name = Opcode(code).name if known else f"?{code}"
        text = "" if known and code == Opcode.HALT else " ".join(
            f"{field}={value}" for field, value in values.items()
        )
        lines.append(f"{address:4d}  {name:5s} {text}".rstrip())
    return "\n".join(lines)
