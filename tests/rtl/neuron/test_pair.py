"""Currents of a design with pairs: as those of one without, and of two pixels at once."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.isa import LANES, MEMBRANE_BITS, PSUM_BITS, SCORE_BITS
from volley.rtl.control.active import Active
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.scale import BIAS_BITS, current_latency, currents
from volley.rtl.neuron.signed import signed

PIXELS = 60
TOP = (1 << (PSUM_BITS - 1)) - 1


class Bench:
    """A dut with psums, bias and what it gives."""

    def __init__(self, factor, reach):
        self.latency, self.bias_later = current_latency(reach), 3 + reach
        self.clk, self.done, self.active = clock(), flag(), Active()
        self.active.scale = Signal(intbv(0, min=-(1 << 14), max=1 << 14))
        self.lanes, self.bias = [signed(PSUM_BITS) for _ in range(LANES)], signed(BIAS_BITS)
        self.factor = factor

    def dut(self, outputs, reach, pairs=None):
        """``currents``; outputs: as ``outputs``."""
        return currents(
            self.clk, self.active.encode, self.active.scale, self.bias, self.lanes, *outputs,
            None, reach, pairs,
        )  # fmt: skip

    def outputs(self):
        """stacked and score."""
        return Signal(intbv(0)[LANES * CURRENT_BITS :]), signed(SCORE_BITS)

    def run(self, parts, pixels, settings, check):
        """pixels: (psums, bias) of each; calls check(psums, bias) when the dut shows them."""

        @instance
        def stimulus():
            for name, value in {"scale": self.factor, **settings}.items():
                getattr(self.active, name).next = value
            for cycle in range(len(pixels) + self.latency):
                if cycle < len(pixels):
                    for lane, psum in zip(self.lanes, pixels[cycle][0]):
                        lane.next = psum
                if self.bias_later <= cycle < len(pixels) + self.bias_later:
                    self.bias.next = pixels[cycle - self.bias_later][1]
                yield self.clk.negedge
                if cycle >= self.latency:
                    check(*pixels[cycle - self.latency])
                yield self.clk.posedge
            self.done.next = True
            yield self.clk.posedge

        run_bench([*parts, stimulus], self.clk, self.done, cycles=200)


@pytest.mark.parametrize("reach", [0, 1])
@pytest.mark.parametrize("encode", [0, 1])
def test_without_pairs_all_is_as_it_was(encode, reach):
    rng, bench = random.Random(encode), Bench((1 << 14) - 1, reach)
    stacked, score = bench.outputs()
    as_before, score_before = bench.outputs()
    active = bench.active
    parts = [
        bench.dut((stacked, score), reach, active),
        bench.dut((as_before, score_before), reach),
    ]
    limit = 1 << (BIAS_BITS - 1)
    pixels = [
        ([rng.choice([-TOP, TOP, rng.randint(-TOP, TOP)]) if n % 2 else rng.randint(-99, 99)
          for _ in range(LANES)],
         rng.choice([-limit, limit - 1, rng.randrange(-limit, limit)]))
        for n in range(PIXELS)
    ]  # fmt: skip
    seen = set()

    def check(psums, bias):
        assert stacked == as_before and score == score_before
        seen.add(int(score))

    bench.run(parts, pixels, {"encode": encode}, check)
    assert len(seen) > PIXELS // 3


@pytest.mark.parametrize("reach", [0, 1])
@pytest.mark.parametrize("second", [0b11110000, 0b00001100, 0b00000010])
def test_two_pixels(second, reach):
    rng, bench = random.Random(second), Bench(1 << 8, reach)
    stacked, score = bench.outputs()
    parts = [bench.dut((stacked, score), reach, bench.active)]
    limit = 1 << (MEMBRANE_BITS - 1)
    most = TOP // 15
    pixels = [
        ([rng.choice([-most, most, rng.randint(-most, most)]) for _ in range(LANES)],
         rng.choice([-limit, limit - 1, rng.randrange(-limit, limit)]))
        for _ in range(PIXELS)
    ]  # fmt: skip

    def check(psums, bias):
        sums = [sum(p << b for b, p in enumerate(psums[k : k + 4])) for k in (0, 4)]
        for lane in range(LANES):
            found = int(stacked) >> lane * CURRENT_BITS & (1 << CURRENT_BITS) - 1
            wanted = sums[second >> lane & 1] * bench.factor - bias
            assert found == wanted & (1 << CURRENT_BITS) - 1

    bench.run(parts, pixels, {"encode": 1, "pair": 1, "second": second}, check)
