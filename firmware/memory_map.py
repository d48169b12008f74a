"""Where the maps of a model lie in the spike banks, and whether a model fits a design."""

from __future__ import annotations

import dataclasses
import math

from firmware import isa
from firmware.design import Design
from firmware.isa import BANKS, INSTRUCTION


ADDRESSES = 1 << INSTRUCTION["in_row"].width


class FitError(ValueError):
    """The model does not fit the design; the text says by how much, and where it would."""


@dataclasses.dataclass(frozen=True)
class MapPlace:
    """A map in the spike banks: word addresses are the same in all three banks.

    base: first word. groups: words of a pixel in one pass of ticks. width: words of a row in one
    group. ring_rows: rows that are kept, a multiple of 3. passes: of ticks. pixels: of a row in a
    word.
    """

    base: int
    groups: int
    width: int
    ring_rows: int
    passes: int = 1
    pixels: int = 1

    @property
    def stride(self) -> int:
        """Words from row y to row y + 3."""
        return self.passes * self.pass_words

    @property
    def pass_words(self) -> int:
        """Words of a row from one pass to the next."""
        return self.groups * self.width

    @property
    def words(self) -> int:
        """Words in each bank."""
        return self.ring_rows // BANKS * self.stride

    @property
    def end(self) -> int:
        """The first word after the map."""
        return self.base + self.words


def ring_row(place: MapPlace, row: int) -> tuple[int, int]:
    """(word address, bank) of the start of a row.

    Row -1 is only a place to start from: it is one row before row 0, modulo ``ADDRESSES``.
    """
    if row == -1:
        return (place.base - place.stride) % ADDRESSES, BANKS - 1
    row %= place.ring_rows
    return place.base + row // BANKS * place.stride, row % BANKS


def full_map(shape, design: Design, passes: int = 1, pixels: int = 1) -> MapPlace:
    """A place at word 0 for a whole (channels, height, width) map; ``pixels`` of a row in a word."""
    channels, height, width = (int(n) for n in shape)
    groups, rows = math.ceil(channels / design.ci), math.ceil(height / BANKS) * BANKS
    return MapPlace(0, groups, math.ceil(width / pixels), rows, passes, pixels)


def memory_needs(spike_words, weight_words, param_words, program_words) -> dict[str, int]:
    """Words of each memory that a program needs, by the name of the design's parameter."""
    return {
        "spike_words": spike_words,
        "weight_words": weight_words,
        "param_words": param_words,
        "program_words": program_words,
    }


def word_bytes(design: Design) -> dict[str, float]:
    """Bytes of one word of each memory, all banks together."""
    return {
        "spike_words": BANKS * design.ci,
        "weight_words": isa.TAPS * design.ci * design.co / 8,
        "param_words": 10 * design.co,
        "program_words": 4,
    }


def excess(needs: dict[str, int], design: Design) -> dict[str, tuple[int, int]]:
    """{parameter: (words needed, words there)} for the memories that are too small."""
    return {
        name: (words, getattr(design, name))
        for name, words in needs.items()
        if words > getattr(design, name)
    }


def describe_excess(model, over, design) -> str:
    """The message of a ``FitError``: what is over, by how many bytes, and where it would fit."""
    sizes = word_bytes(design)
    parts = [
        f"{name} {words} of {there} ({math.ceil((words - there) * sizes[name])} bytes too many)"
        for name, (words, there) in over.items()
    ]
    return f"model {model.name!r} does not fit: it needs {', '.join(parts)}; {fitting(model)}"


def fitting(model) -> str:
    """Says on which boards a model would fit."""
    from firmware import boards
    from firmware.compile import compile_model

    names = []
    for name in boards.names():
        try:
            compile_model(model, boards.load(name).design, explain=False)
        except (FitError, boards.BoardError):
            continue
        names.append(name)
    return f"it fits {', '.join(names)}" if names else "it fits none of the known boards"
