"""The bus's slave: writes reach their memories, reads answer from them, streams wait for their writer."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from tests.support.core_bench import CoreDriver
from volley.firmware.design import Design
from volley.firmware.registers import BANK_SHIFT, IDENTITY_WORDS, Region, Register, address
from volley.rtl.control.host_access import host_access
from volley.rtl.control.host_port import HostData, HostPort
from volley.rtl.control.host_read import read_cycles
from volley.rtl.control.perf_counters import RunCounters
from volley.rtl.link.bus import Bus

DESIGN = Design(ci=8, co=4)
IDENTITY = tuple(1000 + number for number in range(IDENTITY_WORDS))


class Bench:
    """The block with constants for what the memories show."""

    def __init__(self, identity=IDENTITY):
        rng = random.Random(6)
        self.clk, self.done, self.bus = clock(), flag(), Bus()
        self.host, self.counters, self.running = HostPort(DESIGN), RunCounters(), flag()
        self.words = {}

        def words(name, count):
            self.words[name] = [rng.getrandbits(32) for _ in range(count)]
            return [Signal(intbv(word)[32:]) for word in self.words[name]]

        data = HostData(
            program=words("program", 1)[0], descriptor=words("descriptor", 1)[0],
            weights=words("weights", DESIGN.weight_columns), params=words("params", 4 * DESIGN.co),
            spikes=words("spikes", DESIGN.spike_columns), scores=words("scores", DESIGN.co),
            cycles=words("cycles", 1)[0], spike_counts=words("spike_counts", 1)[0],
        )  # fmt: skip
        self.dut = host_access(
            self.clk, self.bus, self.running, self.counters, self.host, data, identity, DESIGN
        )
        self.driver = CoreDriver(self.clk, self.bus)

    def run(self, generator):
        """Runs a generator function to its end."""

        @instance
        def stimulus():
            yield self.clk.posedge
            yield from generator()
            self.done.next = True
            yield self.clk.posedge

        run_bench([self.dut, stimulus], self.clk, self.done, cycles=4000)


def test_a_clock_that_is_an_input():
    """The word of the clock is the Signal's value, every other the constant."""
    clock_hz = Signal(intbv(69_375_000)[32:])
    words = tuple(clock_hz if k == Register.CLOCK_HZ else IDENTITY[k] for k in range(len(IDENTITY)))
    bench = Bench(words)

    def steps():
        found = yield from bench.driver.read(address(Region.REGISTERS), IDENTITY_WORDS)
        assert found == [int(word) for word in words]

    bench.run(steps)


def test_registers_that_are_written_are_read_back():
    bench = Bench()
    values = {
        Register.IMAGE_BASE_0: 0x12345, Register.IMAGE_BASE_1: 0xABCDE,
        Register.IMAGE_SHAPE: 0x89ABCDEF, Register.IMAGE_STRIDE: 0x0F0F1,
    }  # fmt: skip

    def steps():
        for register, value in values.items():
            yield from bench.driver.write(address(Region.REGISTERS, register), [value])
        for register, value in values.items():
            found = yield from bench.driver.read(address(Region.REGISTERS, register), 1)
            assert found == [value], register.name
        found = yield from bench.driver.read(address(Region.REGISTERS), IDENTITY_WORDS)
        assert tuple(found) == IDENTITY
        bench.running.next = True
        found = yield from bench.driver.read(address(Region.REGISTERS, Register.STATUS), 1)
        assert found == [1]
        bench.bus.session.next = 0xBEEF
        found = yield from bench.driver.read(address(Region.REGISTERS, Register.SESSION), 1)
        assert found == [0xBEEF]

    bench.run(steps)


@pytest.mark.parametrize(
    ("region", "name", "index", "chosen"),
    [
        (Region.PROGRAM, "program", 7, 0), (Region.DESCRIPTORS, "descriptor", 9, 0),
        (Region.WEIGHTS, "weights", 2 << BANK_SHIFT | 5, 5 % DESIGN.weight_columns),
        (Region.SPIKES, "spikes", 1 << BANK_SHIFT | 3, 3 % DESIGN.spike_columns),
        # parameters: the kind above the channel of a word
        (Region.PARAMS, "params", 2 << BANK_SHIFT | 3, 4 * 3 + 2),
        (Region.REGISTERS, "scores", int(Register.SCORES) + 2, 2),
        (Region.REGISTERS, "cycles", int(Register.LAYERS), 0),
        (Region.REGISTERS, "spike_counts", int(Register.LAYERS) + 1, 0),
    ],
)  # fmt: skip
def test_a_read_takes_its_cycles_and_shows_the_word(region, name, index, chosen):
    bench = Bench()

    def steps():
        bench.bus.address.next, bench.bus.read.next = address(region, index), True
        yield bench.clk.posedge
        bench.bus.read.next = False
        cycles = 0
        while not bench.bus.read_valid:
            yield bench.clk.negedge
            cycles += 1
            assert bench.bus.read_valid or not bench.bus.ready, "ready while it reads"
        assert bench.bus.read_data == bench.words[name][chosen]
        assert cycles - 1 == read_cycles(DESIGN) + 1

    bench.run(steps)


def test_writes_reach_one_memory_each():
    bench = Bench()
    host, seen = bench.host, []

    def writes():
        return (
            bool(host.program_write), bool(host.descriptor_write), bool(host.weights.write),
            bool(host.params.write), bool(host.stop),
        )  # fmt: skip

    def steps():
        for region in (Region.PROGRAM, Region.DESCRIPTORS, Region.WEIGHTS, Region.PARAMS):
            yield from bench.driver.write(
                address(region, 3 << BANK_SHIFT | 6), [0xCAFE0000 | region]
            )
            yield bench.clk.negedge
            seen.append(writes())
            assert host.data == 0xCAFE0000 | region
        yield from bench.driver.write(address(Region.REGISTERS, Register.CONTROL), [1])
        yield bench.clk.negedge
        seen.append(writes())
        yield bench.clk.negedge
        assert writes() == (False,) * 5

    bench.run(steps)
    assert seen == [tuple(k == number for k in range(5)) for number in range(5)]


@pytest.mark.parametrize("region", [Region.IMAGE, Region.SPIKES])
def test_a_stream_waits_for_its_writer(region):
    """And no other region waits."""
    bench = Bench()
    accepted = []

    def steps():
        bus, host = bench.bus, bench.host
        bus.address.next, bus.write.next = address(region), True
        for _ in range(5):
            yield bench.clk.negedge
            assert not bus.ready and not host.image_accept and not host.word_accept
        host.image_ready.next = True
        yield bench.clk.posedge
        yield bench.clk.negedge
        assert bus.ready
        accepted.append((bool(host.image_accept), bool(host.word_accept), bool(host.image_start)))
        host.image_ready.next = False
        bus.address.next = address(Region.PROGRAM)
        yield bench.clk.posedge
        yield bench.clk.negedge
        assert bus.ready
        bus.write.next = False
        yield bench.clk.posedge

    bench.run(steps)
    assert accepted == [(region == Region.IMAGE, region == Region.SPIKES, True)]


def test_words_that_the_host_moves_are_counted():
    bench = Bench()

    def steps():
        driver = bench.driver
        bench.host.image_ready.next = True
        yield from driver.write(address(Region.IMAGE), [1, 2, 3])
        yield from driver.write(address(Region.SPIKES), [1, 2])
        yield from driver.write(address(Region.PROGRAM), [1, 2, 3, 4])
        yield from driver.write(address(Region.PARAMS), [1])
        yield from driver.read(address(Region.SPIKES), 5)
        found = yield from driver.read(address(Region.REGISTERS, Register.IMAGE_WORDS), 4)
        assert found == [3, 5, 2, 5]

    bench.run(steps)
