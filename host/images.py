"""Pictures and labels from files: .npy, IDX (.gz too), PNG, JPEG, or a folder of pictures."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from volley.host.errors import PictureError

PICTURES = (".png", ".jpg", ".jpeg")
KINDS = "a .npy file, an IDX file (.gz too), a PNG or JPEG, or a folder of those"
NPY_MAGIC = b"\x93NUMPY"
GZIP_MAGIC = b"\x1f\x8b"
IDX_U8 = 0x08
MODES = {1: "L", 3: "RGB"}  # of Pillow, by the number of channels
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


@dataclass
class Pictures:
    """images: uint8 [N, C, H, W]. names: what to call each in a message."""

    images: np.ndarray
    names: list[str]


def load(path, shape: tuple[int, int, int], fit: bool = False, limit: int | None = None):
    """Reads pictures for a model whose input is ``shape`` = (channels, height, width).

    fit: pictures of another size are scaled, keeping their proportions, on a black ground.
    limit: the first so many only. Returns ``Pictures``; raises ``PictureError``.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path, shape, fit, limit)
    if path.suffix.lower() in PICTURES:
        return Pictures(_picture(path, shape, fit)[None], [path.name])
    array = _array(path)
    if array.dtype != np.uint8:
        raise PictureError(f"{path}: {array.dtype} numbers, pictures are uint8, 0 to 255")
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        raise PictureError(
            f"{path}: shape {list(array.shape)}, pictures have [N, height, width] or "
            "[N, channels, height, width]"
        )
    if not len(array):
        raise PictureError(f"{path}: no picture in it; shape {list(array.shape)}")
    array = array[:limit]
    if array.shape[1:] != shape:
        array = _scaled(path, array, shape, fit)
    return Pictures(np.ascontiguousarray(array), [f"{path.name}[{n}]" for n in range(len(array))])


def load_labels(path, classes: list[str]) -> np.ndarray:
    """Labels as int64 [N]: from .npy, IDX (.gz too), or a text, a number or class name a line.

    Raises ``PictureError`` for a file that is none of these and for labels that are no class.
    """
    path = Path(path)
    head = _bytes(path)[:8]
    if head.startswith((NPY_MAGIC, GZIP_MAGIC)) or head[:3] == bytes([0, 0, IDX_U8]):
        labels = _array(path)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise PictureError(
                f"{path}: {labels.dtype} of shape {list(labels.shape)}, labels are whole numbers "
                "of shape [N]"
            )
        labels = labels.astype(np.int64)
    else:
        labels = _text_labels(path, classes)
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        raise PictureError(
            f"{path}: label {labels[wrong[0]]} at place {wrong[0]}, the model has the classes 0 to "
            f"{len(classes) - 1}"
        )
    return labels


def match_labels(labels: np.ndarray, path, count: int, whole: bool) -> np.ndarray:
    """The first ``count`` labels; ``whole``: there must be just as many as pictures."""
    if len(labels) < count or (whole and len(labels) != count):
        raise PictureError(
            f"{path}: {len(labels)} labels for {count} pictures; one for each is needed"
        )
    return labels[:count]


def _bytes(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file or folder; allowed: {KINDS}") from None
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror or error})") from None


def _array(path):
    """The array in a .npy or IDX file."""
    data = _bytes(path)
    if data.startswith(GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise PictureError(f"{path}: damaged or truncated gzip file ({error})") from None
    if data.startswith(NPY_MAGIC):
        try:
            return np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise PictureError(f"{path}: no usable .npy file ({error})") from None
    if data[:2] == b"\0\0" and len(data) >= 4:
        return _idx(path, data)
    raise PictureError(
        f"{path}: neither .npy nor IDX, it starts with {data[:8]!r}; allowed: {KINDS}"
    )


def _idx(path, data):
    kind, dimensions = data[2], data[3]
    if kind != IDX_U8:
        raise PictureError(f"{path}: IDX of type {kind:#04x}, allowed is {IDX_U8:#04x} (uint8)")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise PictureError(f"{path}: {len(data)} bytes are less than its IDX header")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    if len(data) - start != math.prod(shape):
        raise PictureError(
            f"{path}: {len(data) - start} bytes behind the IDX header, its shape {list(shape)} "
            f"needs {math.prod(shape)}; truncated?"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _text_labels(path, classes):
    try:
        lines = _bytes(path).decode().split("\n")
    except UnicodeDecodeError:
        raise PictureError(f"{path}: neither .npy, IDX nor text; labels are one of these") from None
    names = {name: number for number, name in enumerate(classes)}
    labels = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line:
            continue
        if line not in names and not line.isdecimal():
            raise PictureError(
                f"{path}, line {number}: {line[:40]!r} is no class; allowed: 0 to "
                f"{len(classes) - 1}, or one of {', '.join(classes[:12])}"
            )
        labels.append(int(line) if line.isdecimal() else names[line])
    return np.array(labels, np.int64)


def _folder(path, shape, fit, limit):
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file())
    if not found:
        others = sorted(p.name for p in path.iterdir())
        there = f"there are {', '.join(others[:5])}" if others else "it is empty"
        raise PictureError(f"{path}: no picture in this folder ({there}); allowed: PNG and JPEG")
    found = found[:limit]
    return Pictures(np.stack([_picture(p, shape, fit) for p in found]), [p.name for p in found])


def _picture(path, shape, fit):
    """A PNG or JPEG as uint8 [C, H, W]."""
    channels, height, width = shape
    _bytes(path)
    mode = _mode(path, channels)
    try:
        with Image.open(path) as picture:
            if picture.mode not in EIGHT_BIT_MODES:
                raise PictureError(
                    f"{path}: pixels of Pillow's mode {picture.mode}, allowed are 8 bits a channel"
                )
            picture = picture.convert(mode)
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{path}: no PNG or JPEG, or a damaged one ({error})") from None
    if picture.size != (width, height):
        picture = _fitted(path, picture, shape, fit)
    return np.atleast_3d(np.asarray(picture)).transpose(2, 0, 1)


def _mode(path, channels):
    if channels not in MODES:
        raise PictureError(
            f"{path}: a PNG or JPEG has 1 or 3 channels, the model takes {channels}; "
            "give the pictures as .npy of shape [N, channels, height, width]"
        )
    return MODES[channels]


def _fitted(path, picture, shape, fit):
    """A Pillow picture scaled to the model's size, or an error without ``fit``."""
    _, height, width = shape
    if not fit:
        raise PictureError(
            f"{path}: {picture.height} x {picture.width} pixels (height x width), the model takes "
            f"{height} x {width}; --fit scales pictures"
        )
    return ImageOps.pad(picture, (width, height), Image.Resampling.BILINEAR)


def _scaled(path, array, shape, fit):
    """uint8 [N, C, H, W] of another size, scaled to the model's."""
    if array.shape[1] != shape[0]:
        raise PictureError(
            f"{path}: {array.shape[1]} channels (shape {list(array.shape)}), the model takes "
            f"{shape[0]}"
        )
    planes = [
        [np.asarray(_fitted(path, Image.fromarray(plane), shape, fit)) for plane in picture]
        for picture in array
    ]
    return np.array(planes, np.uint8)
