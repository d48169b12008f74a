"""The memory map: what the host reads and writes over the link.

An address is that of a 32-bit word: the region in bits 31..28, the index in the region below.

=========== ================================================================ ===========
region      index                                                            access
=========== ================================================================ ===========
REGISTERS   a ``Register``; LAYERS + 2 k: cycles and then spikes of layer k; read, a few
            SCORES + n: score of output n                                    written
PROGRAM     word of the program                                              read, write
DESCRIPTORS DESCRIPTOR_WORDS * layer + word                                  read, write
WEIGHTS     tap << 20 | word * weight_columns + column                       read, write
PARAMS      kind << 20 | word * co + channel of the group                    read, write
SPIKES      bank << 20 | word * spike_columns + column                       read, write
IMAGE       buffer << 24 | index in the stream                               write
=========== ================================================================ ===========

Memories can be read only while no program runs; registers and writes are always served.

A design with ``pcie`` keeps the results of two runs: register BEFORE + n shows register n as it was at the end
of the run before the last, until the next one starts: CYCLES, RUNS, LAYERS and SCORES. Other designs
show those of the last run there too.

A weight word holds, for CO output channels one after another, CI bits (bit 1 = +1): bit
``channel * ci + input``; column k is its bits 32 k .. 32 k + 31.

SPIKES is written in whole words: their columns in order, and the last one writes the word. That
ends a picture that is not complete.

IMAGE takes a picture as bytes in the order row, column, channel, four to a word, the first in the
low bits. Writing index 0 starts a picture, in the buffer that the address names. Every input
channel beyond the picture's own is written as 0. Bytes after the last pixel are ignored.
"""

from __future__ import annotations

from enum import IntEnum

from volley.firmware.fields import Field
from volley.firmware.isa import PARAM_BITS

MAGIC = 0x594C4F56  # "VOLY"
REGION_SHIFT = 28
BANK_SHIFT = 20  # bank, tap or kind inside WEIGHTS, PARAMS and SPIKES
IMAGE_BUFFER_SHIFT = 24
BEFORE = 1 << 12  # in an index of REGISTERS, see above
LAYERS_MAX = 32
SCORES_MAX = 3968  # behind SCORES, below BEFORE
BOARD_NAME_BYTES = 16


class Region(IntEnum):
    """Bits 31..28 of an address."""

    REGISTERS = 0
    PROGRAM = 1
    DESCRIPTORS = 2
    WEIGHTS = 3
    PARAMS = 4
    SPIKES = 5
    IMAGE = 6


class Register(IntEnum):
    """Indexes in the region REGISTERS. Those up to BOARD are constants of the build."""

    MAGIC = 0
    VERSION = 1
    HASH_LOW = 2  # the first four bytes of the design hash, little endian
    HASH_HIGH = 3
    CLOCK_HZ = 4
    CI = 5
    CO = 6
    SPIKE_WORDS = 7
    WEIGHT_WORDS = 8
    PARAM_WORDS = 9
    PROGRAM_WORDS = 10
    LAYERS_BUILT = 11
    ROW_MAX = 12
    SCORES_BUILT = 13
    LUT = 14
    PACK = 15  # see OPTIONS
    BOARD = 16  # 16 bytes of ASCII, padded with zeros, in four words
    # writable
    CONTROL = 32  # writing 1 stops a running program
    IMAGE_BASE_0 = 33  # word address of row 0 of input buffer 0; row 0 is in bank 0
    IMAGE_BASE_1 = 34
    IMAGE_SHAPE = 35  # see IMAGE_SHAPE
    IMAGE_STRIDE = 36  # words from row y to row y + 3: groups * width
    # read only, results of the last run from here on in one burst
    STATUS = 48  # see STATUS
    CYCLES = 49  # clock cycles from run to halt
    RUNS = 50  # programs started since reset
    SESSION = 51  # the session's number, 0 after a reset
    # words that the host has moved since power-up, modulo 2^32
    IMAGE_WORDS = 52  # written to IMAGE
    MODEL_WORDS = 53  # written to PROGRAM, DESCRIPTORS, WEIGHTS and PARAMS
    SPIKES_WRITTEN = 54
    SPIKES_READ = 55
    LAYERS = 64  # then a pair of cycles, spikes for each layer
    SCORES = 128  # then a signed word for each output


assert Register.SCORES + SCORES_MAX <= BEFORE

DESIGN_REGISTERS = {
    "ci": Register.CI,
    "co": Register.CO,
    "spike_words": Register.SPIKE_WORDS,
    "weight_words": Register.WEIGHT_WORDS,
    "param_words": Register.PARAM_WORDS,
    "program_words": Register.PROGRAM_WORDS,
    "layers": Register.LAYERS_BUILT,
    "row_max": Register.ROW_MAX,
    "scores": Register.SCORES_BUILT,
    "lut": Register.LUT,
}
"""Where a board tells each parameter of ``firmware.design.Design`` but its OPTIONS."""

OPTIONS = {
    "pack": Field(0, 0, 1),
    "leak": Field(0, 1, 1),
    "odd": Field(0, 2, 1),
    "short": Field(0, 3, 1),
    "reach": Field(0, 4, 1),
    "pair": Field(0, 5, 1),
    "share": Field(0, 6, 1),
    "transposed": Field(0, 7, 1),
}
"""Parameters of the design in register PACK."""

IDENTITY_WORDS = int(Register.BOARD) + BOARD_NAME_BYTES // 4

IMAGE_SHAPE = {
    "width": Field(0, 0, 10),
    "height": Field(0, 10, 10),
    "channels": Field(0, 20, 12),
}

STATUS = {
    "running": Field(0, 0, 1),
}

PARAM_KINDS = tuple(PARAM_BITS)
"""The kinds of parameters in the order of their numbers in an address of PARAMS."""


def address(region: Region, index: int = 0) -> int:
    """The word address of an index in a region."""
    return int(region) << REGION_SHIFT | int(index)


STATUS_ADDRESS = address(Region.REGISTERS, Register.STATUS)
"""From here on are the results of a run."""
