"""Words that pass through a register each, until the one that is chosen is through."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.rtl.memory.read_mux import choose


@pytest.mark.parametrize("reach", [0, 1])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_choose(count, reach):
    """With ``reach``, the choice itself goes from word to word, and what is chosen comes as much later."""
    rng = random.Random(count)
    clk, done, enable = clock(), flag(), flag(True)
    parts = [Signal(intbv(rng.getrandbits(32))[32:]) for _ in range(count)]
    select, chosen = Signal(intbv(0)[8:]), Signal(intbv(0)[32:])
    dut = choose(clk, enable, select, parts, chosen, reach)

    @instance
    def stimulus():
        for _ in range(30):
            number = rng.randrange(count)
            select.next = number
            for part in parts:
                part.next = rng.getrandbits(32)
            enable.next = True
            for _ in range((1 + reach) * count):
                yield clk.posedge
            enable.next = False
            yield clk.negedge
            assert chosen == parts[number]
            if reach:  # a step after the other
                continue
            wanted = int(chosen)
            parts[number].next = wanted ^ 1
            for _ in range(count + 1):
                yield clk.posedge
            yield clk.negedge
            assert chosen == wanted, "it moved without enable"
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=3000)
