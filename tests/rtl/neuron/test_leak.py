"""Neurons that leak, pass after pass, against the sums that the model file promises."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import LANES, MAX_LEAK, MEMBRANE_BITS, MEMBRANE_MAX, MEMBRANE_MIN
from volley.rtl.neuron.leak import LeakPort
from volley.rtl.neuron.neuron import Rules, neuron, neuron_latency
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.signed import signed

NEURONS = 40


def leaked(v, k):
    """v - ((v + 2^(k-1)) >> k), by floor division."""
    return v - (v + 2 ** (k - 1)) // 2**k if k else v


def fire(v, threshold, currents, k, soft, first):
    """(spikes as a byte, membrane that goes on) of one pass that begins at v."""
    spikes = 0
    for tick, current in enumerate(currents):
        v = max(MEMBRANE_MIN, min(MEMBRANE_MAX, v + current))
        fired = v >= threshold
        spikes |= fired << tick
        loss = v - leaked(v, k)
        if fired:
            v = v - threshold if soft else 0
        v = v - loss if soft and first else leaked(v, k)
    return spikes, v


def drive(rng):
    """(v, threshold, eight currents): most near each other, some at the ends of their ranges."""
    size = rng.choice((4, 300, 40_000, MEMBRANE_MAX))
    v = rng.choice((rng.randint(-size, size), MEMBRANE_MIN, MEMBRANE_MAX))
    most = 1 << CURRENT_BITS - 1
    currents = [
        rng.choice((rng.randint(-size, size),) * 9 + (most - 1, -most)) for _ in range(LANES)
    ]
    return v, rng.choice((rng.randint(1, size), 1, MEMBRANE_MAX)), currents


@pytest.mark.parametrize("soft, first", ((0, 0), (1, 0), (1, 1), (0, 1)))
@pytest.mark.parametrize("k", range(MAX_LEAK + 1))
def test_neuron(k, soft, first):
    rng = random.Random(100 * k + 10 * soft + first)
    drives = [drive(rng) for _ in range(NEURONS)]
    clk, done = clock(), flag()
    soft_reset, leak = flag(soft), LeakPort(Signal(intbv(0)[3:]), flag())
    lanes, spikes = Signal(intbv(0xFF)[LANES:]), Signal(intbv(0)[LANES:])
    v_start, threshold, v_end = (signed(MEMBRANE_BITS) for _ in range(3))
    currents = Signal(intbv(0)[LANES * CURRENT_BITS :])
    rules = Rules(soft_reset, leak=leak)
    dut = neuron(clk, rules, lanes, (v_start, threshold, currents), spikes, v_end)
    seen = []

    @instance
    def stimulus():
        leak.shift.next, leak.first.next = k, bool(first)
        for cycle in range(NEURONS + neuron_latency(Design(leak=1)) + 2):
            if cycle < NEURONS:
                v, theta, values = drives[cycle]
                v_start.next, threshold.next = v, theta
                word = 0
                for tick, value in enumerate(values):
                    word |= (value & (1 << CURRENT_BITS) - 1) << tick * CURRENT_BITS
                currents.next = word
            yield clk.posedge
            yield clk.negedge
            seen.append((int(spikes), int(v_end)))
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=200)
    spikes_at = neuron_latency(Design(leak=1)) - 1
    found = [
        (seen[n + spikes_at][0], seen[n + spikes_at + 2][1]) for n in range(NEURONS)
    ]  # fmt: skip
    assert found == [fire(*each, k, soft, first) for each in drives]
