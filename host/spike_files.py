"""Spike trains from files: .npy of shape [N, ticks, channels, height, width], counts of each tick."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from volley.host.array_files import read_array
from volley.host.errors import PictureError


def load(path, shape: tuple[int, ...], most: int, limit: int | None = None) -> np.ndarray:
    """Spike trains, uint8 [N, T, C, H, W], for a model whose input is ``shape`` = (T, C, H, W).

    most: spikes of an input in a tick that the model takes. limit: the first so many only. A .npy
    file of uint8 or bool; raises ``PictureError``.
    """
    path = Path(path)
    wanted = f"[N, {', '.join(map(str, shape))}] (samples, ticks, channels, height, width)"
    if path.is_dir() or (path.is_file() and not path.name.lower().endswith((".npy", ".npy.gz"))):
        raise PictureError(
            f"{path}: the model takes spike trains, not pictures; give a .npy file of uint8 or bool "
            f"{wanted}"
        )
    array = read_array(path)
    if array.dtype not in (np.uint8, np.bool_):
        raise PictureError(f"{path}: {array.dtype} numbers, spike trains are uint8 or bool")
    if array.ndim == len(shape):
        raise PictureError(
            f"{path}: shape {list(array.shape)}, which is of pictures; the model takes spike "
            f"trains {wanted}"
        )
    if array.shape[1:] != shape:
        raise PictureError(f"{path}: shape {list(array.shape)}, the model takes {wanted}")
    if not array.size:
        raise PictureError(f"{path}: no spike train in it; shape {list(array.shape)}")
    array = np.ascontiguousarray(array[:limit]).astype(np.uint8, copy=False)
    if array.max() > most:
        raise PictureError(f"{path}: {array.max()} spikes of an input in a tick, {too_many(most)}")
    return array


def too_many(most: int) -> str:
    """What the model takes, and what to do about counts above it."""
    return (
        f"the model takes up to {most}; clip them (numpy.minimum(counts, {most})), or export the "
        'model with a larger "most"'
    )
