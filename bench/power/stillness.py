"""Clock gates that the netlist itself shows to be without effect: registers that would take what they hold.

A register that has taken its data stays as it is until a register or memory that it is computed from
takes something new. So where all of these have clock gates, it needs its clock a cycle after one of
theirs alone: ``gate_still`` adds those gates, from stage to stage. ``gate_same`` compares: registers
whose data is what they hold are not clocked.
"""

from __future__ import annotations

import re
from collections import defaultdict

from bench.power import clock_gates
from bench.power.liberty import Library
from bench.power.netlist import (
    ONE,
    FlipFlop,
    Gate,
    GatedClock,
    Netlist,
)

FEWEST = 6
"""Flip-flops that a clock gate of its own is worth."""
MOST_CAUSES = 32
"""Enables that a clock gate may depend on."""
SAME = r"window|choose_tap\d*_weights|rotate\d*_bank"
"""Registers that ``gate_same`` compares: what enters the array."""


class Builder:
    """Adds gates and flip-flops to a netlist; raises ValueError where the library has no cell for them."""

    def __init__(self, net: Netlist, library: Library):
        self.net = net
        tables = {
            "inv": (1, 0),
            "or": (0, 1, 1, 1),
            "and": (0, 0, 0, 1),
            "xor": (0, 1, 1, 0),
            "xnor": (1, 0, 0, 1),
        }
        self.cells = {name: clock_gates.smallest(library, *table) for name, table in tables.items()}
        kinds = [part.cell for part in net.flip_flops if not part.inverted]
        self.flip_flop = max(sorted(set(kinds)), key=kinds.count)

    def new(self) -> int:
        """A net."""
        self.net.nets += 1
        return self.net.nets - 1

    def gate(self, name: str, *inputs: int) -> int:
        """The output of a gate."""
        cell = self.cells[name]
        if cell is None and name == "or":
            return self.gate("inv", self.gate("and", *(self.gate("inv", net) for net in inputs)))
        if cell is None and name == "xnor":
            return self.gate("inv", self.gate("xor", *inputs))
        if cell is None:
            raise ValueError(f"the library has no {name} of {len(inputs)} inputs")
        output = self.new()
        self.net.gates.append(Gate(cell.name, tuple(inputs), output))
        return output

    def any_of(self, nets: list[int]) -> int:
        """The OR of nets, as a tree."""
        while len(nets) > 1:
            nets = [
                self.gate("or", *nets[k : k + 2]) if k + 1 < len(nets) else nets[k]
                for k in range(0, len(nets), 2)
            ]
        return nets[0]

    def clock(self, enable: int) -> int:
        """The number of a clock that runs where ``enable`` is set."""
        self.net.clocks.append(GatedClock(enable))
        return len(self.net.clocks) - 1


def causes(net: Netlist) -> list[frozenset | None]:
    """Of each net: the nets of which one was 1 before an edge behind which it changes; None: not known.

    Enables of clock gates and memories, as they were before that edge.
    """
    found: list[frozenset | None] = [None] * net.nets
    found[0] = found[1] = frozenset()
    for part in net.flip_flops:
        if part.clock is not None:
            found[part.output] = frozenset([net.clocks[part.clock].enable])
    for memory in net.memories:
        for port in memory.reads:
            for bit in port.data:
                known = port.enable is not None and port.enable != ONE
                found[bit] = frozenset([port.enable]) if known else None
    for node in net.order():
        total: set = set()
        for pin in node.inputs:
            part = found[pin]
            if part is None:
                break
            total |= part
        else:
            if node.port:
                for write in net.memories[node.port[0]].writes:
                    total |= set(write.enable)
            if len(total) <= MOST_CAUSES:
                for output in node.outputs:
                    found[output] = frozenset(total)
    return found


def gate_still(net: Netlist, library: Library) -> int:
    """Adds clock gates to registers that can only take what they hold; returns how many flip-flops."""
    builder, moved, later = Builder(net, library), 0, {}
    while groups := _still(net):
        for (enables, _), parts in groups.items():
            if enables not in later:
                # starts at 0, which lets the first clock through
                changed, idle = builder.any_of(sorted(enables)), builder.new()
                net.names[idle] = net.names.get(parts[0].output, "")
                net.flip_flops.append(
                    FlipFlop(builder.flip_flop, builder.gate("inv", changed), idle, False)
                )
                later[enables] = builder.gate("inv", idle)
            clock = builder.clock(later[enables])
            for part in parts:
                part.clock = clock
                moved += not part.second
        net.changed()
    return moved


def _still(net: Netlist) -> dict[tuple[frozenset, str], list[FlipFlop]]:
    """{(causes, block): flip-flops} without a clock gate whose causes are known, at least FEWEST of each.

    Where there are no such groups, those of a block together.
    """
    known, groups = causes(net), defaultdict(list)
    for part in net.flip_flops:
        if part.clock is None and known[part.data]:
            groups[known[part.data], net.block(part.output)].append(part)
    enough = {key: parts for key, parts in groups.items() if len(parts) >= FEWEST}
    if enough:
        return enough
    together = defaultdict(list)
    for enables, block in sorted(groups, key=lambda key: (key[1], sorted(key[0]))):
        together[block].append((enables, groups[enables, block]))
    found = {}
    for block, small in together.items():
        enables = frozenset().union(*(part for part, _ in small))
        parts = [part for _, each in small for part in each]
        if len(parts) >= FEWEST and len(enables) <= MOST_CAUSES:
            found[enables, block] = parts
    return found


def gate_same(net: Netlist, library: Library, bits: int) -> int:
    """Adds a comparison to registers of SAME, ``bits`` at a time; returns how many flip-flops."""
    builder, groups = Builder(net, library), defaultdict(list)
    for part in net.flip_flops:
        name = net.names.get(part.output, "")
        if re.search(SAME, name) and not part.second:
            groups[name, net.places[part.output] // bits, part.clock].append(part)
    seconds = {part.data: part for part in net.flip_flops if part.second}
    for (_, _, clock), parts in groups.items():
        if len(parts) < FEWEST:
            continue
        differs = builder.any_of(
            [builder.gate("xnor" if p.inverted else "xor", p.data, p.output) for p in parts]
        )
        if clock is not None:
            differs = builder.gate("and", net.clocks[clock].enable, differs)
        for part in parts:
            part.clock = builder.clock(differs) if part is parts[0] else parts[0].clock
            if part.data in seconds:
                seconds[part.data].clock = part.clock
    net.changed()
    return sum(len(parts) for parts in groups.values() if len(parts) >= FEWEST)
