"""Arrays from files of users: .npy and IDX, gzipped or not; sizes are checked before memory is taken."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from volley.firmware import idx
from volley.host.errors import PictureError

KINDS = (
    "a .npy or IDX file (.gz too), a picture that Pillow reads (PNG, JPEG, BMP, TIFF, GIF, WebP), "
    "or a folder of pictures"
)
LARGEST = 1 << 28
"""Bytes that a file may hold once it is unpacked, and that all pictures together may take."""

PIECE = 1 << 20

NPY_MAGIC = b"\x93NUMPY"
GZIP_MAGIC = b"\x1f\x8b"
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_bytes(path: Path) -> bytes:
    """A file's content; raises ``PictureError``."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file or folder; allowed: {KINDS}") from None
    except (OSError, ValueError) as error:  # a name with a zero byte
        raise PictureError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None


def is_array(content: bytes) -> bool:
    """Whether bytes begin as .npy, IDX or gzip."""
    return content.startswith((NPY_MAGIC, GZIP_MAGIC)) or idx.is_idx(content)


def read_array(path: Path) -> np.ndarray:
    """The array in a .npy or IDX file, gzipped or not; raises ``PictureError``."""
    content = read_bytes(path)
    if content.startswith(GZIP_MAGIC):
        content = _unpacked(path, content)
    if content.startswith(NPY_MAGIC):
        return _npy(path, content)
    if idx.is_idx(content):
        try:
            return idx.parse(content, str(path))
        except idx.IdxError as error:
            raise PictureError(str(error)) from None
    raise PictureError(
        f"{path}: neither .npy nor IDX, it starts with {content[:8]!r}; allowed: {KINDS}"
    )


def _unpacked(path, content):
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = bytearray()  # by pieces: a read of so many bytes takes their memory at once
            while len(unpacked) <= LARGEST and (piece := file.read(PIECE)):
                unpacked += piece
    except (OSError, EOFError, zlib.error) as error:
        raise PictureError(f"{path}: damaged or truncated gzip file ({error})") from None
    if len(unpacked) > LARGEST:
        raise PictureError(f"{path}: more than {LARGEST} bytes when it is unpacked")
    return bytes(unpacked)


def _npy(path, content):
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"version {version[0]}.{version[1]}, allowed are 1.0 and 2.0")
        shape, _, dtype = HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError("Python objects, allowed are numbers")
        promised, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
        if promised != there:
            raise ValueError(
                f"its header promises {dtype} of shape {list(shape)}, {promised} bytes, and "
                f"{there} follow"
            )
        file.seek(0)
        return np.load(file, allow_pickle=False)
    except Exception as error:  # numpy's parser of headers raises many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PictureError(f"{path}: no usable .npy file ({reason})") from None
