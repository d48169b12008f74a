"""Instructions and layer descriptors of the accelerator.

A program is a list of instructions of ``INSTRUCTION_WORDS`` 32-bit words. A row instruction
computes rows ``row .. row + rows - 1`` of the layer whose descriptor it names; the descriptor
says where the layer's maps, weights and neuron parameters lie. Interleaving the row instructions
of two layers fuses them.

Maps lie in three banks. Row y of a map is in bank ``y % 3`` at word address
``base + (y // 3 % (ring rows / 3)) * stride + group * width + x`` with ``stride = groups * width``;
one word holds CI channels of one pixel, a byte each, whose bit t is the spike of tick t.

More than ``LANES`` ticks take several passes. Pass p of a map follows pass p - 1, and holds ticks
8 p to 8 p + 7: its words are at ``base + ... + (p * groups + group) * width + x``, and ``stride``
grows to ``passes * groups * width``. A picture has bit planes in place of ticks, and one pass.
Where a layer takes its pixels in pairs, word x of a picture has pixels 2 x and 2 x + 1, four bits each,
the first lowest: bits 0 to 3 of channel c in channel 2 c, bits 4 to 7 in channel 2 c + 1.

Of T = 4, 2 or 1 ticks, ``P = LANES / T`` pixels of a row may share a word: pixel x is in word
``x // P``, its ticks in the bits from ``x % P * T`` on; ``width`` then counts words. Bits beyond the
row's last pixel are 0.
"""

from __future__ import annotations

from enum import IntEnum

from volley.firmware.fields import Field, pack, unpack

BANKS = 3
TAPS = 9
LANES = 8
PSUM_BITS = 16  # a lane's psum, signed: |psum| <= 32767
MEMBRANE_BITS = 24
MEMBRANE_MIN = -(1 << (MEMBRANE_BITS - 1))  # of a membrane, and of all but a readout's bias
MEMBRANE_MAX = (1 << (MEMBRANE_BITS - 1)) - 1
SCORE_BITS = 32
PARAM_BITS = {"bias": SCORE_BITS, "threshold": MEMBRANE_BITS, "v_init": MEMBRANE_BITS}
"""Bits of a neuron's parameters, in the order of their kinds; a bias of a readout is a score."""
SCALE_BITS = 14  # 2^fraction_bits, times the ticks where an encoding layer is the readout
MAX_FAN_IN = (1 << (PSUM_BITS - 1)) - 1
MAX_TICKS = 32
MAX_PASSES = MAX_TICKS // LANES
MAX_LEAK = 4  # of the shift of a leak
PASS_CYCLES = 17  # from a pixel's last beat to that of the next pass, which needs its membrane
SHORT_FLUSH = 2  # cycles in which shared neurons take the second half of a single pixel
LEAK_CYCLES = LANES  # more, where the design's neurons can leak: one a tick


def pass_cycles(leak: int) -> int:
    """Cycles that a pass takes at least; leak: of the design."""
    return PASS_CYCLES + leak * LEAK_CYCLES


def flush_cycles(in_groups: int, width: int, dense: bool, passes: int) -> tuple[int, int]:
    """Cycles of the flushes in which shared neurons take the second half of their channels: after each row or map,
    and once at the end of an instruction.

    A flush has as many cycles as a row has beats; of a single pixel one more, since its psum is stored first. Where the
    next row's first input group has the time, only the last row of an instruction is flushed.
    """
    single = dense or width == 1
    cycles = SHORT_FLUSH if single else width
    return (cycles, 0) if single or in_groups == 1 or passes > 1 else (0, cycles)


def group_cycles(beats: int, passes: int, readout: bool, leak: int = 0, flush: int = 0) -> int:
    """Cycles of one output group: of a row or, dense, of the map, which has ``beats`` in a pass.

    leak: of the design. flush: cycles after each pass that completes psums, in a design with ``share``.
    """
    if readout:
        return passes * beats + flush
    waits = max(0, pass_cycles(leak) - beats - flush)
    return passes * (beats + flush) + (passes - 1) * waits


def rows_cycles(
    instruction: dict[str, int], descriptor: dict[str, int], leak: int = 0, share: int = 0
) -> int:
    """Cycles that the array needs for a ROWS instruction, without drain and fetch.

    instruction, descriptor: their fields by name. leak, share: of the design.
    """
    dense, count = bool(descriptor["dense"]), instruction["rows"]
    in_groups, width, passes = (descriptor[name] for name in ("in_groups", "width", "passes"))
    beats = in_groups * width * (count if dense else 1)
    each, once = flush_cycles(in_groups, width, dense, passes) if share else (0, 0)
    cycles = group_cycles(beats, passes, bool(descriptor["readout"]), leak, each)
    return cycles * descriptor["out_groups"] * (1 if dense else count) + once


class Opcode(IntEnum):
    """What an instruction does."""

    HALT = 0
    """Ends the program when the pipeline is empty."""

    ROWS = 1
    """Computes rows of one layer, as soon as the rows before it are written::

        for og in range(out_groups):                     # CO output channels
            for y in range(row, row + rows):             # before pooling
                for p in range(passes):                  # LANES ticks
                    for ig in range(in_groups):          # CI input channels
                        for x in range(width):           # one cycle each
                            psum[x] = 0 if ig == 0 else psum[x]
                            psum[x] += array(window(y, x, ig, p), w[og, ig])
                            if ig == in_groups - 1:
                                v = v_init if p == 0 else membrane[x]
                                spikes, membrane[x] = fire(psum[x], v)
                                write(pool(spikes), p)

    A 1x1 kernel is the same with the eight outer taps masked. In the last pass only the spikes of
    ``last_lanes`` are kept. A pass waits until ``pass_cycles`` have gone by since the one before
    began, for its membranes; where a row has as many beats it never waits.

    In a dense layer the psum of the whole map goes to one accumulator. The loop over the passes lies
    around that over the rows: the psum starts at the first cycle of a pass and fires at its last. A
    readout's psum starts at the first cycle of an og and is the score at its last. An encoding
    layer reads the same picture in every pass; as a readout it has one pass, and ``scale`` counts
    the ticks.

    Where ``pack`` says that P = 2^pack pixels share a word, a convolution of spikes computes a word
    of them in a cycle: ``width`` counts words, and of a row's last word the spikes of
    ``last_lanes`` are kept. An encoding convolution computes a pixel a cycle and packs what it
    writes; a dense layer reads a pixel a cycle from packed words; in both ``width`` counts pixels.
    Where ``pair`` is set, an encoding convolution computes a pair of pixels a cycle: ``width`` counts pairs.

    Where ``drop_last`` is set the last beat of a row fires nothing: it is the column that pooling of
    a map of odd width leaves out. Between two ticks, where ``leak`` = k is not 0, a membrane v loses
    (v + 2^(k-1)) >> k; ``leak_first``: of what it was before a soft reset. A membrane starts at v_init as it is.
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
    # where the first output row goes, counted after pooling; of a readout, its first output / CI
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
    "passes": Field(0, 8, 3),  # ceil(ticks / LANES)
    "pack": Field(0, 12, 2),  # log2 of the pixels in a word of a spike map
    "pair": Field(0, 14, 1),  # a word of the picture has two pixels
    "scale": Field(0, 16, SCALE_BITS),  # psum * scale - bias
    "width": Field(1, 0, 12),  # beats of an input row: pixels, or words of a packed map
    "height": Field(1, 16, 12),  # rows of the input map
    "in_groups": Field(2, 0, 12),  # ceil(in channels / CI)
    "out_groups": Field(2, 16, 12),  # ceil(out channels / CO)
    "in_base": Field(3, 0, 20),  # word address of the ring, the same in each bank
    "in_end": Field(4, 0, 20),  # the first word after it
    "in_stride": Field(5, 0, 20),  # words from row y to row y + 3
    "out_base": Field(6, 0, 20),
    "out_end": Field(7, 0, 20),
    "out_stride": Field(8, 0, 20),
    "out_width": Field(9, 0, 12),  # words of an output row of one group, after pooling
    "last_lanes": Field(9, 16, LANES),  # lanes that fire in the last pass, or word
    "weight_base": Field(10, 0, 20),  # word address of output group 0, the same in each tap bank
    "weight_step": Field(11, 0, 20),  # words of one output group
    "param_base": Field(12, 0, 20),  # word address of output group 0; a readout's also of scores
    "out_pass": Field(13, 0, 20),  # words from a pass of the output map to the next
    "leak": Field(13, 20, 3),  # shift of the leak, 0: none
    "leak_first": Field(13, 23, 1),  # a soft reset comes after the leak
    "drop_last": Field(13, 24, 1),  # the last beat of a row does not fire
}
OPTIONAL = {
    "leak": ("leak", "leak_first"),
    "odd": ("drop_last",),
    "short": (),
    "reach": (),
    "pair": ("pair",),
    "share": (),
    "transposed": (),
}
"""Fields of the descriptor that only a design with the parameter has."""


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
        text = (
            ""
            if known and code == Opcode.HALT
            else " ".join(f"{field}={value}" for field, value in values.items())
        )
        lines.append(f"{address:4d}  {name:5s} {text}".rstrip())
    return "\n".join(lines)
