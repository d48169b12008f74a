"""Arrays from files of users: .npy and IDX, gzipped or not; sizes are checked before memory is taken."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import numpy as np

from volley.firmware import idx, npy
from volley.firmware.files import read_input
from volley.host.errors import PictureError

KINDS = (
    "a .npy or IDX file (.gz too), a picture that Pillow reads (PNG, JPEG, BMP, TIFF, GIF, WebP), "
    "or a folder of pictures"
)
LARGEST = 1 << 28
"""Bytes that a file may hold once it is unpacked, and that all pictures together may take."""

PIECE = 1 << 20

GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """A file's content; raises ``PictureError``."""
    try:
        return read_input(path)
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file or folder; allowed: {KINDS}") from None
    except (OSError, ValueError) as error:  # a name with a zero byte
        raise PictureError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None


def is_array(content: bytes) -> bool:
    """Whether bytes begin as .npy, IDX or gzip."""
    return content.startswith((npy.MAGIC, GZIP_MAGIC)) or idx.is_idx(content)


def read_array(path: Path) -> np.ndarray:
    """The array in a .npy or IDX file, gzipped or not; raises ``PictureError``."""
    content = read_bytes(path)
    if content.startswith(GZIP_MAGIC):
        content = _unpacked(path, content)
    if content.startswith(npy.MAGIC):
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
    try:
        return npy.parse(content)
    except npy.NpyError as error:
        raise PictureError(f"{path}: no usable .npy file ({error})") from None
