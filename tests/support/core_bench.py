"""Drives rtl.core.core over its bus in a MyHDL simulation, or anything else with the same bus."""

import numpy as np
from myhdl import Signal, instance

from tests.support.bench import run_bench
from volley.firmware.frames import SESSION_BITS
from volley.firmware.registers import Region, Register, address
from volley.firmware.segment_loop import behind, sections, upload
from volley.firmware.stream import spike_address
from volley.host.maps import pixels, unpack_pixels
from volley.rtl.core import core
from volley.rtl.link.bus import Bus
from volley.rtl.link.identity import identity_words


class CoreDriver:
    """Generators, to be used with ``yield from``, that write and read the bus."""

    def __init__(self, clk, bus):
        self.clk, self.bus = clk, bus

    def write(self, start, words):
        """Writes words from an address on."""
        bus = self.bus
        for place, word in enumerate(words, start):
            bus.address.next = place
            bus.write_data.next = int(word)
            bus.write.next = True
            taken = False
            while not taken:
                yield self.clk.negedge
                taken = bool(bus.ready)
                yield self.clk.posedge
            bus.write.next = False

    def read(self, start, count):
        """Returns words from an address on."""
        bus, words = self.bus, []
        for place in range(start, start + count):
            bus.address.next = place
            bus.read.next = True
            taken = False
            while not taken:
                yield self.clk.negedge
                taken = bool(bus.ready)
                yield self.clk.posedge
            bus.read.next = False
            while not bus.read_valid:
                yield self.clk.negedge
            words.append(int(bus.read_data))
            yield self.clk.posedge
        return words

    def load(self, program):
        """Writes all of a program image."""
        for start, words in program.sections:
            yield from self.write(start, words)
        for number, value in program.registers.items():
            yield from self.write(address(Region.REGISTERS, number), [value])

    def run(self, entry, ahead=()):
        """Runs a program to its end and meanwhile writes (address, words) pairs."""
        bus = self.bus
        bus.entry.next = entry
        bus.run.next = True
        yield self.clk.posedge
        bus.run.next = False
        yield self.clk.posedge
        yield self.clk.posedge
        for start, words in ahead:
            yield from self.write(start, words)
        while bus.running:
            yield self.clk.posedge

    def settle(self):
        """Lets the last words written find their way into the spike memory."""
        for _ in range(40):
            yield self.clk.posedge


def myhdl_core(clk, bus, design):
    """The core as a MyHDL simulation."""
    return core(clk, bus, identity_words(design, 100_000_000, "myhdl"), design)


class Transcript:
    """Every input and output of the bus at every clock cycle, for other simulators to repeat."""

    INPUTS = (
        ("address", 32),
        ("write", 1),
        ("write_data", 32),
        ("read", 1),
        ("run", 1),
        ("entry", 16),
        ("session", SESSION_BITS),
    )
    OUTPUTS = (("ready", 1), ("read_data", 32), ("read_valid", 1), ("running", 1))

    def __init__(self):
        self.lines = []

    def take(self, bus):
        """Notes the signals just before a rising edge, as two texts of bits."""
        self.lines.append(
            " ".join(
                "".join(f"{int(getattr(bus, name)):0{width}b}" for name, width in signals)
                for signals in (self.INPUTS, self.OUTPUTS)
            )
        )


def simulate(jobs, design, cycles, dut=myhdl_core, transcript=None):
    """Runs each (program, image uint8 [channels, height, width]) of ``jobs`` on one core.

    dut(clk, bus, design) makes the core; transcript: a Transcript to fill.

    Returns per job (scores, {layer: (cycles, spikes)}, total cycles, maps): scores signed; maps are
    lists of the SPIKES words [bank][word * columns], read back after the run.
    """
    clk, done = Signal(bool(0)), Signal(bool(0))
    bus = Bus()
    driver = CoreDriver(clk, bus)
    parts = [dut(clk, bus, design)]
    results = []

    @instance
    def stimulus():
        for program, image in jobs:
            yield from driver.load(program)
            if program.segments:
                total, counters, kept = yield from run_segments(driver, program, image)
            else:
                kept = {}
                buffer = len(results) % len(program.entries)
                parts = program.input.pack(image[None])[0]
                for start, words in upload(program, parts, buffer):
                    yield from driver.write(start, words)
                yield from driver.settle()
                yield from driver.run(program.entries[buffer])
                total, counters = yield from read_counters(driver, program)
            scores = []
            last = program.layers[-1]
            if last.readout:
                scores = yield from driver.read(
                    address(Region.REGISTERS, Register.SCORES), last.shape[0]
                )
            maps = []
            for number, place in enumerate(program.layers, 1):
                if number in kept:
                    maps.append(pixels(place, kept[number]))
                else:
                    maps.append((yield from read_map(driver, place, design)))
            results.append(
                (
                    [word - (1 << 32) if word >> 31 else word for word in scores],
                    list(zip(counters[0::2], counters[1::2])),
                    total,
                    maps,
                )
            )
        done.next = True

    parts.append(stimulus)
    if transcript is not None:

        @instance
        def note():
            while True:
                yield clk.negedge
                transcript.take(bus)

        parts.append(note)
    run_bench(parts, clk, done, cycles)
    return results


def read_counters(driver, program):
    """(total cycles, [cycles, spikes of layer 0, cycles, ...])."""
    (total,) = yield from driver.read(address(Region.REGISTERS, Register.CYCLES), 1)
    counters = yield from driver.read(
        address(Region.REGISTERS, Register.LAYERS), 2 * len(program.layers)
    )
    return total, counters


def run_segments(driver, program, image):
    """Runs a program of segments, see firmware/stream.py.

    Returns (total cycles, counters, {number of a map: its words, [row, word of the row, column]}).
    """
    totals, kept = np.zeros(1 + 2 * len(program.layers), int), {}
    columns = program.design.spike_columns
    for segment in program.segments:
        parts = program.input.pack(image[None])[0]
        for start, words in sections(program, segment, kept, parts):
            yield from driver.write(start, words)
        yield from driver.settle()
        yield from driver.run(segment.entry, [program.streamed[k] for k in segment.ahead])
        total, counters = yield from read_counters(driver, program)
        totals += np.array([total, *counters])
        steps = behind(program, segment, kept)
        step = next(steps, None)
        while step is not None:
            start = spike_address(step.bank, step.word, columns)
            words = yield from driver.read(start, step.length * columns)
            try:
                step = steps.send(np.array(words, "<u4").reshape(step.length, columns))
            except StopIteration:
                step = None
    return int(totals[0]), [int(count) for count in totals[1:]], kept


def read_map(driver, place, design):
    """The uint8 map [channels, height, width] of a layer, or None of a readout.

    Of more than 8 ticks: [passes, channels, height, width].
    """
    if place.readout:
        return None
    channels, height, width = place.shape
    columns = design.spike_columns
    rows = []
    for y in range(height):
        size = place.spikes.stride
        start = place.spikes.base + (y // 3) * size
        words = yield from driver.read(
            address(Region.SPIKES, (y % 3) << 20 | start * columns), size * columns
        )
        row = np.array(words, "<u4").view(np.uint8)
        spikes = place.spikes
        row = row.reshape(spikes.passes, spikes.groups, spikes.width, -1).transpose(0, 1, 3, 2)
        rows.append(row.reshape(spikes.passes, -1, spikes.width)[:, :channels])
    found = unpack_pixels(np.stack(rows, axis=2), place)
    return found if place.spikes.passes > 1 else found[0]
