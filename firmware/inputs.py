"""What goes into a program, and the bytes of it that the host uploads: a picture, or spike trains.

A spike train is the byte that a spike map has for it (``volley.firmware.isa``), so the host packs the
ticks to bytes and uploads these as a picture; of more than ``LANES`` ticks, each pass as a picture of
its own. Counts up to ``most`` become so many channels, channel k with a spike where the count is
above k (unary: exact, as the channels of a count share one weight). Where the first layer's kernel is
none of the array's, the host cuts the patches under it, and the layer is a 1x1 one on their
channels, in the order (channel, ky, kx). A picture of two pixels in a word (``volley.firmware.isa``) is sent as
such words: two pixels of one channel are two bytes.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from volley.firmware.isa import LANES

PICTURE, SPIKES = "picture", "spikes"
PAIR = 2
"""Pixels of a picture in a word where it is read in pairs, and channels of four bits that one becomes."""


def cut_patches(maps: np.ndarray, kernel: int, stride: int, padding: int) -> np.ndarray:
    """[..., C, H, W] as [..., C * kernel^2, rows, columns]: what each pixel of the output sees."""
    around = [(0, 0)] * (maps.ndim - 2) + [(padding, padding)] * 2
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(maps, around), (kernel, kernel), (-2, -1)
    )[..., ::stride, ::stride, :, :]
    order = (*range(maps.ndim - 2), maps.ndim, maps.ndim + 1, maps.ndim - 2, maps.ndim - 1)
    found = windows.transpose(order)
    return found.reshape(*maps.shape[:-3], -1, *found.shape[-2:])


def pairs(pictures: np.ndarray) -> np.ndarray:
    """uint8 [N, C, H, W] as words of two pixels, uint8 [N, 2 C, H, ceil(W / 2)]; see ``volley.firmware.isa``."""
    count, channels, height, width = pictures.shape
    filled = np.pad(pictures, [(0, 0)] * 3 + [(0, -width % PAIR)])
    first, second = filled[..., 0::PAIR], filled[..., 1::PAIR]
    halves = np.stack([first & 15 | second << 4, first >> 4 | second & 240], axis=2)
    return halves.reshape(count, PAIR * channels, height, -1)


@dataclasses.dataclass(frozen=True)
class Input:
    """The input of a program.

    kind: "picture" or "spikes". channels, height, width: of the picture, or of each tick's counts, up
    to ``most``. ticks: of the model. kernel, stride, padding: of patches, (1, 1, 0) for none. pixels:
    of a row that share a byte; of a picture 1, or 2 where it is read in pairs. pass_words: words of the spike memory from a pass to the next.
    """

    kind: str
    channels: int
    height: int
    width: int
    ticks: int
    most: int = 1
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    pixels: int = 1
    pass_words: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array that the host is given: (channels, height, width), of spikes ticks first."""
        shape = (self.channels, self.height, self.width)
        return shape if self.kind == PICTURE else (self.ticks, *shape)

    @property
    def passes(self) -> int:
        """Pictures that are uploaded for one input."""
        return 1 if self.kind == PICTURE else math.ceil(self.ticks / LANES)

    @property
    def sent(self) -> tuple[int, int, int]:
        """(channels, height, width) of each of them, a byte each."""
        height, width = (
            (n + 2 * self.padding - self.kernel) // self.stride + 1
            for n in (self.height, self.width)
        )
        channels = self.channels * self.most * self.kernel**2
        if self.kind == PICTURE:
            channels *= self.pixels
        return channels, height, math.ceil(width / self.pixels)

    @property
    def bytes(self) -> int:
        """That are uploaded for one input."""
        return self.passes * math.prod(self.sent)

    def pack(self, arrays: np.ndarray) -> np.ndarray:
        """uint8 [N, *shape] as uint8 [N, passes, *sent]."""
        if self.most > 1:
            unary = arrays[:, :, :, None] > np.arange(self.most, dtype=np.uint8)[:, None, None]
            arrays = unary.reshape(*arrays.shape[:2], -1, *arrays.shape[3:])
        if (self.kernel, self.stride, self.padding) != (1, 1, 0):
            arrays = cut_patches(arrays, self.kernel, self.stride, self.padding)
        if self.kind == PICTURE:
            return np.ascontiguousarray((arrays if self.pixels == 1 else pairs(arrays))[:, None])
        count, _, channels, height, width = arrays.shape
        words = math.ceil(width / self.pixels)
        lanes = self.passes * LANES // self.pixels
        filled = np.zeros((count, lanes, channels, height, words * self.pixels), np.uint8)
        filled[:, : self.ticks, :, :, :width] = arrays != 0
        filled = filled.reshape(count, self.passes, -1, channels, height, words, self.pixels)
        # the bits of a byte: pixel, tick
        bits = filled.transpose(0, 1, 3, 4, 5, 6, 2).reshape(
            count, self.passes, channels, height, words, LANES
        )
        return np.packbits(bits, axis=-1, bitorder="little")[..., 0]
