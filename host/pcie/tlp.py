"""Packets of PCIe's transaction layer as a root complex sends and takes them: memory reads and writes
below 4 GB, completions. Double words (DW) are the numbers of PCI Express Base Specification, chapter 2.

    write       fmt 010, type 00000, length | requester, tag, last BE, first BE | address | data
    read        fmt 000, type 00000, length | requester, tag, last BE, first BE | address
    completion  fmt 0x0, type 01010, length | completer, status, byte count     | requester, tag, lower
                                                                                  address | data

The byte with the lowest address is the highest of a DW of data, so a word of a little-endian memory
is turned round.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from volley.firmware.fields import Field, pack, unpack

LENGTH = Field(0, 0, 10)
READ_KIND, WRITE_KIND = 0x00, 0x40  # fmt and type
COMPLETION, COMPLETION_DATA = 0x0A, 0x4A
HEADER_DWORDS = 3
MAX_READ = 32  # DW of a read: 128 bytes, so that one completion can carry them
MAX_WRITE = 32
SUCCESS = 0
STATUS_NAMES = {1: "unsupported request", 2: "configuration retry", 4: "completer abort"}

REQUEST = {
    "kind": Field(0, 24, 8),
    "length": LENGTH,
    "requester": Field(1, 16, 16),
    "tag": Field(1, 8, 8),
    "last_be": Field(1, 4, 4),
    "first_be": Field(1, 0, 4),
    "address": Field(2, 0, 32),
}
ANSWER = {
    "kind": Field(0, 24, 8),
    "length": LENGTH,
    "completer": Field(1, 16, 16),
    "status": Field(1, 13, 3),
    "byte_count": Field(1, 0, 12),
    "requester": Field(2, 16, 16),
    "tag": Field(2, 8, 8),
    "lower_address": Field(2, 0, 7),
}


class TlpError(ValueError):
    """A packet that is no completion of a request; the text says why."""


class Completion(NamedTuple):
    """status: 0 for success. byte_count: bytes still to come, these included. words: of memory."""

    tag: int
    status: int
    byte_count: int
    words: np.ndarray


def _request(kind, address, length, tag):
    fields = {
        "kind": kind,
        "length": length,
        "tag": tag,
        "last_be": 15 if length > 1 else 0,
        "first_be": 15,
        "address": address,
    }
    return pack(REQUEST, fields, HEADER_DWORDS, "request")


def write(address: int, words: np.ndarray) -> list[int]:
    """The DW of a write of 1 to MAX_WRITE memory words, uint32, all bytes of them, to a byte address."""
    data = np.asarray(words, np.uint32).byteswap().tolist()
    return _request(WRITE_KIND, address, len(data), 0) + data


def read(address: int, count: int, tag: int) -> list[int]:
    """The DW of a read of 1 to MAX_READ words from a byte address on."""
    return _request(READ_KIND, address, count, tag)


def completion(dwords: list[int]) -> Completion:
    """The completion in a packet's DW; raises ``TlpError``."""
    if len(dwords) < HEADER_DWORDS:
        raise TlpError(f"a packet of {len(dwords)} DW, the header has {HEADER_DWORDS}")
    fields = unpack(ANSWER, dwords)
    if fields["kind"] not in (COMPLETION, COMPLETION_DATA):
        raise TlpError(f"fmt and type {fields['kind']:#04x}, a completion is wanted")
    promised = fields["length"] if fields["kind"] == COMPLETION_DATA else 0
    words = np.array(dwords[HEADER_DWORDS:], np.uint32).byteswap()
    if len(words) != promised:
        raise TlpError(f"{len(words)} DW of data, its length is {promised}")
    return Completion(fields["tag"], fields["status"], fields["byte_count"], words)


def to_bytes(dwords: list[int]) -> bytes:
    """A packet as it is on the wire: the highest byte of each DW first, so data in the order of memory."""
    return struct.pack(f">{len(dwords)}I", *dwords)


def from_bytes(data: bytes) -> list[int]:
    """The DW of ``to_bytes``; raises ``TlpError`` for bytes that are no whole DW."""
    if len(data) % 4:
        raise TlpError(f"a packet of {len(data)} bytes, no whole double words")
    return list(struct.unpack(f">{len(data) // 4}I", data))
