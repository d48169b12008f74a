"""The membranes of a row between two passes, against a list in Python."""

import random

from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.isa import MEMBRANE_BITS, MEMBRANE_MAX, MEMBRANE_MIN
from volley.rtl.neuron.membrane import MembranePort, carry_membrane, rare_membranes
from volley.rtl.neuron.signed import signed

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


def test_a_membrane_that_is_read_in_two_steps():
    """Stored in any cycle before it is wanted, in that one too."""
    rng = random.Random(8)
    clk, done, store = clock(), flag(), flag()
    pixel, soon, stored_pixel = (Signal(intbv(0)[3:]) for _ in range(3))
    v_init, v_end, v_start = (signed(MEMBRANE_BITS) for _ in range(3))
    port = MembranePort(pixel, store, stored_pixel, None, soon)
    dut = carry_membrane(clk, port, v_init, v_end, v_start, ROW)
    kept, passed, wanted, before = [0] * ROW, set(), 0, (False, 0)

    @instance
    def stimulus():
        nonlocal wanted, before
        for _ in range(4000):
            storing, index, following = rng.random() < 0.6, rng.randrange(ROW), rng.randrange(ROW)
            first, begin, end = rng.random() < 0.3, rng.randint(-999, 999), rng.randint(-999, 999)
            same, late = (there and where == wanted for there, where in ((storing, index), before))
            store.next, stored_pixel.next, v_end.next = storing, index, end
            pixel.next, soon.next, v_init.next = wanted, following, begin
            port.first_pass.next, port.take_stored.next, port.take_before.next = first, same, late
            yield clk.posedge
            yield clk.negedge
            assert v_start == (begin if first else end if same else kept[wanted])
            passed.add((first, same, late))
            if storing:
                kept[index] = end
            wanted, before = following, (storing, index)
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=5000)
    assert len(passed) == 8


def test_a_start_is_kept_until_another_begins_and_one_pass_keeps_no_membrane():
    """Of a design with ``gate``."""
    rng = random.Random(7)
    clk, done, start, stored = clock(), flag(), flag(), flag()
    part, soon, passes, stored_pixel = (Signal(intbv(0)[3:]) for _ in range(4))
    v_init, v_end, v_start = (signed(MEMBRANE_BITS) for _ in range(3))
    port = MembranePort(Signal(intbv(0)[3:]), flag(), stored_pixel, start)
    dut = [
        rare_membranes(clk, passes, part, soon, stored, port),
        carry_membrane(clk, port, v_init, v_end, v_start, ROW),
    ]
    kept, wanted, seen = [0] * ROW, None, set()

    @instance
    def stimulus():
        nonlocal wanted
        for _ in range(300):
            begins, count, number = rng.random() < 0.5, rng.choice([1, 2]), rng.randrange(2)
            storing, index, other = rng.random() < 0.6, rng.randrange(ROW), rng.randrange(ROW)
            part.next, soon.next, start.next, stored.next = number, other, False, False
            yield clk.posedge
            start.next, stored.next, stored_pixel.next = begins, storing, index
            passes.next, v_end.next, v_init.next = count, rng.randrange(999), rng.randrange(999)
            part.next, port.first_pass.next = 0, number == 0
            yield clk.posedge
            yield clk.negedge
            if begins:
                wanted = int(v_init) if number == 0 else kept[other]
            if wanted is not None:
                assert v_start == wanted
            if storing and count > 1:
                kept[index] = int(v_end)
            seen.add((begins, count, number))
        done.next = True
        yield clk.posedge

    run_bench([*dut, stimulus], clk, done, cycles=900)
    assert len(seen) == 8
