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

    base: first word. groups: words of a pixel. width: pixels of a row. ring_rows: rows that are
    kept, a multiple of 3.
    """

    base: int
    groups: int
    width: int
    ring_rows: int

    @property
    def stride(self) -> int:
        """Words from row y to row y + 3."""
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


def full_map(shape, design: Design, base: int = 0) -> MapPlace:
    """A place for a whole (channels, height, width) map."""
    channels, height, width = (int(n) for n in shape)
    return MapPlace(
        base, math.ceil(channels / design.ci), width, math.ceil(height / BANKS) * BANKS
    )


@dataclasses.dataclass
class MemoryMap:
    """inputs: one or two places for the picture; outputs: a place per layer, None for a readout."""

    inputs: list[MapPlace]
    outputs: list[MapPlace | None]
    words: int

    @property
    def input_ring(self) -> MapPlace:
        """The input buffers, which follow each other, as one ring: the first layer's descriptor."""
        rows = sum(place.ring_rows for place in self.inputs)
        return dataclasses.replace(self.inputs[0], ring_rows=rows)


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


def place_maps(model, design: Design) -> MemoryMap:
    """Places the maps: each in words of its own, or else each where an earlier one is not needed
    any more, or else with a single input buffer as well (the next picture then waits for the end).

    The first plan that fits is taken; if none does, the smallest.
    """
    picture = full_map(model.layers[0].in_shape, design)
    maps = [None if layer.readout else full_map(layer.out_shape, design) for layer in model.layers]

    plans = [_apart(picture, maps), _alternating(picture, maps, 2), _alternating(picture, maps, 1)]
    for plan in plans:
        if plan.words <= design.spike_words:
            return plan
    return min(plans, key=lambda plan: plan.words)


def _at(place: MapPlace | None, base: int) -> MapPlace | None:
    return None if place is None else dataclasses.replace(place, base=base)


def _apart(picture, maps) -> MemoryMap:
    inputs = [picture, _at(picture, picture.words)]
    base, outputs = 2 * picture.words, []
    for place in maps:
        outputs.append(_at(place, base))
        base += place.words if place else 0
    return MemoryMap(inputs, outputs, base)


def _alternating(picture, maps, buffers) -> MemoryMap:
    """Maps in turn at the low and at the high end of what is left beside the input.

    With one buffer the picture is the first of the maps and gives its words up after layer 0.
    """
    chain = ([picture] if buffers == 1 else []) + maps
    sizes = [place.words if place else 0 for place in chain]
    room = max([a + b for a, b in zip(sizes, sizes[1:])] + sizes)
    start = 0 if buffers == 1 else 2 * picture.words
    placed = [
        _at(place, start if number % 2 == 0 else start + room - sizes[number])
        for number, place in enumerate(chain)
    ]
    if buffers == 1:
        return MemoryMap([placed[0]], placed[1:], room)
    return MemoryMap([picture, _at(picture, picture.words)], placed, start + room)
