"""Simulated event frames: what a camera that sees changes would give of a still picture.

The recipe of N-MNIST (Orchard et al. 2015, arXiv 1507.07629): the picture moves in three saccades along
the sides of a triangle, and each pixel of a 34 x 34 sensor that gets brighter or darker by a share
of its brightness tells so: channel 0 of getting brighter, channel 1 of getting darker. Here it is a
simulation, of pictures that move by parts of a pixel in STEPS steps, with a little noise: no camera was
in front of it. The events of a frame are one spike of a pixel and channel, or none.
"""

from __future__ import annotations

import numpy as np

SIZE = 34  # of the sensor
STEPS = 24  # of the motion, shared out among the frames
CORNERS = ((-3.0, -3.0), (3.0, 0.0), (-3.0, 3.0))  # (row, column) where the saccades begin, pixels
BRIGHTER = 1.4  # times the brightness at the last event that is the next one; darker: its inverse
DARK = 0.1  # added to a brightness of 0 to 1
NOISE = 0.001  # share of spikes without a cause
CHUNK = 200  # pictures that stay in the cache


def path(steps: int = STEPS) -> np.ndarray:
    """(row, column) of the picture at the start and behind each step: float [steps + 1, 2]."""
    corners = np.array([*CORNERS, CORNERS[0]])
    along = np.arange(steps + 1) * len(CORNERS) / steps
    return np.stack([np.interp(along, range(len(corners)), corners[:, k]) for k in (0, 1)], 1)


def simulate(pictures: np.ndarray, ticks: int, seed: int = 0) -> np.ndarray:
    """uint8 0/1 [N, ticks, 2, SIZE, SIZE] of pictures uint8 [N, 1, H, W], up to SIZE - 6 pixels a side.

    seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    found = np.zeros((len(pictures), ticks, 2, SIZE, SIZE), np.uint8)
    for at in range(0, len(pictures), CHUNK):
        part = found[at : at + CHUNK]
        _move(pictures[at : at + CHUNK, 0], part)
        part |= rng.random(part.shape, np.float32) < NOISE
    return found


def _move(pictures, frames):
    """Sets the spikes of a few pictures [n, H, W]."""
    ticks = frames.shape[1]
    steps = max(STEPS, ticks)
    positions = path(steps)
    seen = _brightness(pictures, positions[0])
    for step in range(steps):
        now = _brightness(pictures, positions[step + 1])
        frame = frames[:, step * ticks // steps]
        brighter, darker = now > np.float32(BRIGHTER) * seen, np.float32(BRIGHTER) * now < seen
        frame[:, 0] |= brighter
        frame[:, 1] |= darker
        np.copyto(seen, now, where=brighter | darker)


def _brightness(pictures, position):
    """float32 [n, SIZE, SIZE] of pictures in the middle of the sensor, moved by ``position``."""
    n, height, width = pictures.shape
    top, left = (SIZE - height) / 2 + position[0], (SIZE - width) / 2 + position[1]
    y, x = int(np.floor(top)), int(np.floor(left))
    dy, dx = np.float32(top - y), np.float32(left - x)
    # a border for the pixels that are partly outside
    ground = np.full((n, SIZE + 2, SIZE + 2), DARK, np.float32)
    bright = pictures.astype(np.float32) / 255
    for down, share_y in ((0, 1 - dy), (1, dy)):
        for right, share_x in ((0, 1 - dx), (1, dx)):
            rows = slice(y + down, y + down + height)
            ground[:, rows, x + right : x + right + width] += share_y * share_x * bright
    return np.ascontiguousarray(ground[:, :SIZE, :SIZE])
