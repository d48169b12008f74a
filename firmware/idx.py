"""IDX files of unsigned bytes, the form of MNIST: the one reader of host and training."""

from __future__ import annotations

import math

import numpy as np

UNSIGNED_BYTE = 0x08
MOST_DIMENSIONS = 4


class IdxError(ValueError):
    """Bytes that are not an IDX file of unsigned bytes; the text says why."""


def is_idx(content: bytes) -> bool:
    """Whether bytes begin as an IDX file does, of whatever type."""
    return len(content) >= 4 and content[:2] == b"\0\0"


def parse(content: bytes, name: str = "IDX data") -> np.ndarray:
    """A file's bytes (not compressed) as uint8 of the shape in its header; raises ``IdxError``.

    Nothing of the promised size is made: the array is a view of ``content``.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise IdxError(
            f"{name}: not an IDX file of unsigned bytes: it starts with "
            f"{content[:4].hex() or 'nothing'}; allowed: 00 00 08 and the number of dimensions"
        )
    count = content[3]
    if not 1 <= count <= MOST_DIMENSIONS:
        raise IdxError(f"{name}: {count} dimensions, allowed are 1 to {MOST_DIMENSIONS}")
    start = 4 + 4 * count
    if len(content) < start:
        raise IdxError(f"{name}: {len(content)} bytes are less than its IDX header")
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if 0 in shape:
        raise IdxError(f"{name}: its shape {shape} has a 0, so that there is nothing in it")
    if len(content) - start != math.prod(shape):
        raise IdxError(
            f"{name}: {len(content) - start} bytes behind the IDX header, its shape {shape} needs "
            f"{math.prod(shape)}; truncated or damaged?"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
