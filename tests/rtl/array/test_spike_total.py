"""The number of spikes of a pixel of all channels."""

import random

import pytest
from myhdl import Signal, intbv

from tests.rtl.array.test_popcount import run, value_of
from volley.rtl.array.spike_total import count_fired, fired_latency


@pytest.mark.parametrize(("channels", "lut"), [(1, 4), (2, 6), (4, 4), (8, 6)])
def test_only_spikes_that_fire_are_counted(channels, lut):
    rng = random.Random(channels)
    clk, firing = Signal(bool(0)), Signal(bool(0))
    spikes = [Signal(intbv(0)[8:]) for _ in range(channels)]
    total = Signal(intbv(0)[(8 * channels).bit_length() :])
    latency, expected = fired_latency(channels, lut), []

    def each_cycle(cycle):
        if cycle >= latency:
            assert total == expected[cycle - latency]
        firing.next = rng.random() < 0.6
        for signal in spikes:
            signal.next = value_of(8, rng)
        expected.append(firing.next * sum(int(s.next).bit_count() for s in spikes))

    run(count_fired(clk, firing, spikes, lut, total), clk, each_cycle, 80)
