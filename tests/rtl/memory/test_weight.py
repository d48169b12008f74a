"""The weight memory and its store, against words in Python: nine taps of a beat, one tap, the host."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import TAPS
from volley.rtl.control.active import Active
from volley.rtl.control.beat import Beat
from volley.rtl.control.host_port import HostPort
from volley.rtl.memory.weight import CENTER, GROUP, MOST_STEPS
from volley.rtl.memory.weight_store import weight_store

LATENCY = 5  # from a beat to its weights


@pytest.mark.parametrize(
    ("ci", "co", "option"),
    [(4, 2, None), (16, 4, None), (8, 8, None), (8, 2, "gate"), (8, 8, "reach"), (16, 4, "reach")],
)
def test_weight_store(ci, co, option):
    design = Design(ci=ci, co=co, weight_words=24, **({option: 1} if option else {}))
    latency = LATENCY + 4 * design.reach
    written = MOST_STEPS + 1 if design.reach else TAPS // GROUP
    rng = random.Random(ci)
    width, columns = ci * co, design.weight_columns
    clk, done, later_valid = clock(), flag(), flag()
    beat, active, host = Beat(design), Active(), HostPort(design)
    weights = [Signal(intbv(0)[width:]) for _ in range(TAPS)]
    dut = weight_store(clk, beat, later_valid, active, host, weights, design)
    words = [[rng.getrandbits(width) for _ in range(design.weight_words)] for _ in range(TAPS)]
    port, column_bits = host.weights, min(32, width)

    @instance
    def stimulus():
        for tap in range(TAPS):
            for address, word in enumerate(words[tap]):
                for column in range(columns):
                    port.write.next, port.tap.next, port.column.next = True, tap, column
                    port.address.next = address
                    port.data.next = word >> 32 * column & (1 << column_bits) - 1
                    yield clk.posedge
        port.write.next = False
        for _ in range(written):
            yield clk.posedge
        for _ in range(20):
            address, tap, kernel3 = rng.randrange(24), rng.randrange(TAPS), rng.random() < 0.5
            active.kernel3.next = kernel3
            beat.weight_address.next, beat.weight_tap.next = address, tap
            yield clk.posedge
            later_valid.next = True
            beat.weight_address.next, beat.weight_tap.next = 0, 0
            yield clk.posedge
            later_valid.next = False
            for _ in range(latency - 2):
                yield clk.posedge
            yield clk.negedge
            found = [int(word) for word in weights]
            if kernel3:
                assert found == [bank[address] for bank in words]
            else:
                assert found[CENTER] == words[tap][address]
        for _ in range(10):
            address, tap = rng.randrange(24), rng.randrange(TAPS)
            host.row.next, host.bank.next, host.read_weights.next = address, tap, True
            for _ in range(latency):
                yield clk.posedge
            yield clk.negedge
            assert weights[CENTER] == words[tap][address]
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=3000)
