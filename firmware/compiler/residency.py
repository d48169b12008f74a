"""Which weights stay on the chip and which are loaded anew for each picture, and where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from volley.firmware.compiler.fusion import Chain, Maps, layer_words
from volley.firmware.design import Design

FEW = 8
"""Up to so many loads every choice is tried, beyond that the largest or the smallest go first."""


@dataclass
class Load:
    """The weights and neuron parameters of a chain, or of some output channels of its one layer.

    first_word, words: of the output map's pixels, for a part of a layer. weights, params: words of
    the memories, from weight_base and param_base on. resident: loaded once, with the program.
    """

    chain: Chain
    part: int
    first_word: int
    words: int
    weights: int
    params: int
    resident: bool = True
    weight_base: int = 0
    param_base: int = 0

    def groups(self, layer, design: Design) -> range:
        """The output groups of ``layer`` that are in it."""
        step = design.ci // design.co
        last = math.ceil(layer.outputs / design.co)
        return range(self.first_word * step, min((self.first_word + self.words) * step, last))

    def overlaps(self, other: Load) -> bool:
        """Whether the two cannot be on the chip together."""
        return (
            self.weight_base < other.weight_base + other.weights
            and other.weight_base < self.weight_base + self.weights
        ) or (
            self.param_base < other.param_base + other.params
            and other.param_base < self.param_base + self.params
        )


def make_loads(maps: Maps, chains: list[Chain]) -> list[Load]:
    """The loads of the chains in the order in which they run."""
    model, design, loads = maps.model, maps.design, []
    for chain in chains:
        needs = [
            layer_words(model.layers[k], maps.layouts[k], design)
            for k in range(chain.first, chain.last + 1)
        ]
        weights, params = (sum(column) for column in zip(*needs))
        words = math.ceil(model.layers[chain.last].outputs / design.ci)
        share = math.ceil(words / chain.parts)
        for part in range(chain.parts):
            first = part * share
            load = Load(chain, part, first, min(share, words - first), weights, params)
            if chain.parts > 1:
                load.params = len(load.groups(model.layers[chain.first], design))
                load.weights = weights // params * load.params
            loads.append(load)
    return loads


def place_loads(maps: Maps, chains: list[Chain]) -> list[Load]:
    """Chooses what stays on the chip, so that the fewest bytes are loaded for a picture.

    What does not stay takes turns at both ends of the rest of the memories: two loads in a row that
    fit together are double-buffered. Single layers are cut to parts for that where it is free.
    """
    design = maps.design
    loads = make_loads(maps, chains)
    sizes = (design.weight_words, design.param_words)
    if sum(load.weights for load in loads) <= sizes[0] and (
        sum(load.params for load in loads) <= sizes[1]
    ):
        resident = set(range(len(loads)))
    else:
        resident = _choose(loads, sizes)
    kept = {(loads[k].chain.first, loads[k].part) for k in resident}
    free = [
        size - sum(getattr(loads[k], name) for k in resident)
        for size, name in zip(sizes, ("weights", "params"))
    ]
    halved = [_halve(maps, chain, loads, kept, free) for chain in chains]
    loads = make_loads(maps, halved)
    base = [0, 0]
    for load in loads:
        load.resident = (load.chain.first, load.part) in kept
        if load.resident:
            load.weight_base, load.param_base = base
            base = [base[0] + load.weights, base[1] + load.params]
    low = True
    for load in loads:
        if not load.resident:
            load.weight_base = base[0] if low else sizes[0] - load.weights
            load.param_base = base[1] if low else sizes[1] - load.params
            low = not low
    return loads


def _choose(loads, sizes) -> set[int]:
    """Numbers of the loads that stay: the most words, with room for each of the others."""

    def fits(kept):
        for size, name in zip(sizes, ("weights", "params")):
            most = max(
                (getattr(load, name) for k, load in enumerate(loads) if k not in kept), default=0
            )
            if most + sum(getattr(loads[k], name) for k in kept) > size:
                return False
        return True

    if len(loads) <= FEW:
        ways = ({k for k in range(len(loads)) if bits >> k & 1} for bits in range(1 << len(loads)))
        return max(
            (kept for kept in ways if fits(kept)),
            key=lambda kept: sum(loads[k].weights for k in kept),
        )
    found = []
    for sign in (1, -1):
        kept: set[int] = set()
        for k in sorted(range(len(loads)), key=lambda k: sign * loads[k].weights):
            if fits(kept | {k}):
                kept.add(k)
        found.append(kept)
    return max(found, key=lambda kept: sum(loads[k].weights for k in kept))


def _halve(maps: Maps, chain: Chain, loads, kept, free) -> Chain:
    """A chain that is loaded anew in parts of half the free memory, where parts cost no bytes."""
    mine = [load for load in loads if load.chain is chain]
    if (
        chain.first != chain.last
        or chain.spill_in
        or any((load.chain.first, load.part) in kept for load in mine)
        or all(2 * load.weights <= free[0] and 2 * load.params <= free[1] for load in mine)
    ):
        return chain
    words = math.ceil(maps.model.layers[chain.first].outputs / maps.design.ci)
    for parts in range(chain.parts + 1, words + 1):
        if math.ceil(words / math.ceil(words / parts)) != parts:
            continue
        more = replace(chain, parts=parts)
        if all(
            2 * load.weights <= free[0] and 2 * load.params <= free[1]
            for load in make_loads(maps, [more])
        ):
            overhead = (chain.cycles - chain.work) // chain.parts
            return replace(more, cycles=chain.work + parts * overhead)
    return chain


def streamed_words(loads: list[Load], design: Design) -> int:
    """32-bit words that are written for each picture."""
    weights = sum(load.weights for load in loads if not load.resident)
    params = sum(load.params for load in loads if not load.resident)
    return 9 * weights * design.weight_columns + 3 * params * design.co
