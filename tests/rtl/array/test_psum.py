"""Psums of a row, against a dictionary: any order of pixels, the same one twice in a row too."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.rtl.array.psum import (
    PsumPort,
    accumulate,
    difference_signal,
    psum_control,
    rare_accesses,
    weigh,
)
from volley.rtl.control.beat import Beat
from volley.rtl.delay import valid_line
from volley.rtl.neuron.signed import signed

DESIGN = Design(ci=4, row_max=8)
LATENCY = 5  # from a beat to its hits


def test_weights_of_plus_and_minus_one():
    clk, done = clock(), flag()
    hits, spikes = (Signal(intbv(0)[6:]) for _ in range(2))
    difference = difference_signal(spikes)

    @instance
    def stimulus():
        for number in range(37):
            for met in (0, number // 2, number):
                hits.next, spikes.next = met, number
                yield clk.posedge
                yield clk.negedge
                assert difference == 2 * met - number
        done.next = True
        yield clk.posedge

    run_bench([weigh(clk, hits, spikes, difference), stimulus], clk, done, cycles=200)


@pytest.mark.parametrize(("early", "keeping"), [(False, True), (True, True), (True, False)])
def test_sums_of_a_row(early, keeping):
    """Beats with gaps; each psum is that of its pixel since ``first``, complete where ``last`` is set.

    What is kept is the psum that the row had of the pixel, if it was stored by then.
    """
    rng = random.Random(3)
    clk, done, beat = clock(), flag(), Beat(DESIGN)
    valids = [beat.valid, *(flag() for _ in range(LATENCY + 1))]
    port = PsumPort(beat, valids[LATENCY], valids[LATENCY + 1], early=early, keeps=keeping)
    psum, kept = signed(16), signed(16)
    difference = difference_signal(Signal(intbv(0)[6:]))
    dut = [
        valid_line(clk, beat.valid, valids[1:]),
        psum_control(clk, beat, LATENCY, valids, port),
        accumulate(clk, port, difference, psum, DESIGN.row_max, kept if keeping else None),
    ]
    beats = [None]  # the first cycle has two edges
    for _ in range(300):
        near = [each[1] for each in beats[-2:] if each] or [0]
        pixel = rng.choice([rng.randrange(8), rng.choice(near)])
        first, last = rng.random() < 0.2, rng.random() < 0.3
        beats.append((first, pixel, last, rng.randrange(-36, 37)) if rng.random() < 0.8 else None)
    sums, stored, checked = dict.fromkeys(range(8), 0), dict.fromkeys(range(8), -9), []

    @instance
    def stimulus():
        for cycle in range(len(beats) + LATENCY + 2):
            now = beats[cycle] if cycle < len(beats) else None
            then = beats[cycle - LATENCY] if 0 <= cycle - LATENCY < len(beats) else None
            before = beats[cycle - LATENCY - 1] if 0 < cycle - LATENCY <= len(beats) else None
            beat.valid.next = now is not None
            if now:
                beat.first.next, beat.pixel.next, beat.last.next = now[:3]
            difference.next = then[3] if then else rng.randrange(-36, 37)
            yield clk.negedge
            if before:
                first, pixel, last, amount = before
                if keeping and 0 <= stored[pixel] < cycle - 1:
                    assert kept == sums[pixel], cycle
                stored[pixel] = cycle
                sums[pixel] = amount if first else sums[pixel] + amount
                assert psum == sums[pixel], cycle
                assert bool(port.complete) == last
                checked.append(cycle)
            yield clk.posedge
        done.next = True
        yield clk.posedge

    run_bench([*dut, stimulus], clk, done, cycles=400)
    assert len(checked) == sum(each is not None for each in beats)


@pytest.mark.parametrize("dense", [False, True])
def test_sums_that_are_read_and_stored_rarely(dense):
    """Of a design with ``gate``: as before; of one input group, or of a dense layer, the row is not used."""
    rng = random.Random(4)
    clk, done, beat, is_dense = clock(), flag(), Beat(DESIGN), Signal(bool(dense))
    valids = [flag() for _ in range(LATENCY + 2)]
    port, psum = PsumPort(beat, valids[LATENCY], valids[LATENCY + 1], True), signed(16)
    difference = difference_signal(Signal(intbv(0)[6:]))
    dut = [
        valid_line(clk, valids[0], valids[1:]),
        psum_control(clk, beat, LATENCY, valids, port),
        rare_accesses(clk, beat, LATENCY, valids, is_dense, port),
        accumulate(clk, port, difference, psum, DESIGN.row_max),
    ]
    beats = []
    for _ in range(40):
        groups = rng.choice([1, 1, 3])
        pixels = [0] if dense else list(range(rng.randrange(1, 8)))
        for group in range(groups):
            beats += [(group == 0, p, group == groups - 1, rng.randrange(-36, 37)) for p in pixels]
        if rng.random() < 0.3:
            beats.append(None)
    sums, stores, reads, before_read = {}, 0, set(), 0

    @instance
    def stimulus():
        nonlocal stores, before_read
        for cycle in range(len(beats) + LATENCY + 2):
            now = beats[cycle] if cycle < len(beats) else None
            then = beats[cycle - LATENCY] if 0 <= cycle - LATENCY < len(beats) else None
            before = beats[cycle - LATENCY - 1] if 0 < cycle - LATENCY <= len(beats) else None
            if now:
                beat.first.next, beat.pixel.next, beat.last.next = now[:3]
            valids[0].next = now is not None
            difference.next = then[3] if then else rng.randrange(-36, 37)
            yield clk.negedge
            if before:
                first, pixel, last, amount = before
                sums[pixel] = amount if first else sums[pixel] + amount
                assert psum == sums[pixel], cycle
                assert port.storing == (not last and not dense)
                stores += int(port.storing)
            reads.add(int(port.read_pixel))
            yield clk.posedge
        done.next = True
        yield clk.posedge

    run_bench([*dut, stimulus], clk, done, cycles=2000)
    assert (stores, reads) == (0, {0}) if dense else stores > 50 and len(reads) > 3
