"""Compiles and drives ``simulator.cpp`` for one netlist: 64 inputs at once, toggles counted by net.

A gate takes one unit of time, so that what settles late toggles on the way (glitches); energies of a
design without that come out far too low.
"""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
from itertools import groupby
from pathlib import Path

import numpy as np

from bench.power import netlist as netlists
from bench.power.liberty import Library, expression

LANES = 64
PORT = -1
"""In the place of a cell's number: a memory's port that is read without a clock."""
NO_CLOCK = 0xFFFFFFFF
SOURCE = Path(__file__).with_suffix(".cpp")


class SimulationError(RuntimeError):
    """The compiler failed, or the netlist does what is not simulated; the text says what."""


def source(library: Library, cells: list[str], pins: int) -> str:
    """The C++ text with the functions of ``cells``, in the order of their numbers."""
    cases = []
    for number, name in enumerate(cells):
        cell = library.cells[name]
        names = {
            pin.name: f"v[at[(int64_t)g * {pins} + {index}]]"
            for index, pin in enumerate(cell.inputs)
        }
        function = expression(cell.outputs[0].function, names).replace("~0", "~(word)0")
        cases.append(
            f"    case {number}: for (int g = begin; g < end; g++) f[g] = {function}; break;"
        )
    return SOURCE.read_text().replace("@CELLS@\n", "\n".join(cases) + "\n")


def compiled(text: str, folder: Path) -> Path:
    """The shared library of a C++ text, made once; raises SimulationError."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f"gates-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    made = name.with_suffix(".so")
    if not made.exists():
        name.with_suffix(".cpp").write_text(text)
        partial = name.with_suffix(".part")
        done = subprocess.run(
            ["g++", "-O3", "-march=native", "-shared", "-fPIC", "-o", partial, name.with_suffix(".cpp")],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SimulationError(f"g++: {done.stderr.strip()[-500:]}")
        partial.replace(made)
    return made


def _array(values, kind=np.uint32):
    return np.ascontiguousarray(values, kind)


def _pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Simulator:
    """A netlist that runs. counters: layers that toggles are counted for."""

    def __init__(self, library: Library, net: netlists.Netlist, folder: Path, counters: int):
        self.netlist, self.counters = net, counters
        self._ports: dict[str, np.ndarray] = {}
        everything = net.order()
        cells = sorted({node.gate.cell for node in everything if node.gate})
        number = {name: k for k, name in enumerate(cells)}
        # by the latest arrival, so that the inputs of a gate come before it; then by cell
        ranked = sorted(
            (node for node in everything if node.gate),
            key=lambda node: (node.times.bit_length(), number[node.gate.cell]),
        )
        keys = [(node.times.bit_length(), number[node.gate.cell]) for node in ranked]
        ports = sorted(
            (node for node in everything if node.port), key=lambda node: node.times.bit_length()
        )
        pins = max(len(node.inputs) for node in ranked)
        self.lib = ctypes.CDLL(str(compiled(source(library, cells, pins), folder)))
        self.lib.peek.restype = ctypes.c_uint64
        self.lib.failed.restype = ctypes.c_char_p
        self.lib.run_until.restype = ctypes.c_int64
        table = np.zeros((len(ranked), pins), np.uint32)
        for row, node in zip(table, ranked):
            row[: len(node.inputs)] = node.inputs
        outputs = _array([node.gate.output for node in ranked])
        self.lib.create(
            pins,
            ctypes.c_int64(net.nets),
            len(ranked),
            _pointer(table),
            _pointer(outputs),
            counters,
        )
        for (level, cell), group in groupby(range(len(ranked)), key=lambda k: keys[k]):
            while ports and ports[0].times.bit_length() < level:
                self.lib.add_ordered(PORT, *ports.pop(0).port)
            members = list(group)
            self.lib.add_ordered(cell, members[0], members[-1] + 1)
        for node in ports:
            self.lib.add_ordered(PORT, *node.port)
        for step in range(1, max(node.times.bit_length() for node in everything)):
            chosen = [k for k, node in enumerate(ranked) if node.times >> step & 1]
            for begin, end in _runs(chosen, keys):
                self.lib.add_step(step, keys[begin][1], begin, end)
            for node in everything:
                if node.port and node.times >> step & 1:
                    self.lib.add_step(step, PORT, *node.port)
        self._set_state(net)
        self.lib.settle()

    def _set_state(self, net):
        data = _array([part.data for part in net.flip_flops])
        output = _array([part.output for part in net.flip_flops])
        inverted = _array([part.inverted for part in net.flip_flops], np.int8)
        clocks = _array([-1 if p.clock is None else p.clock for p in net.flip_flops], np.int32)
        enables = _array([clock.enable for clock in net.clocks])
        self.lib.set_flip_flops(
            len(data), _pointer(data), _pointer(output), _pointer(inverted), _pointer(clocks),
            len(enables), _pointer(enables),
        )  # fmt: skip
        for index, memory in enumerate(net.memories):
            self.lib.add_memory(memory.words, memory.bits, len(memory.reads), len(memory.writes))
            for port, read in enumerate(memory.reads):
                address, nets = _array(read.address), _array(read.data)
                enable = NO_CLOCK if read.enable is None else read.enable
                self.lib.set_read(
                    index, port, len(address), _pointer(address), _pointer(nets),
                    ctypes.c_uint32(enable),
                )  # fmt: skip
            for port, write in enumerate(memory.writes):
                parts = [_array(write.address), _array(write.data), _array(write.enable)]
                self.lib.set_write(index, port, len(parts[0]), *map(_pointer, parts))
            for at, word in enumerate(memory.initial or ()):
                for bit in range(memory.bits):
                    self.lib.fill_memory(
                        index, at, bit, ctypes.c_uint64(-(word >> bit & 1) & 0xFFFFFFFFFFFFFFFF)
                    )

    def check(self):
        """Raises SimulationError if the netlist did what is not simulated."""
        failure = self.lib.failed()
        if failure:
            raise SimulationError(failure.decode())

    def set(self, port: str, values, counted: bool = False):
        """Sets a port: one number for all inputs, or one for each of the 64."""
        nets = self._port(port)
        shifts = np.arange(len(nets), dtype=np.uint64)[:, None]
        bits = np.asarray(values, np.uint64) >> shifts & np.uint64(1)
        packed = np.packbits(
            np.broadcast_to(bits.astype(np.uint8), (len(nets), LANES)), axis=1, bitorder="little"
        )
        self.lib.poke_all(
            len(nets), _pointer(nets), _pointer(np.ascontiguousarray(packed)), counted
        )

    def _port(self, port: str) -> np.ndarray:
        """Nets of a port."""
        if port not in self._ports:
            self._ports[port] = _array(self.netlist.ports[port])
        return self._ports[port]

    def get(self, port: str) -> np.ndarray:
        """The number at a port for each of the 64 inputs."""
        found = np.zeros(LANES, np.uint64)
        for bit, net in enumerate(self.netlist.ports[port]):
            word = np.array([self.lib.peek(net)], np.uint64)
            lanes = np.unpackbits(word.view(np.uint8), bitorder="little")
            found |= lanes.astype(np.uint64) << np.uint64(bit)
        return found

    def settle(self):
        """Lets ports take effect within the cycle; not counted."""
        self.lib.settle()

    def cycle(self, counted: bool = False):
        """One clock cycle."""
        self.lib.cycle(counted, counted)

    def run_until(self, port, wanted, most, every=0, layer_nets=()) -> int:
        """Cycles until a port of one bit is ``wanted``, at most ``most``.

        every: toggles are counted in one cycle of so many; 0: nothing is counted. layer_nets: the number
        of the layer that runs, lowest bit first.
        """
        nets = _array(list(layer_nets) or [0])
        return self.lib.run_until(
            self.netlist.ports[port][0], wanted, ctypes.c_int64(most), every, _pointer(nets),
            len(layer_nets),
        )  # fmt: skip

    def toggles(self) -> np.ndarray:
        """uint64 [layers, nets]: toggles of all 64 inputs together."""
        found = np.zeros((self.counters, self.netlist.nets), np.uint64)
        self.lib.get_toggles(_pointer(found))
        return found

    def cycles(self) -> tuple[np.ndarray, np.ndarray]:
        """Cycles by layer: all, and those whose toggles are counted."""
        both = np.zeros((2, self.counters), np.uint64)
        self.lib.get_cycles(_pointer(both[0]), _pointer(both[1]))
        return both[0], both[1]

    def flip_flop_states(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """uint64 [layers, flip-flops]: edges of all inputs at which Q, D, or both were 1."""
        found = [
            np.zeros((self.counters, len(self.netlist.flip_flops)), np.uint64) for _ in range(3)
        ]
        self.lib.get_flip_flops(*map(_pointer, found))
        return tuple(found)

    def edges(self) -> np.ndarray:
        """uint64 [layers, gated clocks]: cycles of all inputs that they let through."""
        found = np.zeros((self.counters, len(self.netlist.clocks)), np.uint64)
        self.lib.get_edges(_pointer(found))
        return found

    def accesses(self, memory: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads and writes of a memory of all inputs together, by layer."""
        reads, writes = (np.zeros(self.counters, np.uint64) for _ in range(2))
        self.lib.get_accesses(memory, _pointer(reads), _pointer(writes))
        return reads, writes


def _runs(indexes, keys):
    """(begin, end) of what lies together and is of one cell."""
    begin = previous = None
    for index in indexes:
        if begin is None:
            begin = index
        elif index != previous + 1 or keys[index][1] != keys[begin][1]:
            yield begin, previous + 1
            begin = index
        previous = index
    if begin is not None:
        yield begin, previous + 1
