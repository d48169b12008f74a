"""Energies of a simulation: toggles and states times the Liberty tables, by layer, block and kind."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from bench.power import macros, netlist
from bench.power.clock_gates import clock_gate
from bench.power.liberty import Cell, Library, Pin, expression
from bench.power.simulator import LANES

KINDS = ("switching", "wires", "internal", "clock", "leakage", "memory")
"""Charging of pins, of wires, inside of cells, flip-flops' clock and its tree, leakage, accesses."""
CLOCK_FANOUT = 16


class Run(NamedTuple):
    """What a simulation counted, of all 64 inputs together; the first axis is the layer.

    toggles: by net, of the sampled cycles. cycles, sampled: clock cycles. q, d, both: edges at which
    Q, D, or both were 1, by flip-flop, of the sampled cycles in which it has a clock. accesses: (reads, writes)
    by memory. edges: cycles that each gated clock lets through, of all.
    """

    toggles: np.ndarray
    cycles: np.ndarray
    sampled: np.ndarray
    q: np.ndarray
    d: np.ndarray
    both: np.ndarray
    accesses: list[tuple[np.ndarray, np.ndarray]]
    edges: np.ndarray


def holds(when: str, states: dict[str, bool]) -> bool:
    """Whether a condition of Liberty holds; pins that are not in ``states`` are 1."""
    if not when:
        return True
    pins = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", when))
    text = expression(when, {pin: str(-int(states.get(pin, True))) for pin in pins})
    return bool(eval(text, {"__builtins__": {}}) & 1)


def output_energy(pin: Pin) -> float:
    """Joules inside the cell for a toggle of an output, over all its causes and conditions."""
    found = [power.toggle for power in pin.power if "reset" not in power.related.lower()]
    return float(np.mean(found)) if found else 0.0


def input_energy(pin: Pin) -> float:
    """Joules inside the cell for a toggle of an input that does not reach the output."""
    found = [power.toggle for power in pin.power if power.when] or [
        power.toggle for power in pin.power
    ]
    return float(np.mean(found)) if found else 0.0


def data_energy(cell: Cell, pin: Pin) -> float:
    """The same of a flip-flop's data: it settles in the half cycle in which the clock is high."""
    clock = cell.clocked_on.strip("()! ")
    found = [power.toggle for power in pin.power if holds(power.when, {clock: True})]
    return float(np.mean(found)) if found else 0.0


def clock_energy(cell: Cell, q: bool, d: bool) -> float:
    """Joules inside a flip-flop for a rise and a fall of its clock in a state.

    Where Q changes, the output's power has the rise.
    """
    clock = next(pin for pin in cell.inputs if pin.name == cell.clocked_on.strip("()! "))
    states = {cell.next_state.strip("() "): d}
    for pin in cell.outputs:
        states[pin.name] = q if pin.function.strip("() ") == cell.state else not q
    fitting = [power for power in clock.power if power.when and holds(power.when, states)] or [
        power for power in clock.power if not power.when
    ]
    if not fitting:
        return 0.0
    rise, fall = (
        np.mean([power.rise for power in fitting]),
        np.mean([power.fall for power in fitting]),
    )
    return float(fall + (rise if q == d else 0.0))


def clock_buffer(library: Library) -> Cell | None:
    """The strongest buffer: of the clock's own where there are any."""
    buffers = [
        cell for cell in library.cells.values()
        if not cell.state and len(cell.inputs) == 1 and len(cell.outputs) == 1
        and cell.outputs[0].function.strip("() ") == cell.inputs[0].name
    ]  # fmt: skip
    own = [cell for cell in buffers if "clk" in cell.name.lower()]
    return max(own or buffers, key=lambda cell: cell.area, default=None)


def tree_buffers(loads: int) -> int:
    """Buffers of a tree in which each drives CLOCK_FANOUT."""
    total = 0
    while loads > 1:
        loads = -(-loads // CLOCK_FANOUT)
        total += loads
    return total


class Energies:
    """Joules of a picture: ``table[layer, block, kind]``, mean over the 64 inputs.

    wire: farads of wire at each load. hertz: of the clock, for the leakage. small: memories of many words are
    made of small macros.
    """

    def __init__(
        self, library: Library, net: netlist.Netlist, run: Run, wire: float, hertz: float,
        small: bool = False,
    ):  # fmt: skip
        self.library, self.net, self.run, self.small = library, net, run, small
        self.block_of_net = netlist.blocks(net)
        self.blocks = [name for name, _ in netlist.BLOCKS]
        self.table = np.zeros((len(run.cycles), len(self.blocks), len(KINDS)))
        # what the sampled cycles stand for, and one of 64 inputs
        self.share = run.cycles / np.maximum(run.sampled, 1) / LANES
        self._nets(wire)
        self._clock(wire)
        self._memories()
        self._leakage(hertz)

    def _add(self, block, kind, joules):
        self.table[:, self.blocks.index(block), KINDS.index(kind)] += joules

    def _nets(self, wire):
        """Charging and internal power of all that toggles but the clock."""
        net, library = self.net, self.library
        pins, loads = np.zeros(net.nets), np.zeros(net.nets)
        inside = np.zeros(net.nets)
        for gate in net.gates:
            cell = library.cells[gate.cell]
            for pin, number in zip(cell.inputs, gate.inputs):
                pins[number] += pin.capacitance
                loads[number] += 1
                inside[number] += input_energy(pin)
            inside[gate.output] += output_energy(cell.outputs[0])
        for part in net.flip_flops:
            if part.second:
                continue
            cell = library.cells[part.cell]
            data = cell.pins[cell.next_state.strip("() ")]
            pins[part.data] += data.capacitance
            loads[part.data] += 1
            inside[part.data] += data_energy(cell, data)
            inside[part.output] += sum(output_energy(pin) for pin in cell.outputs)
        for memory in net.memories:
            for port in memory.reads + memory.writes:
                fed = port.address + (port.data if isinstance(port, netlist.WritePort) else ())
                for number in fed:
                    loads[number] += 1
        half = library.volts**2 / 2
        for block in self.blocks:
            mine = np.array([name == block for name in self.block_of_net])
            for kind, joules in (
                ("switching", pins * half), ("wires", loads * wire * half), ("internal", inside),
            ):  # fmt: skip
                self._add(block, kind, self.run.toggles[:, mine] @ joules[mine] * self.share)

    def _clock(self, wire):
        """Flip-flops' clock pins by their states, a tree of buffers over them, and clock gates in it."""
        net, library, run = self.net, self.library, self.run
        every = run.sampled[:, None] * LANES
        # edges of each flip-flop in the sampled cycles: of a gated clock, its share of them all
        share = run.sampled / np.maximum(run.cycles, 1)
        members = defaultdict(lambda: defaultdict(list))
        for k, part in enumerate(net.flip_flops):
            if not part.second:
                members[self.block_of_net[part.output]][part.clock].append(k)
        buffer = clock_buffer(library)
        square = library.volts**2
        per_buffer = 0.0
        if buffer:
            per_buffer = (buffer.inputs[0].capacitance + wire) * square
            per_buffer += 2 * output_energy(buffer.outputs[0])
        for block, clocks in members.items():
            loads = 0
            for clock, mine in clocks.items():
                if clock is None:
                    cycles, edges = run.cycles.astype(float), every[:, 0].astype(float)
                    loads += len(mine)
                else:
                    cycles = run.edges[:, clock] / LANES
                    edges = run.edges[:, clock] * share
                    loads += 1
                    # the gate stands for the buffer at the root of its tree
                    self._gate(block, net.clocks[clock], cycles, wire)
                self._flip_flops(block, mine, edges, cycles, wire)
                buffers = tree_buffers(len(mine)) - 1 if clock is not None else 0
                self._add(block, "clock", per_buffer * max(buffers, 0) * cycles)
            self._add(block, "clock", per_buffer * tree_buffers(loads) * run.cycles)

    def _flip_flops(self, block, mine, edges, cycles, wire):
        """Flip-flops ``mine`` of one clock; edges: in the sampled cycles of all inputs; cycles: of one input."""
        net, library, run = self.net, self.library, self.run
        for name in {net.flip_flops[k].cell for k in mine}:
            cell = library.cells[name]
            chosen = [k for k in mine if net.flip_flops[k].cell == name]
            pin = cell.pins[cell.clocked_on.strip("()! ")]
            both = run.both[:, chosen].sum(1).astype(float)
            q, d = (ones[:, chosen].sum(1).astype(float) for ones in (run.q, run.d))
            neither = np.maximum(edges * len(chosen) - q - d + both, 0)
            states = {
                (True, True): both, (True, False): q - both, (False, True): d - both,
                (False, False): neither,
            }  # fmt: skip
            for (q_set, d_set), counts in states.items():
                self._add(block, "clock", counts * clock_energy(cell, q_set, d_set) * self.share)
            charge = (pin.capacitance + wire) * library.volts**2 * len(chosen)
            self._add(block, "clock", charge * cycles)

    def _gate(self, block, clock, passed, wire):
        """A clock gate; passed: cycles that it lets through."""
        cell, half = clock_gate(self.library), self.library.volts**2 / 2
        own = (cell.clock + wire) * 2 * half + cell.cycle
        toggles = self.run.toggles[:, clock.enable] * self.share
        enable = (cell.enable + wire) * half + cell.toggle
        self._add(block, "clock", own * self.run.cycles + cell.passed * passed + enable * toggles)

    def _memories(self):
        for memory, (reads, writes) in zip(self.net.memories, self.run.accesses):
            block = netlist.block_of(memory.name)
            for counts, write in ((reads, False), (writes, True)):
                one = macros.access_energy(
                    memory.words, memory.bits, write, self.library, self.small
                )
                self._add(block, "memory", counts / LANES * one)

    def _leakage(self, hertz):
        """Of the cells; the macros' is not in it."""
        watts = dict.fromkeys(self.blocks, 0.0)
        for gate in self.net.gates:
            watts[self.block_of_net[gate.output]] += self.library.cells[gate.cell].leakage
        for part in self.net.flip_flops:
            if part.second:
                continue
            watts[self.block_of_net[part.output]] += self.library.cells[part.cell].leakage
        gating = clock_gate(self.library)
        gated = {(self.block_of_net[p.output], p.clock) for p in self.net.flip_flops}
        for block, clock in gated:
            if clock is not None:
                watts[block] += gating.leakage
        for block, power in watts.items():
            self._add(block, "leakage", power * self.run.cycles / hertz)
