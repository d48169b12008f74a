"""Pictures from files: arrays in .npy or IDX, a picture, or a folder of pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from volley.host.array_files import LARGEST, read_array
from volley.host.errors import PictureError
from volley.host.picture_files import SUFFIXES, fitted, in_folder, read_picture


@dataclass
class Pictures:
    """images: uint8 [N, C, H, W]. files: the name of each one's file, None for those of one array."""

    images: np.ndarray
    files: list[str] | None = None


def load(path, shape: tuple[int, int, int], fit: bool = False, limit: int | None = None):
    """Reads pictures for a model whose input is ``shape`` = (channels, height, width).

    fit: pictures of another size are scaled, keeping their proportions, on a black ground.
    limit: the first so many only. Returns ``Pictures``; raises ``PictureError``.
    """
    path = Path(path)
    if path.is_dir():
        found = in_folder(path)[:limit]
        _check_size(path, shape, len(found))
        return Pictures(
            np.stack([read_picture(p, shape, fit) for p in found]), [p.name for p in found]
        )
    if path.suffix.lower() in SUFFIXES:
        _check_size(path, shape, 1)
        return Pictures(read_picture(path, shape, fit)[None], [path.name])
    array = read_array(path)
    if array.dtype != np.uint8:
        raise PictureError(f"{path}: {array.dtype} numbers, pictures are uint8, 0 to 255")
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        spikes = "; spike trains, which this model does not take" if array.ndim == 5 else ""
        raise PictureError(
            f"{path}: shape {list(array.shape)}, pictures have [N, height, width] or "
            f"[N, channels, height, width]{spikes}"
        )
    if not array.size:
        raise PictureError(f"{path}: no picture in it; shape {list(array.shape)}")
    array = array[:limit]
    if array.shape[1:] != shape:
        _check_size(path, shape, len(array))
        array = _scaled(path, array, shape, fit)
    return Pictures(np.ascontiguousarray(array))


def _check_size(path, shape, count):
    """Refuses what would take more memory than LARGEST before any of it is made."""
    size = count * math.prod(int(n) for n in shape)
    if size > LARGEST:
        raise PictureError(
            f"{path}: {count} picture(s) for an input of {' x '.join(map(str, shape))} take {size} "
            f"bytes, allowed are {LARGEST}; give fewer (--limit), or a model with a smaller input"
        )


def _scaled(path, array, shape, fit):
    """uint8 [N, C, H, W] of another size, scaled to the model's."""
    if array.shape[1] != shape[0]:
        raise PictureError(
            f"{path}: {array.shape[1]} channels (shape {list(array.shape)}), the model takes "
            f"{shape[0]}"
        )
    planes = [
        [np.asarray(fitted(path, Image.fromarray(plane), shape, fit)) for plane in picture]
        for picture in array
    ]
    return np.array(planes, np.uint8)
