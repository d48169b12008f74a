"""Counters of cycles and spikes of each layer and of the run, against sums in Python."""

import random

from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.registers import Region, Register, address
from volley.rtl.control.perf_counters import RunCounters, run_counters
from volley.rtl.control.sequencer import RunControl
from volley.rtl.link.bus import Bus

LAYERS = 5


def test_counters_of_two_runs():
    """Each layer's cycles and spikes, in turn and more than once; a start clears them, but not the runs."""
    rng = random.Random(4)
    clk, done, bus = clock(), flag(), Bus()
    run = RunControl(bus.run, bus.entry, flag())
    layer, total, read = Signal(intbv(0)[8:]), Signal(intbv(0)[6:]), flag()
    counters = RunCounters()
    dut = run_counters(clk, bus, run, layer, total, read, counters, LAYERS)

    @instance
    def stimulus():
        for number in range(1, 3):
            cycles, spikes, length = [0] * LAYERS, [0] * LAYERS, 0
            bus.run.next = True
            yield clk.posedge
            bus.run.next = False
            run.running.next = True
            for _ in range(LAYERS + 3):  # the first instruction is fetched
                yield clk.posedge
                length += 1
            for _ in range(12):
                index = rng.randrange(LAYERS)
                layer.next = index
                for _ in range(rng.randrange(3, 9)):
                    issuing, fired = rng.random() < 0.7, rng.randrange(33)
                    run.issuing.next, total.next = issuing, fired
                    cycles[index] += issuing
                    spikes[index] += fired
                    yield clk.posedge
                    length += 1
                run.issuing.next, total.next, run.account.next = False, 0, True
                yield clk.posedge
                run.account.next = False
                yield clk.posedge
                length += 2
            run.running.next = False
            yield clk.posedge
            yield clk.posedge
            yield clk.negedge
            assert counters.runs == number
            assert counters.cycles == length
            for index in range(LAYERS):
                bus.address.next = address(Region.REGISTERS, Register.LAYERS + 2 * index)
                read.next = True
                for _ in range(3):
                    yield clk.negedge
                assert counters.layer_cycles == cycles[index]
                assert counters.layer_spikes == spikes[index]
            read.next = False
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=1000)
