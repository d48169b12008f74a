"""Currents and scores of a pixel, against sums in Python; every clamp is reached."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.isa import (
    LANES,
    MEMBRANE_BITS,
    MEMBRANE_MAX,
    MEMBRANE_MIN,
    PSUM_BITS,
    SCORE_BITS,
)
from volley.rtl.neuron.combine import COMBINED_BITS, Needed, combine_needed, layer_needs
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.scale import BIAS_BITS, current_latency, currents
from volley.rtl.neuron.signed import signed


def clamp(value, bits):
    """The nearest number of so many bits, two's complement."""
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


@pytest.mark.parametrize("reach", [0, 1])
@pytest.mark.parametrize("needs", [False, True])
@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize("readout", [False, True])
def test_currents_and_score(encode, readout, needs, reach):
    """needs: in a design with ``gate``; the score is a readout's alone there."""
    rng = random.Random(2 * encode + readout)
    latency, bias_later = current_latency(reach), 3 + reach
    clk, done = clock(), flag()
    lanes = [signed(PSUM_BITS) for _ in range(LANES)]
    scale, bias = Signal(intbv(0, min=-(1 << 14), max=1 << 14)), signed(BIAS_BITS)
    stacked, score = Signal(intbv(0)[LANES * CURRENT_BITS :]), signed(SCORE_BITS)
    encoding = flag()
    reading, needed = flag(), None
    dut = []
    if needs:
        needed = Needed(Signal(bool(1)))
        dut.append(layer_needs(clk, encoding, reading, needed))
    dut.append(currents(clk, encoding, scale, bias, lanes, stacked, score, needed, reach))
    top = (1 << (PSUM_BITS - 1)) - 1
    factor = (1 << 14) - 1 if readout else 1 << 8
    limit = 1 << (BIAS_BITS - 1) if readout else 1 << (MEMBRANE_BITS - 1)
    pixels = []
    for _ in range(80):
        extreme = rng.choice([None, -top, top])
        psums = [rng.randint(-top, top) if extreme is None else extreme for _ in range(LANES)]
        if rng.random() < 0.3:
            psums = [psum % 60 for psum in psums]
        pixels.append((psums, rng.choice([-limit, limit - 1, rng.randrange(-limit, limit)])))
    seen = set()

    def check(psums, offset):
        weights = [1 << lane if encode else 1 for lane in range(LANES)]
        total = sum(w * psum for w, psum in zip(weights, psums)) * factor - offset
        if readout or not needs:
            assert score == clamp(total, SCORE_BITS)
        seen.add(clamp(total, SCORE_BITS) == total)
        if readout:
            return  # no neuron takes its currents
        for lane, psum in enumerate(psums):
            field = int(stacked) >> (lane * CURRENT_BITS) & ((1 << CURRENT_BITS) - 1)
            exact = total if encode else psum * factor - offset
            # any membrane gives the same, once it is saturated
            found = (field ^ (1 << (CURRENT_BITS - 1))) - (1 << (CURRENT_BITS - 1))
            assert found == clamp(exact, CURRENT_BITS)
            assert encode or found == exact
            for v in (MEMBRANE_MIN, -1, 0, MEMBRANE_MAX):
                assert clamp(v + found, MEMBRANE_BITS) == clamp(v + exact, MEMBRANE_BITS)

    @instance
    def stimulus():
        encoding.next, reading.next, scale.next = encode, readout, factor
        for cycle in range(len(pixels) + latency):
            if cycle < len(pixels):
                for lane, psum in zip(lanes, pixels[cycle][0]):
                    lane.next = psum
            if bias_later <= cycle < len(pixels) + bias_later:
                bias.next = pixels[cycle - bias_later][1]
            yield clk.negedge
            if cycle >= latency:
                check(*pixels[cycle - latency])
            yield clk.posedge
        done.next = True
        yield clk.posedge

    run_bench([*dut, stimulus], clk, done, cycles=200)
    assert seen == ({True, False} if readout else {True})


def test_psums_that_are_not_complete_are_not_taken():
    rng = random.Random(9)
    clk, done, complete, encoding = clock(), flag(), flag(), flag()
    lanes, kept = ([signed(PSUM_BITS) for _ in range(LANES)] for _ in range(2))
    needed, combined = Needed(complete), signed(COMBINED_BITS)
    needed.sums, needed.lanes = Signal(bool(1)), Signal(bool(1))
    taken, waiting = [0] * LANES, None

    @instance
    def stimulus():
        nonlocal taken, waiting
        for _ in range(100):
            whole, psums = rng.random() < 0.4, [rng.randrange(-99, 99) for _ in range(LANES)]
            complete.next = whole
            for lane, psum in zip(lanes, psums):
                lane.next = psum
            yield clk.posedge
            yield clk.negedge
            if waiting is not None:
                assert [int(k) for k in kept] == waiting and combined == sum(waiting)
            taken = psums if whole else taken
            waiting = taken
        done.next = True
        yield clk.posedge

    dut = combine_needed(clk, encoding, needed, lanes, combined, kept)
    run_bench([dut, stimulus], clk, done, cycles=200)
