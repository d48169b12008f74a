"""The plan of a program: what is fused, what is spilled, and where each map lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware.chains import Chain, Chains, Maps, layer_words
from firmware.design import Design
from firmware.memory_map import FitError, MapPlace


@dataclass
class Plan:
    """Chains in the order in which they run, and the places of their maps.

    sources, targets: of each layer's input and output; a target is None for a readout.
    inputs: the input buffers, or the ring that takes the picture in strips. words: of spike memory,
    per bank; weight_words and param_words: of all layers. resident: all of these are loaded once.
    """

    chains: list[Chain]
    sources: list[MapPlace]
    targets: list[MapPlace | None]
    inputs: list[MapPlace]
    words: int
    weight_words: int
    param_words: int
    resident: bool

    @property
    def streams(self) -> bool:
        """Whether the host has to write something while a picture is computed."""
        return not self.resident or any(chain.spill_in or chain.spill_out for chain in self.chains)


def make_plan(model, design: Design, fuse: str, spill: bool = True) -> Plan:
    """Chooses what to fuse and what to leave to the host.

    In this order: what moves the fewest bytes over the link, what leaves room for a second input
    buffer, what takes the fewest cycles. Where nothing fits the spike memory, the plan is one for
    the smallest that would do. spill: maps and the picture may be left to the host.
    """
    maps = Maps(model, design)
    needs = [
        layer_words(layer, place, design) for layer, place in zip(model.layers, maps.places)
    ]
    weights, params = (sum(column) for column in zip(*needs))
    resident = weights <= design.weight_words and params <= design.param_words
    limits = None if resident or not spill else (design.weight_words, design.param_words)
    counts = (weights, params, limits is None)

    apart = 2 * maps.words(0) + sum(maps.words(k + 1) for k in range(len(model.layers)))
    if fuse != "pairs" and apart <= design.spike_words and limits is None:
        chains = Chains(model, design, apart, apart=True).best("none")
        return Plan(chains, *_place_apart(maps), *counts)

    def choose(words):
        best = None
        for buffers in (2, 1, 0) if spill else (2, 1):  # 0: the picture comes in strips
            room = words - (2 * maps.words(0) if buffers == 2 else 0)
            chains = Chains(model, design, room, limits, apart=buffers == 2)
            found = chains.best(fuse, not buffers, spill) if room > 0 else None
            if found is None:
                continue
            alone = sum(
                chain.first == chain.last and model.layers[chain.first].kind == "conv"
                for chain in found
            )
            spilled = sum(chain.spilled for chain in found)
            key = (spilled, alone if fuse == "pairs" else 0, -buffers)
            if best is None or key < best[0]:
                best = (key, found, buffers)
        return best

    best = choose(design.spike_words)
    if best is None:
        low, high = design.spike_words, 2 * apart + design.spike_words
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if choose(middle) else (middle, high)
        best = choose(high)
    if best is None:
        raise FitError(
            f"model {model.name!r} does not fit: the weights of {design.ci} output channels of a "
            f"layer do not fit {design.weight_words} weight words"
        )
    return Plan(best[1], *_place(maps, best[1], best[2]), *counts)


def _place_apart(maps: Maps):
    """A place of its own for two input buffers and for each map: all can be read at any time."""
    picture = maps.places[0]
    inputs = [picture, replace(picture, base=picture.words)]
    base, targets = 2 * picture.words, []
    for place in maps.places[1:]:
        targets.append(replace(place, base=base) if place.words else None)
        base += place.words
    return [_input_ring(inputs)] + targets[:-1], targets, inputs, base


def _input_ring(inputs) -> MapPlace:
    """The input buffers, which follow each other, as one ring: the first layer's descriptor."""
    return replace(inputs[0], ring_rows=sum(place.ring_rows for place in inputs))


def _place(maps: Maps, chains: list[Chain], buffers: int):
    """Maps between chains in turn at the low and the high end of the room, rings between them.

    buffers: 2 lie before the room, one is the first of the maps, and a picture in strips has a ring.
    """
    picture = maps.places[0]
    start = 2 * picture.words if buffers == 2 else 0
    end = start + max(chain.words for chain in chains)
    count = len(maps.model.layers)
    sources: list[MapPlace | None] = [None] * count
    targets: list[MapPlace | None] = [None] * count
    inputs = [replace(picture, base=k * picture.words) for k in range(buffers)]
    incoming = _input_ring(inputs) if inputs else None
    incoming_is_low = buffers == 1
    for chain in chains:
        low, high = start, end
        if incoming is not None and not (chain.first == 0 and buffers == 2):
            low, high = (incoming.end, end) if incoming_is_low else (start, incoming.base)
        whole = maps.places[chain.last + 1]
        outgoing, outgoing_is_low = None, not incoming_is_low
        if whole.words and not chain.spill_out:
            outgoing = replace(whole, base=low if outgoing_is_low else high - whole.words)
            low, high = (outgoing.end, high) if outgoing_is_low else (low, outgoing.base)
        between = {chain.first: incoming, chain.last + 1: outgoing}
        for number, rows in zip(chain.ring_maps, chain.rings):
            between[number] = replace(maps.places[number], base=low, ring_rows=rows)
            low = between[number].end
        assert low <= high, "rings and maps overlap"
        for layer in range(chain.first, chain.last + 1):
            sources[layer], targets[layer] = between[layer], between[layer + 1]
        if chain.first == 0 and chain.spill_in:
            inputs = [sources[0]]
        incoming, incoming_is_low = outgoing, outgoing is not None and outgoing_is_low
    return sources, targets, inputs, end
