"""The membranes of a row between two passes, against a list in Python."""

import random

from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.isa import MEMBRANE_BITS, MEMBRANE_MAX, MEMBRANE_MIN
from volley.rtl.neuron.membrane import MembranePort, carry_membrane
from volley.rtl.neuron.scale import signed

ROW = 8


def test_a_membrane_comes_back_in_the_next_pass():
    rng = random.Random(6)
    clk, done, store = clock(), flag(), flag()
    pixel, stored_pixel = (Signal(intbv(0)[3:]) for _ in range(2))
    v_init, v_end, v_start = (signed(MEMBRANE_BITS) for _ in range(3))
    port = MembranePort(pixel, store, stored_pixel)
    dut = carry_membrane(clk, port, v_init, v_end, v_start, ROW)
    kept, passed = [0] * ROW, set()

    def membrane():
        return rng.choice([MEMBRANE_MIN, MEMBRANE_MAX, rng.randint(MEMBRANE_MIN, MEMBRANE_MAX)])

    @instance
    def stimulus():
        for _ in range(200):
            storing, index, other = rng.random() < 0.6, rng.randrange(ROW), rng.randrange(ROW)
            first, begin, end = rng.random() < 0.3, membrane(), membrane()
            same = storing and index == other
            store.next, stored_pixel.next, v_end.next = storing, index, end
            pixel.next, v_init.next = other, begin
            port.first_pass.next, port.take_stored.next = first, same
            yield clk.posedge
            yield clk.negedge
            assert v_start == (begin if first else end if same else kept[other])
            passed.add((first, same))
            if storing:
                kept[index] = end
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=300)
    assert len(passed) == 4
