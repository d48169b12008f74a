"""Runs a program on the netlist of the core: loads it over the bus, counts while it runs, reads back."""

from __future__ import annotations

import dataclasses

import numpy as np

from bench.power.simulator import LANES, Simulator
from volley.firmware.compiler.fusion import Maps, layer_words
from volley.firmware.design import Design
from volley.firmware.isa import INSTRUCTION_WORDS
from volley.firmware.registers import Region, Register, address
from volley.firmware.stream import picture_words
from volley.host.maps import pixels

LAYER = "layer_registers0_active_layer"
"""What the name of the register of the running layer's number ends with."""


class RunError(RuntimeError):
    """The netlist does not do what the bus promises; the text says what."""


def design_for(model, ci: int, co: int, gate: int = 0) -> Design:
    """The smallest memories that hold all of a model, each map at an address of its own; gate: the option."""
    roomy = Design(ci=ci, co=co, spike_words=1 << 20, weight_words=1 << 20, param_words=1 << 16)
    maps = Maps(model, roomy)
    needs = [layer_words(layer, source, roomy) for layer, source in zip(model.layers, maps.layouts)]
    weights, params = (sum(column) for column in zip(*needs))
    spikes = 2 * maps.words(0) + sum(maps.words(k + 1) for k in range(len(model.layers)))
    row = max(layer.in_shape[2] for layer in model.layers)
    layers = len(model.layers)
    return Design(
        ci=ci, co=co, spike_words=_rounded(spikes), weight_words=_rounded(weights),
        param_words=_rounded(params), program_words=max(16, INSTRUCTION_WORDS * (layers + 1)),
        layers=layers, row_max=max(4, 1 << (row - 1).bit_length()), lut=4,
        scores=max(4, model.layers[-1].outputs), gate=gate,
    )  # fmt: skip


def _rounded(words, step=16):
    return max(step, -(-words // step) * step)


class CoreBus:
    """The master of the core's bus, for 64 inputs at once."""

    def __init__(self, simulator: Simulator):
        self.simulator = simulator
        self.layer = [net for net, name in simulator.netlist.names.items() if name.endswith(LAYER)]
        if not self.layer:
            raise RunError(f"the netlist has no register {LAYER}")

    def write(self, start: int, words, progress=None):
        """Words [n], the same for all inputs, or [n, 64], go to an address and those behind it."""
        simulator = self.simulator
        for index, word in enumerate(words):
            simulator.set("bus_address", start + index)
            simulator.set("bus_write_data", word)
            simulator.set("bus_write", 1)
            for _ in range(200):
                simulator.settle()
                taken = simulator.get("bus_ready").all()
                simulator.cycle()
                if taken:
                    break
            else:
                raise RunError(f"a write to {start + index:#x} is not taken")
            simulator.set("bus_write", 0)
            if progress is not None:
                progress.update(1)
        simulator.settle()

    def read(self, start: int, count: int) -> np.ndarray:
        """Words from an address on, uint32 [count, 64]."""
        simulator, found = self.simulator, []
        for index in range(count):
            simulator.set("bus_address", start + index)
            simulator.set("bus_read", 1)
            simulator.settle()
            while not simulator.get("bus_ready").all():
                simulator.cycle()
            simulator.cycle()
            simulator.set("bus_read", 0)
            simulator.settle()
            if simulator.run_until("bus_read_valid", 1, 500) >= 500:
                raise RunError(f"a read of {start + index:#x} is not answered")
            found.append(simulator.get("bus_read_data").astype(np.uint32))
        return np.stack(found)

    def wait(self, cycles: int):
        """Clock cycles in which nothing is asked for."""
        for _ in range(cycles):
            self.simulator.cycle()

    def run(self, entry: int, every: int, most: int, progress=None) -> int:
        """Runs a program and counts; returns its cycles."""
        simulator, total, step = self.simulator, 0, 1000 * every
        simulator.set("bus_entry", entry)
        simulator.set("bus_run", 1)
        simulator.settle()
        simulator.cycle(counted=True)
        simulator.set("bus_run", 0)
        simulator.settle()
        simulator.run_until("bus_running", 1, 10, every)
        while total < most:
            cycles = simulator.run_until("bus_running", 0, step, every, self.layer)
            simulator.check()
            total += cycles
            if progress is not None:
                progress.update(cycles)
            if cycles < step:
                return total
        raise RunError(f"the program runs for more than {most} cycles")


def load(bus: CoreBus, program, progress=None):
    """Writes a program and its registers."""
    for start, words in program.sections:
        bus.write(start, [int(word) for word in words], progress)
    for number, value in program.registers.items():
        bus.write(address(Region.REGISTERS, number), [value], progress)


def load_pictures(bus: CoreBus, pictures, progress=None):
    """Writes 64 pictures, uint8 [64, C, H, W], one to each input."""
    words = np.stack([picture_words(picture) for picture in pictures], axis=1)
    bus.write(address(Region.IMAGE), words, progress)
    bus.wait(40)


@dataclasses.dataclass
class Results:
    """scores int64 [64, outputs]; spikes int64 [64, layers]; maps: uint8 [64, C, H, W] by layer that fires."""

    scores: np.ndarray
    spikes: np.ndarray
    maps: dict[int, np.ndarray]


def read_results(bus: CoreBus, program) -> Results:
    """Scores, spike counters and all maps, after a run."""
    layers, last = program.layers, program.layers[-1]
    scores = bus.read(address(Region.REGISTERS, Register.SCORES), last.shape[0])
    counters = bus.read(address(Region.REGISTERS, Register.LAYERS), 2 * len(layers))
    maps, columns = {}, program.design.spike_columns
    for number, layer in enumerate(layers):
        if layer.readout:
            continue
        spikes, rows = layer.spikes, []
        for y in range(layer.shape[1]):
            start = (spikes.base + y // 3 * spikes.stride) * columns
            words = bus.read(address(Region.SPIKES, y % 3 << 20 | start), spikes.stride * columns)
            rows.append(words.T.reshape(LANES, spikes.stride, columns))
        each = np.stack(rows, axis=1)
        maps[number] = np.stack([pixels(layer, np.ascontiguousarray(one)) for one in each])
    return Results(
        scores.astype(np.int32).T.astype(np.int64), counters[1::2].T.astype(np.int64), maps
    )


def words_to_load(program) -> int:
    """Words that ``load`` writes."""
    return sum(len(words) for _, words in program.sections) + len(program.registers)
