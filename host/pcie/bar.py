"""BAR0 of a board as 32-bit words, and the ways that reach it by a memory map."""

from __future__ import annotations

import abc
import mmap
import os

import numpy as np

from volley.firmware.fields import WORD_BITS
from volley.firmware.pcie import BAR_BYTES, accesses

WORD = (1 << WORD_BITS) - 1


class Bar(abc.ABC):
    """BAR0 as 32-bit words; a place is the number of a word, see firmware/pcie.py.

    name: the port, for messages. A board that is gone reads all ones.
    """

    name = "BAR0"

    @abc.abstractmethod
    def load_block(self, place: int, count: int) -> list[int]:
        """``count`` words from a place on, each loaded once and in order."""

    @abc.abstractmethod
    def store_block(self, place: int, words: np.ndarray) -> None:
        """Stores words, uint32 [n], from a place on, each once and in order."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives the board back. A second call does nothing."""

    def cycles(self) -> int | None:
        """Clock cycles of a simulated board since it was switched on, else None."""
        return None

    def load(self, place: int) -> int:
        """One word."""
        return self.load_block(place, 1)[0]

    def store(self, place: int, word: int) -> None:
        """Stores one word."""
        self.store_block(place, np.array([word], np.uint32))


class MappedBar(Bar):
    """BAR0 in this process's memory.

    Every access is an item of 8 bytes where two words are aligned, else of 4: one instruction of the
    CPU, so words go once and in order. A copy of a slice would repeat some and mix their order.
    descriptor: the open file that is mapped; it is closed by ``close``. offset: of BAR0 in it.
    """

    def __init__(self, name: str, descriptor: int, offset: int = 0):
        self.name = name
        self._descriptor: int | None = descriptor
        self._map = mmap.mmap(descriptor, BAR_BYTES, offset=offset)
        self._bytes = memoryview(self._map)
        self._words, self._pairs = self._bytes.cast("I"), self._bytes.cast("Q")

    def load_block(self, place, count):
        found = []
        for at, size in accesses(place, count):
            if size == 2:
                pair = self._pairs[at >> 1]
                found += (pair & WORD, pair >> WORD_BITS)
            else:
                found.append(self._words[at])
        return found

    def store_block(self, place, words):
        words = np.ascontiguousarray(words, "<u4")
        end = place + len(words)
        if place % 2 and len(words):
            self._words[place] = int(words[0])
            place, words = place + 1, words[1:]
        pairs = self._pairs
        whole = len(words) // 2 * 2
        for at, pair in enumerate(words[:whole].view("<u8").tolist(), place // 2):
            pairs[at] = pair
        if len(words) % 2:
            self._words[end - 1] = int(words[-1])

    def close(self):
        if self._descriptor is None:
            return
        for view in (self._words, self._pairs, self._bytes, self._map):
            view.release() if isinstance(view, memoryview) else view.close()
        os.close(self._descriptor)
        self._descriptor = None
