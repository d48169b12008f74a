"""Packed words of the spike memory: a byte a channel holds the ticks of 1, 2, 4 or 8 pixels."""

import numpy as np

from volley.firmware.isa import LANES


def unpack(words, pack):
    """Packed words uint8 [row, pass, group, word, ...] as pixels [row, pass, group, x, ...].

    2**pack pixels in a word, LANES >> pack ticks each, those of the first pixel lowest.
    """
    ticks = LANES >> pack
    shifts = np.arange(0, LANES, ticks, dtype=np.uint8)[:, None, None]
    pixels = words[:, :, :, :, None] >> shifts & np.uint8((1 << ticks) - 1)
    return pixels.reshape(*words.shape[:3], -1, *words.shape[4:])


def pack_row(row, pack):
    """Pixels uint8 [pass, picture, x, channel] as packed words [pass, picture, word, channel]."""
    pixels, ticks = 1 << pack, LANES >> pack
    row = np.pad(row, ((0, 0), (0, 0), (0, -row.shape[2] % pixels), (0, 0)))
    row = row.reshape(*row.shape[:2], -1, pixels, row.shape[3])
    shifts = np.arange(0, LANES, ticks, dtype=np.uint8)[:, None]
    return np.bitwise_or.reduce(row << shifts, axis=3)
