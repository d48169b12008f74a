"""Counters of cycles and spikes of each layer and of the run, against sums in Python."""

import random

import pytest
from myhdl import Signal, instance, intbv, now

from tests.support.bench import PERIOD, clock, flag, run_bench
from volley.firmware.registers import BEFORE, Region, Register, address
from volley.rtl.control.perf_counters import RunCounters, run_counters
from volley.rtl.control.sequencer import RunControl
from volley.rtl.link.bus import Bus

LAYERS = 5


@pytest.mark.parametrize("kept", [1, 2])
def test_counters_of_three_runs(kept):
    """Each layer's cycles and spikes, in turn and more than once; a start clears them, but not the runs.

    Where two are kept, those of the run before are shown too, also while the next one is under way.
    """
    rng = random.Random(4)
    clk, done, bus = clock(), flag(), Bus()
    run = RunControl(bus.run, bus.entry, flag())
    layer, total, read = Signal(intbv(0)[8:]), Signal(intbv(0)[6:]), flag()
    counters = RunCounters(kept)
    done_runs = []  # (cycles, spikes, length) of each
    dut = run_counters(clk, bus, run, layer, total, read, counters, LAYERS)

    def check(number, offset=0):
        """What is shown of run ``number``."""
        cycles, spikes, length = done_runs[number - 1]
        for index in range(LAYERS):
            place = Register.LAYERS + 2 * index + offset
            bus.address.next, bus.read.next = address(Region.REGISTERS, place), True
            yield clk.posedge
            bus.address.next, bus.read.next = address(Region.WEIGHTS), False  # another master's
            read.next = True
            for _ in range(3):
                yield clk.negedge
            assert counters.layer_cycles == cycles[index]
            assert counters.layer_spikes == spikes[index]
            assert (counters.runs, counters.cycles) == (number, length)
            yield clk.posedge
            read.next = False

    @instance
    def stimulus():
        for number in range(1, 4):
            cycles, spikes, length = [0] * LAYERS, [0] * LAYERS, 0
            bus.run.next = True
            yield clk.posedge
            bus.run.next = False
            run.running.next = True
            for _ in range(LAYERS + 3):  # the first instruction is fetched
                yield clk.posedge
                length += 1
            if kept == 2 and number > 1:
                start = now()
                yield from check(number - 1, BEFORE)
                length += (now() - start) // PERIOD
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
            done_runs.append((cycles, spikes, length))
            yield from check(number)
            if kept == 2 and number > 1:
                yield from check(number - 1, BEFORE)
                yield from check(number)
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=1000)
