"""A picture file as the pixels of a model's input: the one rule, for training and for the host.

Upright as a camera's file says, on black where it is transparent, grey or of three colours; one of
another size is scaled, keeping its proportions, on a black ground.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")
MODES = {1: "L", 3: "RGB"}  # of Pillow, by the number of channels
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
"""Of a file; Pillow cuts channels of more bits to white."""


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture; hidden files are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


class DepthError(ValueError):
    """A picture has more than 8 bits a channel."""


def upright(picture, channels: int):
    """An open Pillow picture turned upright, on black, of 1 or 3 channels; raises ``DepthError``."""
    if picture.mode not in EIGHT_BIT_MODES:
        raise DepthError(f"pixels of Pillow's mode {picture.mode}, allowed are 8 bits a channel")
    return on_black(ImageOps.exif_transpose(picture)).convert(MODES[channels])


def on_black(picture):
    """The picture laid on black, where it is transparent."""
    if picture.mode not in ("LA", "PA", "RGBA") and "transparency" not in picture.info:
        return picture
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)


def scaled(picture, height: int, width: int):
    """A Pillow picture of height x width, in its proportions."""
    return ImageOps.pad(picture, (width, height), Image.Resampling.BILINEAR)


def read(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture file as uint8 [C,H,W] of ``shape``; raises ``DepthError`` and what Pillow raises."""
    channels, height, width = shape
    with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as picture:
        seen = upright(picture, channels)
    if seen.size != (width, height):
        seen = scaled(seen, height, width)
    return np.atleast_3d(np.asarray(seen)).transpose(2, 0, 1)
