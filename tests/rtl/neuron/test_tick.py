"""A tick in one clock cycle, against the equation in Python."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import LANES, MEMBRANE_BITS, MEMBRANE_MAX, MEMBRANE_MIN
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.signed import signed
from volley.rtl.neuron.tick import tick

NUMBER = 2


def test_short_ticks_are_for_neurons_that_neither_restart_nor_leak():
    for name in ("pack", "leak"):
        with pytest.raises(ValueError, match=f"short is 1, allowed is 0 with {name}=1"):
            Design(short=1, **{name: 1})


@pytest.mark.parametrize("soft", [False, True])
def test_membrane_and_spike(soft):
    """Currents, membranes and thresholds at their limits too; other currents and spikes pass by."""
    rng = random.Random(soft)
    clk, done = clock(), flag()
    before, after = (
        (
            signed(MEMBRANE_BITS),
            signed(MEMBRANE_BITS),
            Signal(intbv(0)[CURRENT_BITS * count :]),
            Signal(intbv(0)[LANES:]),
        )
        for count in (3, 2)
    )
    dut = tick(clk, NUMBER, Signal(bool(soft)), before, after)
    limit = 1 << (CURRENT_BITS - 1)
    kinds = set()

    @instance
    def stimulus():
        for _ in range(400):
            v = rng.choice([MEMBRANE_MIN, MEMBRANE_MAX, 0, rng.randint(-300, 300)])
            threshold = rng.choice([1, MEMBRANE_MAX, rng.randint(1, 300)])
            current = rng.choice([-limit, limit - 1, 0, rng.randint(-300, 300), threshold - v])
            current = max(-limit, min(limit - 1, current))
            others, spikes = rng.getrandbits(2 * CURRENT_BITS), rng.getrandbits(NUMBER)
            field = current & ((1 << CURRENT_BITS) - 1)
            values = (v, threshold, others << CURRENT_BITS | field, spikes)
            for signal, value in zip(before, values):
                signal.next = value
            yield clk.posedge
            yield clk.negedge
            charged = max(MEMBRANE_MIN, min(MEMBRANE_MAX, v + current))
            fires = charged >= threshold
            left = (charged - threshold if soft else 0) if fires else charged
            found = [int(signal) for signal in after]
            assert found == [left, threshold, others, spikes | fires << NUMBER]
            kinds.add((fires, charged == v + current))
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=500)
    assert len(kinds) == 4
