"""Popcount trees and the shared spike count, for both kinds of LUT, against Python's own count."""

import random

import pytest
from myhdl import Signal, Simulation, StopSimulation, delay, intbv

from volley.rtl.array.compressor_plan import SHAPES, plan
from volley.rtl.array.popcount import (
    count_products,
    hits_bits,
    popcount,
    products_latency,
    tree_latency,
)
from volley.rtl.array.spike_count import count_spikes, spike_count_latency
from volley.rtl.array.window import WindowEdges
from volley.rtl.control.active import Active

LUTS = sorted(SHAPES)
CYCLES = 60


def value_of(bits, rng):
    """Random bits; at times all of them or none."""
    return rng.choice([0, (1 << bits) - 1, *(rng.getrandbits(bits) for _ in range(6))])


def run(block_instance, clk, each_cycle, cycles):
    """Calls each_cycle(n) before rising edge n."""

    def stimulus():
        for cycle in range(cycles):
            each_cycle(cycle)
            yield delay(1)
            clk.next = True
            yield delay(1)
            clk.next = False
        raise StopSimulation

    Simulation(block_instance, stimulus()).run(quiet=1)


def worth(ci, pair):
    """What the bits of each channel count, as (mask, factor)."""
    even = sum(1 << channel for channel in range(0, ci, 2))
    return [(even, 1), (even << 1, 16 if pair else 1)]


@pytest.mark.parametrize("lut", LUTS)
@pytest.mark.parametrize("ci", [4, 8, 32])
@pytest.mark.parametrize("pair", [None, 0, 1])
def test_products(ci, lut, pair):
    """A new set of spikes and weights every cycle; each count comes ``products_latency`` later.

    pair: None in a design without."""
    rng = random.Random(ci + lut)
    paired = pair is not None
    clk, latency = Signal(bool(0)), products_latency(ci, lut, paired)
    spikes, weights = ([Signal(intbv(0)[ci:]) for _ in range(9)] for _ in range(2))
    count = Signal(intbv(0)[hits_bits(ci, paired) :])
    expected = []

    def each_cycle(cycle):
        if cycle >= latency:
            assert count == expected[cycle - latency]
        total = 0
        for s, w in zip(spikes, weights):
            s.next, w.next = value_of(ci, rng), value_of(ci, rng)
            for mask, factor in worth(ci, pair):
                total += factor * (int(s.next) & int(w.next) & mask).bit_count()
        expected.append(total)

    signal = Signal(bool(pair)) if paired else None
    tree = count_products(clk, spikes, weights, lut, count, signal)
    run(tree, clk, each_cycle, CYCLES)


@pytest.mark.parametrize("lut", LUTS)
@pytest.mark.parametrize("widths", [[[8]], [[8] * 4], [[2, 2], [2]], [[16] * 3, [16] * 3, [16]]])
def test_tree(widths, lut):
    """Bits of several weights."""
    rng = random.Random(sum(map(sum, widths)) + lut)
    clk, latency = Signal(bool(0)), tree_latency(widths, lut)
    sources = [[(Signal(intbv(0)[bits:]), 0, bits) for bits in weight] for weight in widths]
    most = sum(sum(weight) << w for w, weight in enumerate(widths))
    count = Signal(intbv(0)[most.bit_length() :])
    expected = []

    def each_cycle(cycle):
        if cycle >= latency:
            assert count == expected[cycle - latency]
        total = 0
        for w, weight in enumerate(sources):
            for signal, _, bits in weight:
                signal.next = value_of(bits, rng)
                total += int(signal.next).bit_count() << w
        expected.append(total)

    run(popcount(clk, sources, lut, count), clk, each_cycle, CYCLES)


@pytest.mark.parametrize("lut", LUTS)
@pytest.mark.parametrize("ci", [4, 16])
@pytest.mark.parametrize("pair", [None, 0, 1])
def test_spike_count(ci, lut, pair):
    """Rows of several pixels; the sum of three columns, two at the edges. pair: as ``test_products``."""
    rng = random.Random(ci + lut)
    paired = pair is not None
    lanes, width, extra = 8 if paired else 2, 7, 2
    latency = spike_count_latency(ci, lut, paired)
    clk, active = Signal(bool(0)), None
    if paired:
        active = Active()
        active.pair = Signal(bool(pair))
    rows = [Signal(intbv(0)[lanes * ci :]) for _ in range(3)]
    edges = WindowEdges(paired)
    counts = [Signal(intbv(0)[hits_bits(ci, paired) :]) for _ in range(lanes)]
    pixels = [None, *range(width), None, None, *range(width), *range(width), *[None] * 40]
    columns, expected, issued = {}, {}, []

    def each_cycle(cycle):
        if cycle in expected:
            assert [int(count) for count in counts] == expected[cycle]
        x = pixels[cycle] if cycle < len(pixels) else None
        issued.insert(0, x is not None)
        before = pixels[cycle - 1] if 0 < cycle <= len(pixels) else None
        edges.shift.next = bool(issued[0] or (len(issued) > 1 and issued[1]) or before is not None)
        edges.left.next, edges.right.next = before == 0, before == width - 1
        if x is None:
            return
        words = [value_of(lanes * ci, rng) for _ in range(3)]
        for row, word in zip(rows, words):
            row.next = word
        columns[cycle] = [
            sum(
                factor * (word >> ci * t & mask).bit_count()
                for word in words
                for mask, factor in worth(ci, pair)
            )
            for t in range(lanes)
        ]
        if x == width - 1:
            for k in range(width):
                near = [j for j in (k - 1, k, k + 1) if 0 <= j < width]
                start = cycle - width + 1
                expected[start + k + latency + extra] = [
                    sum(columns[start + j][t] for j in near) for t in range(lanes)
                ]

    tree = count_spikes(clk, latency + extra, rows, edges, lut, counts, active, paired)
    run(tree, clk, each_cycle, len(pixels))
    assert expected


@pytest.mark.parametrize("lut", LUTS)
def test_plan_ends_with_two_rows(lut):
    """Whatever there is to add, the last level leaves two bits of each weight, and none is lost."""
    for counts in ([1], [3], [12, 12], [5, 0, 7], [96], [1, 40, 3, 9]):
        have, fields = list(counts), 4
        for level in plan(counts, 4, lut):
            while fields > level.fields:
                fields, have = fields // 2, [2 * count for count in have]
            left, after = [*have, 0, 0, 0], [0] * (len(have) + 4)
            for weight, shape in level.counters:
                for step, taken in enumerate((shape.ones, shape.twos, shape.fours)):
                    left[weight + step] -= taken
                for step in range(shape.results):
                    after[weight + step] += 1
            assert min(left) >= 0
            assert [n for n in left if n] == [n for n in level.held if n]
            have = [a + b for a, b in zip(after, [*left, 0])]
        while fields > 1:
            fields, have = fields // 2, [2 * count for count in have]
        assert max(have) <= 2
