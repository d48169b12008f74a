"""Which layers a program fuses to chains, and which maps it leaves to the host.

Layers that follow each other and whose rows are interleaved are a chain; the maps inside it are
rings. The map between two chains lies on the chip as a whole or, as the last resort, is spilled:
the host keeps it, reads its rows from a ring behind the one chain and writes them to a ring before
the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

from volley.firmware.compiler.cycle_model import instruction_overhead, layer_cycles
from volley.firmware.compiler.lanes import packed_pixels, passes_of
from volley.firmware.compiler.memory_map import full_map
from volley.firmware.compiler.row_schedule import (
    Stage,
    Step,
    interleave,
    layer_stage,
    least_rings,
    steps_of_stages,
    whole_ring,
)
from volley.firmware.compiler.weights import group_words
from volley.firmware.design import Design
from volley.firmware.inputs import PAIR
from volley.firmware.isa import BANKS
from volley.firmware.spike_map import MapPlace

FUSE = ("none", "pairs", "auto")
LONGEST = {"none": 1, "pairs": 2, "auto": 8}
"""Layers of a chain."""
WORTH = 0.01
"""Rings grow until the instructions of a chain cost at most this share of its cycles."""


@dataclass(frozen=True)
class Chain:
    """Layers ``first .. last``, whose rows are interleaved.

    rings: rows kept of the maps between its stages. spill_in, spill_out: the host keeps the map
    before it or behind it, and is its first or last stage. parts: a single layer whose weights come
    in so many loads runs once for each. sweeps: of ``schedule.interleave``. words: of spike memory,
    per bank. spilled: bytes over the link per picture. work: cycles of the array; cycles: with the
    instructions' overhead.
    """

    first: int
    last: int
    rings: tuple[int, ...]
    spill_in: bool
    spill_out: bool
    parts: int
    sweeps: tuple[tuple[Step, ...], ...]
    words: int
    spilled: int
    work: int
    cycles: int

    @property
    def ring_maps(self) -> range:
        """Numbers of the maps that are rings; number k is the input of layer k."""
        return range(self.first + (not self.spill_in), self.last + 1 + self.spill_out)


class Maps:
    """The maps of a model as a design holds them: number k is the input of layer k."""

    def __init__(self, model, design: Design):
        self.model, self.design = model, design
        shapes = [model.layers[0].in_shape] + [layer.out_shape for layer in model.layers]
        pixels = packed_pixels(model, design)
        first = model.layers[0]
        # passes and pixels of a word: a picture has one of each, or a pair
        self.of_input = (passes_of(first, model), pixels)
        if first.encode:
            self.of_input = (1, PAIR if first.pair else 1)
        self.layouts = [full_map(shapes[0], design, *self.of_input)] + [
            full_map(shape, design, passes_of(layer, model), pixels)
            for shape, layer in zip(shapes[1:], model.layers)
        ]
        self.heights = [int(shape[1]) for shape in shapes]
        if model.layers[-1].readout:
            self.layouts[-1] = replace(self.layouts[-1], groups=0)

    def words(self, number: int, rows: int | None = None) -> int:
        """Words per bank of a map, or of a ring of so many of its rows."""
        layout = self.layouts[number]
        return (layout.ring_rows if rows is None else rows) // BANKS * layout.stride

    def bytes(self, number: int) -> int:
        """Bytes of a map as the link carries it; of the picture, its own channels alone."""
        if number == 0:
            passes, pixels = self.of_input
            channels, height, width = self.model.layers[0].in_shape
            return passes * 4 * math.ceil(channels * height * math.ceil(width / pixels) / 4)
        return self.heights[number] * self.layouts[number].stride * self.design.ci


def layer_words(layer, source: MapPlace, design: Design) -> tuple[int, int]:
    """(words of the weight memory, words of the parameter memory) of a layer."""
    groups = math.ceil(layer.outputs / design.co)
    return groups * group_words(layer, source, design), groups


class Chains:
    """All chains of a model that keep to a room of spike memory and, if set, to ``limits``.

    room: words per bank. limits: (weight words, parameter words) that the layers of a chain may
    take together, None where everything is loaded once. apart: the picture lies outside the room.
    grow: rings are as large as is worth it, not the smallest.
    """

    def __init__(self, model, design: Design, room: int, limits=None, apart: bool = False,
                 grow: bool = True):  # fmt: skip
        self.model, self.design, self.room = model, design, room
        self.limits, self.apart, self.grow = limits, apart, grow
        self.maps = Maps(model, design)
        self.overhead = instruction_overhead(design)
        self.chain = cache(self._chain)

    def stages(self, first, last, spill_in, spill_out) -> tuple[Stage, ...]:
        """The stages of a chain, with the host at its ends."""
        stages = [layer_stage(layer) for layer in self.model.layers[first : last + 1]]
        if spill_in:
            unit = BANKS if first == 0 else 1  # a strip of a picture starts in bank 0
            stages.insert(0, Stage(self.maps.heights[first], unit=unit))
        if spill_out:
            stages.append(Stage(self.maps.heights[last + 1]))
        return tuple(stages)

    def _parts(self, first, last):
        """Loads that these layers' weights come in, None where a chain is too much for one."""
        if self.limits is None:
            return 1
        needs = [
            layer_words(self.model.layers[k], self.maps.layouts[k], self.design)
            for k in range(first, last + 1)
        ]
        loads = [sum(column) / most for column, most in zip(zip(*needs), self.limits)]
        if max(loads) <= 1:
            return 1
        if first != last:
            return None
        # whole words of the output map to a part
        words = math.ceil(self.model.layers[first].outputs / self.design.ci)
        step = self.design.ci // self.design.co
        for parts in range(2, words + 1):
            share = min(math.ceil(words / parts) * step, needs[0][1])
            weights = share * (needs[0][0] // needs[0][1])
            if weights <= self.limits[0] and share <= self.limits[1]:
                return math.ceil(words / math.ceil(words / parts))
        return None

    def _chain(self, first, last, spill_in, spill_out) -> Chain | None:
        layers = self.model.layers[first : last + 1]
        if len(layers) > 1 and any(layer.kind == "dense" for layer in layers):
            return None
        parts = self._parts(first, last)
        if parts is None:
            return None
        whole = 0
        if not spill_in and not (first == 0 and self.apart):
            whole += self.maps.words(first)
        if not spill_out:
            whole += self.maps.words(last + 1)
        stages = self.stages(first, last, spill_in, spill_out)
        numbers = range(first + (not spill_in), last + 1 + spill_out)
        cycles = sum(layer_cycles(layer, self.model, self.design) for layer in layers)

        strides = [self.maps.layouts[number].stride for number in numbers]

        def words(rings):
            return sum(rows // BANKS * stride for rows, stride in zip(rings, strides))

        @cache
        def overhead_of(rings):
            counts = steps_of_stages(stages, rings)
            return sum(counts[spill_in : spill_in + len(layers)]) * self.overhead * parts

        rings = self._grow(stages, words, overhead_of, self.room - whole, cycles)
        if rings is None:
            return None
        sweeps, overhead = interleave(stages, rings), overhead_of(rings)
        assert sweeps is not None, "rings that are large enough"
        spilled = parts * self.maps.bytes(first) if spill_in and first else 0
        spilled += self.maps.bytes(last + 1) if spill_out else 0
        if first == 0 and spill_in:
            spilled += (parts - 1) * self.maps.bytes(0)
        return Chain(
            first, last, rings, spill_in, spill_out, parts,
            sweeps, whole + words(rings), spilled,
            cycles, cycles + overhead,
        )  # fmt: skip

    def _grow(self, stages, words, overhead_of, room, cycles):
        """Rings as small as they may be without too many instructions, as far as there is room."""
        least = least_rings(stages)
        if words(least) > room:
            return None
        if not self.grow:
            return least
        # a ring of more than half of the map would not be worth it
        tallest = [
            max(low, whole_ring(math.ceil(stage.rows // stage.pool / 2)))
            for low, stage in zip(least, stages)
        ]
        best, lowest = least, overhead_of(least)
        for size in range(BANKS, max(tallest, default=0) + BANKS, BANKS):
            if lowest <= WORTH * cycles:
                break
            rings = tuple(max(low, min(size, high)) for low, high in zip(least, tallest))
            if words(rings) > room:  # larger ones take no less
                break
            if overhead_of(rings) < lowest:
                best, lowest = rings, overhead_of(rings)
        for k in range(len(best)):
            while best[k] > least[k]:
                less = best[:k] + (best[k] - BANKS,) + best[k + 1 :]
                if overhead_of(less) > lowest:
                    break
                best = less
        return best

    def best(
        self, fuse: str, spill_picture: bool = False, spill: bool = True
    ) -> list[Chain] | None:
        """The chains with the fewest bytes over the link, then with the fewest cycles.

        fuse: "none", "pairs" (every pair that may be fused, before cycles count) or "auto". spill:
        maps between chains may be left to the host. None where no chains keep to the room.
        """
        count = len(self.model.layers)
        # ways[n][spilled]: the best way to compute the layers before n, whose map is on chip or not
        ways: list[dict] = [{} for _ in range(count + 1)]
        ways[0][spill_picture] = ((0, 0, 0), None, None)
        for last in range(count):
            for spill_out in (False, True) if spill else (False,):
                if spill_out and self.model.layers[last].readout:
                    continue
                best = None
                for first in range(max(0, last + 1 - LONGEST[fuse]), last + 1):
                    for spill_in, (before, _, _) in ways[first].items():
                        chain = self.chain(first, last, spill_in, spill_out)
                        if chain is None:
                            continue
                        single = first == last and self.model.layers[first].kind == "conv"
                        alone = int(fuse == "pairs" and single)
                        key = (chain.spilled, alone, chain.cycles)
                        key = tuple(a + b for a, b in zip(before, key))
                        if best is None or key < best[0]:
                            best = (key, chain, spill_in)
                if best:
                    ways[last + 1][spill_out] = best
        if not ways[count]:
            return None
        key = min(ways[count], key=lambda spilled: ways[count][spilled][0])
        chains: list[Chain] = []
        behind = count
        while behind:
            _, chain, key = ways[behind][key]
            chains.insert(0, chain)
            behind = chain.first
        return chains
