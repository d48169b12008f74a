"""The plan of a program: what is fused, what is spilled, and where each map lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

from volley.firmware.compiler.fusion import Chain, Chains, Maps, layer_words
from volley.firmware.compiler.residency import Load, place_loads, streamed_words
from volley.firmware.design import Design
from volley.firmware.spike_map import MapPlace


class NoRoom(Exception):
    """Not even with fusion and streaming a model fits; needs: (spike, weight, parameter) words."""

    def __init__(self, spikes: int, weights: int, params: int):
        self.needs = spikes, weights, params
        super().__init__(self.needs)


@dataclass
class Plan:
    """The chains with their weights, in the order in which they run, and where their maps lie.

    sources, targets: of each layer's input and output; a target is None for a readout.
    inputs: the input buffers, or the ring that takes the picture in strips. words: of spike memory,
    per bank.
    """

    loads: list[Load]
    sources: list[MapPlace]
    targets: list[MapPlace | None]
    inputs: list[MapPlace]
    words: int

    @property
    def streams(self) -> bool:
        """Whether the host has to write something while a picture is computed."""
        return not all(load.resident for load in self.loads) or any(
            load.chain.spill_in or load.chain.spill_out for load in self.loads
        )


SHARES = (1, 3 / 4, 1 / 2, 3 / 8, 1 / 4)
"""Of the weight memory: what a chain may take at most, tried where weights are streamed."""


def make_plans(model, design: Design, fuse: str) -> list[Plan]:
    """What may be fused and what left to the host: all plans that are worth a look, best first.

    Best is, in this order: what moves the fewest bytes over the link, what leaves room for a second
    input buffer, what takes the fewest cycles. Raises ``NoRoom`` where nothing fits.
    """
    maps = Maps(model, design)
    needs = [
        layer_words(layer, source, design) for layer, source in zip(model.layers, maps.layouts)
    ]
    weights, params = (sum(column) for column in zip(*needs))
    resident = weights <= design.weight_words and params <= design.param_words
    limits: list[tuple[int, int] | None] = [None]
    if not resident:
        limits = [(int(design.weight_words * k), design.param_words) for k in SHARES]

    apart = 2 * maps.words(0) + sum(maps.words(k + 1) for k in range(len(model.layers)))
    if fuse != "pairs" and apart <= design.spike_words and resident:
        chains = Chains(model, design, apart, apart=True).best("none")
        assert chains is not None, "what has room apart has room"
        return [Plan(place_loads(maps, chains), *_maps_apart(maps))]

    found = _ways(maps, fuse, limits, design.spike_words)
    if not found:
        raise NoRoom(*_least(maps, fuse, limits, 2 * apart + design.spike_words))
    return [
        Plan(loads, *_maps_in_turn(maps, chains_of(loads), buffers)) for loads, buffers in found
    ]


def _least(maps: Maps, fuse, limits, enough) -> tuple[int, int, int]:
    """The fewest words of spikes, weights and parameters that would do."""
    design, shares = maps.design, []
    for layer, source in zip(maps.model.layers, maps.layouts):
        weights, params = layer_words(layer, source, design)
        share = min(params, design.ci // design.co)  # whole words of the output map
        shares.append((weights // params * share, share))
    weights, params = (max(column) for column in zip(*shares))
    if weights > design.weight_words or params > design.param_words:
        limits = [None]
    low, high = 0, enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(maps, fuse, limits[0], middle) else (middle, high)
    return high, weights, params


def _fits(maps: Maps, fuse, limit, words) -> bool:
    """Whether so many words of spike memory would do."""
    return any(
        Chains(maps.model, maps.design, words, limit, grow=False).best(fuse, strips)
        for strips in (True, False)
    )


def _ways(maps: Maps, fuse, limits, words) -> list[tuple[list[Load], int]]:
    """(loads, input buffers) that do with so many words of spike memory, the best first."""
    model, design = maps.model, maps.design
    ways: list[tuple[tuple, list[Load], int]] = []
    for limit in limits:
        for buffers in (2, 1, 0):  # 0: the picture comes in strips
            room = words - (2 * maps.words(0) if buffers == 2 else 0)
            if room <= 0 or buffers == 2 and limit:
                continue
            found = Chains(model, design, room, limit, buffers == 2).best(fuse, not buffers)
            if found is None:
                continue
            alone = sum(
                chain.first == chain.last and model.layers[chain.first].kind == "conv"
                for chain in found
            )
            spilled = sum(chain.spilled for chain in found)
            if spilled and buffers == 2:
                continue
            loads = place_loads(maps, found)
            cycles = sum(load.chain.cycles / load.chain.parts for load in loads)
            key = (
                spilled + 4 * streamed_words(loads, design), alone if fuse == "pairs" else 0,
                -buffers, cycles,
            )  # fmt: skip
            ways.append((key, loads, buffers))
    return [way[1:] for way in sorted(ways, key=lambda way: way[0])]


def loads_words(loads: list[Load]) -> tuple[int, int]:
    """(words of the weight memory, words of the parameter memory) that are in use."""
    return (
        max(load.weight_base + load.weights for load in loads),
        max(load.param_base + load.params for load in loads),
    )


def chains_of(loads: list[Load]) -> list[Chain]:
    """The chains of the loads, each once."""
    return [load.chain for load in loads if load.part == 0]


def _maps_apart(maps: Maps):
    """Room of its own for two input buffers and for each map: all can be read at any time."""
    picture = maps.layouts[0]
    inputs = [picture, replace(picture, base=picture.words)]
    base, targets = 2 * picture.words, []
    for layout in maps.layouts[1:]:
        targets.append(replace(layout, base=base) if layout.words else None)
        base += layout.words
    return [_input_ring(inputs)] + targets[:-1], targets, inputs, base


def _input_ring(inputs) -> MapPlace:
    """The input buffers, which follow each other, as one ring: the first layer's descriptor."""
    return replace(inputs[0], ring_rows=sum(buffer.ring_rows for buffer in inputs))


def _maps_in_turn(maps: Maps, chains: list[Chain], buffers: int):
    """Maps between chains in turn at the low and the high end of the room, rings between them.

    buffers: 2 lie before the room, one is the first of the maps, a picture in strips has a ring.
    """
    picture = maps.layouts[0]
    start = 2 * picture.words if buffers == 2 else 0
    end = start + max(chain.words for chain in chains)
    count = len(maps.model.layers)
    sources: list[MapPlace | None] = [None] * count
    targets: list[MapPlace | None] = [None] * count
    inputs: list[MapPlace | None] = [
        replace(picture, base=k * picture.words) for k in range(buffers)
    ]
    incoming = _input_ring(inputs) if inputs else None
    incoming_is_low = buffers == 1
    for chain in chains:
        low, high = start, end
        if incoming is not None and not (chain.first == 0 and buffers == 2):
            low, high = (incoming.end, end) if incoming_is_low else (start, incoming.base)
        whole = maps.layouts[chain.last + 1]
        outgoing: MapPlace | None = None
        outgoing_is_low = not incoming_is_low
        if whole.words and not chain.spill_out:
            outgoing = replace(whole, base=low if outgoing_is_low else high - whole.words)
            low, high = (outgoing.end, high) if outgoing_is_low else (low, outgoing.base)
        between = {chain.first: incoming, chain.last + 1: outgoing}
        for number, rows in zip(chain.ring_maps, chain.rings):
            ring = replace(maps.layouts[number], base=low, ring_rows=rows)
            between[number], low = ring, ring.end
        assert low <= high, "rings and maps overlap"
        for layer in range(chain.first, chain.last + 1):
            sources[layer], targets[layer] = between[layer], between[layer + 1]
        if chain.first == 0 and chain.spill_in:
            inputs = [sources[0]]
        incoming, incoming_is_low = outgoing, outgoing is not None and outgoing_is_low
    return sources, targets, inputs, end
