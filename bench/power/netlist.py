"""A netlist of cells and memories, from Yosys' JSON, ordered for simulation."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from bench.power.clock_gates import clock_gate
from bench.power.liberty import Library

ZERO, ONE = 0, 1
"""Numbers of the nets that are constant."""

BLOCKS = (
    ("trees", r"popcount|products|add_three|count_products"),
    ("window", r"window"),
    ("psum", r"accumulate|psum|_soon"),
    ("currents", r"currents|combine|scaled|stacked"),
    ("neuron", r"neuron|carry_membrane|_pool|place_channel|count_fired"),
    ("spike memory", r"spike_store|image_writer"),
    ("weight memory", r"weight_store"),
    ("parameter memory", r"param_store|score_store"),
    ("control", r""),
)
"""Blocks and what is in the names of their registers and memories, the first that fits."""


class NetlistError(ValueError):
    """A netlist that cannot be simulated; the text says why."""


@dataclasses.dataclass
class Gate:
    """A combinational cell: nets of its inputs in the order of the cell's pins, and of its output."""

    cell: str
    inputs: tuple[int, ...]
    output: int


@dataclasses.dataclass
class FlipFlop:
    """A D flip-flop: nets of D and of an output; inverted: it is the one that shows not Q.

    second: the other output of a flip-flop that is there already, as a net of its own. clock: the number of
    its gated clock, or None: the clock itself.
    """

    cell: str
    data: int
    output: int
    inverted: bool
    second: bool = False
    clock: int | None = None


@dataclasses.dataclass
class GatedClock:
    """What a clock gate lets through in the cycles behind which ``enable``, a net, is 1."""

    enable: int


@dataclasses.dataclass
class ReadPort:
    """A read of a memory, in a clock cycle where ``enable`` is set; ``enable`` None: at once."""

    address: tuple[int, ...]
    data: tuple[int, ...]
    enable: int | None


@dataclasses.dataclass
class WritePort:
    """A write of a memory; enable: a net for each bit."""

    address: tuple[int, ...]
    data: tuple[int, ...]
    enable: tuple[int, ...]


@dataclasses.dataclass
class Memory:
    """words x bits; initial: a list of words or None."""

    name: str
    words: int
    bits: int
    reads: list[ReadPort]
    writes: list[WritePort]
    initial: list[int] | None = None


@dataclasses.dataclass
class Netlist:
    """ports: {name: nets, lowest first}. names: of the nets that have one. nets: their number.

    places: of named nets, which bit of the name they are.
    """

    ports: dict[str, list[int]]
    gates: list[Gate]
    flip_flops: list[FlipFlop]
    memories: list[Memory]
    names: dict[int, str]
    nets: int
    clock: int
    clocks: list[GatedClock] = dataclasses.field(default_factory=list)
    places: dict[int, int] = dataclasses.field(default_factory=dict)

    def order(self) -> list[Node]:
        """``nodes``, kept until ``changed``."""
        if getattr(self, "_order", None) is None:
            self._order = nodes(self)
        return self._order

    def changed(self):
        """Gates were added."""
        self._order = None

    def block(self, net: int) -> str:
        """The block of a net's name."""
        return block_of(self.names.get(net, ""))


def block_of(name: str) -> str:
    """The block whose registers are called so."""
    return next(block for block, pattern in BLOCKS if re.search(pattern, name))


def bits_of(parameter: str) -> list[int]:
    """The bits of a parameter of Yosys' JSON, lowest first; x is 0."""
    return [int(bit == "1") for bit in reversed(parameter)]


def read(path: Path, library: Library, clock: str = "clk") -> Netlist:
    """Reads a netlist; raises NetlistError where a cell is none of the library."""
    module = json.loads(Path(path).read_text())["modules"]
    (module,) = [part for part in module.values() if int(part["attributes"].get("top", "0"), 2)]
    numbers: dict = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}

    counter = [2]

    def number(bit):
        if bit not in numbers:
            numbers[bit] = counter[0]
            counter[0] += 1
        return numbers[bit]

    def nets(bits):
        return tuple(number(bit) for bit in bits)

    names: dict[int, str] = {}
    places: dict[int, int] = {}
    for name, entry in module["netnames"].items():
        if not entry["hide_name"]:
            for place, bit in enumerate(entry["bits"]):
                names.setdefault(number(bit), name)
                places.setdefault(number(bit), place)
    ports = {name: list(nets(port["bits"])) for name, port in module["ports"].items()}
    gates, flip_flops, memories, clocks = [], [], [], []
    gating = clock_gate(library)
    gated = {}  # the number of a clock by its net
    for cell in module["cells"].values():
        if gating and cell["type"] == gating.cell:
            pins = cell["connections"]
            gated[number(pins[gating.output_pin][0])] = len(clocks)
            clocks.append(GatedClock(number(pins[gating.enable_pin][0])))
    for name, cell in module["cells"].items():
        kind, pins = cell["type"], cell["connections"]
        if kind == "$mem_v2":
            memories.append(_memory(name, cell["parameters"], pins, nets))
        elif kind in ("$scopeinfo", "$assert", "$print") or (gating and kind == gating.cell):
            continue
        elif kind not in library.cells:
            raise NetlistError(
                f"{path}: cell {name} of type {kind}, which the library does not have"
            )
        else:
            known = library.cells[kind]
            if known.state:
                clock_net = number(pins[known.clocked_on.strip("()! ")][0])
                for part in _flip_flops(known, pins, nets):
                    part.clock = gated.get(clock_net)
                    flip_flops.append(part)
            else:
                inputs = tuple(number(pins[pin.name][0]) for pin in known.inputs)
                (output,) = known.outputs
                gates.append(Gate(kind, inputs, number(pins[output.name][0])))
    return Netlist(
        ports, gates, flip_flops, memories, names, counter[0], ports[clock][0], clocks, places
    )


def _flip_flops(known, pins, nets) -> list[FlipFlop]:
    """One for each output that is connected."""
    data = next(pin.name for pin in known.inputs if pin.name == known.next_state.strip("() "))
    found: list[FlipFlop] = []
    for output in known.outputs:
        if pins.get(output.name):
            inverted = output.function.strip("() ") != known.state
            found.append(FlipFlop(
                known.name, *nets(pins[data]), *nets(pins[output.name]), inverted, bool(found)
            ))  # fmt: skip
    if not found:
        raise NetlistError(f"a {known.name} without an output")
    return found


def _memory(name, parameters, pins, nets) -> Memory:
    number = {key: int(value, 2) for key, value in parameters.items() if set(value) <= {"0", "1"}}
    width, words, address = number["WIDTH"], number["SIZE"], number["ABITS"]
    reads, writes = [], []
    clocked = bits_of(parameters["RD_CLK_ENABLE"])
    for port in range(number["RD_PORTS"]):
        part = slice(port * address, (port + 1) * address)
        enable = nets(pins["RD_EN"])[port] if clocked[port] else None
        data = nets(pins["RD_DATA"][port * width : (port + 1) * width])
        reads.append(ReadPort(nets(pins["RD_ADDR"][part]), data, enable))
    for port in range(number["WR_PORTS"]):
        part = slice(port * address, (port + 1) * address)
        bits = slice(port * width, (port + 1) * width)
        writes.append(WritePort(
            nets(pins["WR_ADDR"][part]), nets(pins["WR_DATA"][bits]), nets(pins["WR_EN"][bits])
        ))  # fmt: skip
    memory_name = parameters.get("MEMID", name).lstrip("\\")
    initial = None
    if "1" in parameters.get("INIT", ""):
        flat = bits_of(parameters["INIT"])
        initial = [
            sum(bit << k for k, bit in enumerate(flat[word * width : (word + 1) * width]))
            for word in range(words)
        ]
    return Memory(memory_name, words, width, reads, writes, initial)


class Node(NamedTuple):
    """What computes without a clock: a gate, or a port of a memory that is read at once.

    port: (number of the memory, number of its port), or None. times: bit k is set if the outputs may
    change k nodes after the clock's edge.
    """

    gate: Gate | None
    port: tuple[int, int] | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    times: int = 0


def nodes(netlist: Netlist) -> list[Node]:
    """The nodes in an order in which inputs come first; raises NetlistError where they form a loop."""
    found = [Node(gate, None, gate.inputs, (gate.output,)) for gate in netlist.gates]
    for number, memory in enumerate(netlist.memories):
        for index, port in enumerate(memory.reads):
            if port.enable is None:
                found.append(Node(None, (number, index), port.address, port.data))
    waiting = [0] * len(found)
    readers = defaultdict(list)
    drivers = {net: index for index, node in enumerate(found) for net in node.outputs}
    for index, node in enumerate(found):
        for net in set(node.inputs):
            if net in drivers:
                waiting[index] += 1
                readers[net].append(index)
    order = [index for index, count in enumerate(waiting) if not count]
    arrival, ordered = {}, []
    for index in order:
        node = found[index]
        times = 2 if node.port else 0  # a word that is written shows at once
        for net in node.inputs:
            if net in drivers:
                times |= arrival[net] << 1
            elif net not in (ZERO, ONE):
                times |= 2
        ordered.append(node._replace(times=times))
        for net in node.outputs:
            arrival[net] = times
            for reader in readers[net]:
                waiting[reader] -= 1
                if not waiting[reader]:
                    order.append(reader)
    if len(order) != len(found):
        raise NetlistError(f"{len(found) - len(order)} gates form loops")
    return ordered


def blocks(netlist: Netlist) -> list[str]:
    """The block of every net: of its register, or of the registers that its gate's output reaches first."""
    found = [""] * netlist.nets
    block = ""
    for flip_flop in netlist.flip_flops:
        if not flip_flop.second:  # the second output has no name, and follows the first
            block = netlist.block(flip_flop.output)
        found[flip_flop.output] = block
    for memory in netlist.memories:
        for port in memory.reads:
            for net in port.data:
                found[net] = block_of(memory.name)
    reached = [""] * netlist.nets
    for flip_flop in netlist.flip_flops:
        reached[flip_flop.data] = found[flip_flop.output]
    for memory in netlist.memories:
        for port in memory.reads + memory.writes:
            enables = getattr(port, "enable", ())
            enables = enables if isinstance(enables, tuple) else (enables,)
            for net in (*port.address, *enables, *getattr(port, "data", ())):
                if net is not None:
                    reached[net] = reached[net] or block_of(memory.name)
    for part in netlist.flip_flops:
        if part.clock is not None:
            enable = netlist.clocks[part.clock].enable
            reached[enable] = reached[enable] or found[part.output]
    for node in reversed(netlist.order()):
        if node.gate:
            found[node.gate.output] = reached[node.gate.output] or "control"
            for net in node.inputs:
                reached[net] = reached[net] or found[node.gate.output]
    return [block or "control" for block in found]
