"""Pictures from files, as Pillow reads them and as a person sees them."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from volley.firmware import picture_fit
from volley.firmware.picture_fit import FORMATS, MODES, SUFFIXES, is_picture
from volley.host.array_files import read_bytes
from volley.host.errors import PictureError


def natural_order(path: Path) -> list:
    """A key that sorts 2.png before 10.png."""
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [[(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name]


def in_folder(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order; raises ``PictureError`` where there are none."""
    try:
        files = sorted(folder.iterdir(), key=natural_order)
    except OSError as error:
        raise PictureError(f"{folder}: cannot be read ({error.strerror or error})") from None
    found = [path for path in files if is_picture(path) and path.is_file()]
    if not found:
        there = ", ".join(path.name for path in files[:5])
        there = f"there are {there}" if files else "it is empty"
        raise PictureError(
            f"{folder}: no picture in this folder ({there}); allowed: {', '.join(SUFFIXES)}"
        )
    return found


def read_picture(path: Path, shape: tuple[int, int, int], fit: bool) -> np.ndarray:
    """A picture as uint8 [C, H, W] of ``shape``: upright, and on black where it is transparent.

    fit: one of another size is scaled, keeping its proportions. Raises ``PictureError``.
    """
    channels, height, width = shape
    content = io.BytesIO(read_bytes(path))
    if channels not in MODES:
        raise PictureError(
            f"{path}: a picture file has 1 or 3 channels, the model takes {channels}; "
            "give the pictures as .npy of shape [N, channels, height, width]"
        )
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(content, formats=FORMATS) as picture,
        ):
            seen = picture_fit.upright(picture, channels)
    except picture_fit.DepthError as error:
        raise PictureError(f"{path}: {error}") from None
    except Exception as error:  # Pillow's readers raise many kinds on damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PictureError(f"{path}: no picture, or a damaged one ({reason})") from None
    if seen.size != (width, height):
        seen = fitted(path, seen, shape, fit)
    return np.atleast_3d(np.asarray(seen)).transpose(2, 0, 1)


def fitted(path, picture, shape, fit):
    """A Pillow picture scaled to the model's size, or an error without ``fit``."""
    _, height, width = shape
    if not fit:
        raise PictureError(
            f"{path}: {picture.height} x {picture.width} pixels (height x width), the model takes "
            f"{height} x {width}; --fit scales pictures"
        )
    return picture_fit.scaled(picture, height, width)
