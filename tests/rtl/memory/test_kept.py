"""Reads left out: an address that is asked for again, without a gap and without another reader."""

import random

from myhdl import Signal, instance, modbv

from tests.support.bench import clock, flag, run_bench
from volley.rtl.memory.kept import kept_read


def test_an_address_is_read_once_in_a_row():
    rng = random.Random(5)
    clk, done, valid, other, read = clock(), flag(), flag(), flag(), flag()
    address = Signal(modbv(0)[3:])
    shown, seen = None, set()

    @instance
    def stimulus():
        nonlocal shown
        yield clk.posedge
        for _ in range(300):
            now, taken, index = rng.random() < 0.8, rng.random() < 0.2, rng.randrange(2)
            valid.next, other.next, address.next = now, taken, index
            yield clk.negedge
            assert read == (now and shown != index)
            seen.add((now, taken, bool(read)))
            shown = index if now and not taken else None
            yield clk.posedge
        done.next = True
        yield clk.posedge

    run_bench([kept_read(clk, valid, address, other, read), stimulus], clk, done, cycles=400)
    assert len(seen) == 6
