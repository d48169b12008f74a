"""Frames of the link, the same over UART, PCIe stream and simulation.

On the wire a frame is COBS(header, payload, CRC-32) and a zero byte; all numbers are little
endian. Header and payload are whole 32-bit words. The CRC is that of zlib over header and payload.

    request    seq u8 | command u8        | count u16 | address u32 | payload
    response   seq u8 | 0x80 + status u8  | count u16 | info u32    | payload

``count`` is the number of payload words of a WRITE, the number of words wanted by IDENTIFY, READ
and RUN, and 0 otherwise; in a response it is the number of payload words.

The device executes frames strictly in order of ``seq`` (modulo 256). ``info`` tells in every
response which seq it expects next, whether a program runs, and the session's number.

- seq as expected: executed, answered with OK, BUSY, BAD_COMMAND or BAD_ADDRESS; the next is seq + 1.
- seq one less than expected: executed before, answered with REPEATED, nothing is done or read.
- any other seq: OUT_OF_ORDER, nothing is done.
- IDENTIFY is taken with any seq and sets the expected one to seq + 1. It starts a session: the low 16 bits
  of its address are the session's number, which the host draws at random, not 0. A reset makes it 0.
- A frame that is damaged, too long or of a wrong length gets no answer and changes nothing.

Several requests may be under way: a response acknowledges all requests before it. A lost answer to
a READ is asked for again with a new seq. A response with another session's number comes from a board that
was reset or exchanged, or that another host has taken over: it says nothing about the requests under way.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from volley.firmware.fields import Field

VERSION = 3
HEADER_WORDS = 2
CRC_WORDS = 1
MAX_WORDS = 240  # payload of one frame, either way
MAX_BYTES = 4 * (HEADER_WORDS + MAX_WORDS + CRC_WORDS)
CRC_POLYNOMIAL = 0xEDB88320  # reflected
CRC_RESIDUE = 0x2144DF1C  # CRC-32 of anything that is followed by its own CRC-32
RESPONSE = 0x80
DELIMITER = 0
BAD_FRAMES_TO_FALL_BACK = 8  # as many in a row, and the UART returns to the divisor of its reset
COBS_BLOCK = 254
BITS_PER_BYTE = 10  # of a UART: start bit, eight data bits, stop bit
SESSION_BITS = 16
SEQS = 256  # sequence numbers
SESSIONS = 1 << SESSION_BITS  # numbers of sessions; 0 is that of none
LEAST_DIVISOR = 4  # clock cycles of a bit that the UART's receiver needs
DIVISOR_FRACTION_BITS = 8
DIVISOR_UNIT = 1 << DIVISOR_FRACTION_BITS  # parts of a clock cycle that BAUD counts

HEADER = {
    "seq": Field(0, 0, 8),
    "command": Field(0, 8, 8),
    "count": Field(0, 16, 16),
    "address": Field(1, 0, 32),
}

INFO = {
    "expected": Field(0, 0, 8),
    "running": Field(0, 8, 1),
    "session": Field(0, 16, SESSION_BITS),
}


class Command(IntEnum):
    """What a request asks for."""

    IDENTIFY = 1
    """Answers with ``count`` words from address 0 on, and sets the seq and the session's number."""

    READ = 2
    """Answers with ``count`` words from ``address`` on; BUSY if a memory is asked for in a run."""

    WRITE = 3
    """Writes the payload from ``address`` on."""

    RUN = 4
    """Answers with ``count`` words from register STATUS on, the results of the run before, then
    starts the program at word ``address`` of program memory; BUSY, and no start, during a run."""

    STATUS = 5
    """Only answers: ``info`` is the status."""

    BAUD = 6
    """Answers, then sets the UART to ``address`` / 256 clock cycles a bit."""


class Status(IntEnum):
    """How a request ended."""

    OK = 0
    REPEATED = 1
    OUT_OF_ORDER = 2
    BUSY = 3
    BAD_COMMAND = 4
    BAD_ADDRESS = 5


class Frame(NamedTuple):
    """A decoded frame. ``code`` is a Command, or RESPONSE + Status; ``argument`` address or info."""

    seq: int
    code: int
    count: int  # type: ignore[assignment]  # a tuple's method of that name is not called
    argument: int
    words: tuple[int, ...]


class FrameError(ValueError):
    """The bytes between two delimiters are no frame; the text says why."""


def cobs_encode(data: bytes) -> bytes:
    """Consistent overhead byte stuffing (Cheshire and Baker 1999), without the delimiter."""
    out = bytearray()
    blocks = data.split(b"\0")
    for number, block in enumerate(blocks, 1):
        rest = block
        while len(rest) >= COBS_BLOCK:
            out.append(COBS_BLOCK + 1)
            out += rest[:COBS_BLOCK]
            rest = rest[COBS_BLOCK:]
        # a block follows the last byte unless that byte closed a full block
        if rest or not block or number < len(blocks):
            out.append(len(rest) + 1)
            out += rest
    return bytes(out)


def cobs_decode(data: bytes) -> bytes:
    """Undoes ``cobs_encode``; raises ``FrameError``."""
    out = bytearray()
    index = 0
    while index < len(data):
        code = data[index]
        block = data[index + 1 : index + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            raise FrameError(f"byte stuffing broken at byte {index} of {len(data)}")
        out += block
        index += code
        if code <= COBS_BLOCK and index < len(data):
            out.append(0)
    return bytes(out)


def word_bytes(words) -> bytes:
    """32-bit words as bytes: of an integer array, or of any sequence of integers; bytes as they are."""
    if isinstance(words, (bytes, memoryview)):
        return bytes(words)
    return np.asarray(words).astype("<u4").tobytes()


def encode(seq: int, code: int, count: int, argument: int, words=b"") -> bytes:
    """A frame as it goes over the wire, with its delimiter. words: as ``word_bytes`` takes them."""
    body = struct.pack("<BBHI", seq & 0xFF, code, count, argument) + word_bytes(words)
    return cobs_encode(body + struct.pack("<I", zlib.crc32(body))) + bytes([DELIMITER])


def line_bytes(words: int = 0) -> int:
    """Bytes on the line of a frame with so many payload words, ``encode`` at its longest.

    Header, payload and CRC, a byte of COBS for each begun block of ``COBS_BLOCK``, the delimiter.
    The blocks end sooner where the data has zeros: a full frame may be 3 bytes shorter.
    """
    body = 4 * (HEADER_WORDS + words + CRC_WORDS)
    return body + -(-body // COBS_BLOCK) + 1


def frame_sizes(words: int) -> list[int]:
    """Payload words of the frames that carry so many words from one address on."""
    whole, rest = divmod(words, MAX_WORDS)
    return [MAX_WORDS] * whole + [rest] * (rest > 0)


def fastest_baud(clock_hz: int, top_baud: int) -> int:
    """The highest rate up to ``top_baud`` that a UART gets from a clock: any of LEAST_DIVISOR cycles a bit."""
    return min(top_baud, clock_hz // LEAST_DIVISOR)


def divisor(clock_hz: int, baud: int) -> int:
    """What BAUD sets for a rate: clock cycles of a bit in parts of 1 / DIVISOR_UNIT, the nearest.

    Its error is at most 1 / (2 DIVISOR_UNIT) of a cycle: 0.05 % of LEAST_DIVISOR.
    """
    return round(DIVISOR_UNIT * clock_hz / baud)


def decode(data: bytes) -> Frame:
    """The frame in the bytes between two delimiters; raises ``FrameError``."""
    body = cobs_decode(data)
    if len(body) % 4 or not 4 * (HEADER_WORDS + CRC_WORDS) <= len(body) <= MAX_BYTES:
        raise FrameError(f"{len(body)} bytes are no frame")
    if zlib.crc32(body[:-4]) != struct.unpack("<I", body[-4:])[0]:
        raise FrameError("CRC-32 does not match")
    seq, code, count, argument = struct.unpack_from("<BBHI", body)
    words = struct.unpack_from(f"<{len(body) // 4 - 3}I", body, 8)
    return Frame(seq, code, count, argument, words)
