"""The transposed form of a PE row against Python's own count, at the edges of rows too."""

import random
from types import SimpleNamespace

import pytest
from myhdl import Signal, intbv

from tests.rtl.array.test_popcount import LUTS, run, value_of
from volley.rtl.array.column_products import (
    ColumnEdges,
    column_edges,
    column_latency,
    column_products,
    partial_latency,
)

ROWS = (5, 1, 2, 7)
"""Widths of maps whose rows follow each other, each with weights of its own."""


def beats(rng, ci):
    """(spikes of the column, weights, whether the pixel is the first and the last of its row), or None between rows."""
    issued = []
    for width in ROWS:
        weights = [value_of(ci, rng) for _ in range(9)]
        for x in range(width):
            spikes = [value_of(ci, rng) for _ in range(3)]
            issued.append((spikes, weights, x == 0, x == width - 1))
        issued += [None] * rng.randrange(3)
    return issued


def counted(issued, n):
    """Spikes under the kernel of beat ``n`` that meet a set weight."""
    _, weights, first, last = issued[n]
    columns = [None if first else n - 1, n, None if last else n + 1]
    return sum(
        (issued[beat][0][row] & weights[3 * row + column]).bit_count()
        for column, beat in enumerate(columns)
        if beat is not None
        for row in range(3)
    )


@pytest.mark.parametrize("lut", LUTS)
@pytest.mark.parametrize("ci", [4, 8, 16, 32])
def test_a_row_of_pixels(ci, lut):
    """Each count comes ``column_latency`` after the pixel's own column; columns beyond the edges count nothing."""
    rng = random.Random(ci + lut)
    issued = beats(rng, ci)
    clk, latency = Signal(bool(0)), column_latency(ci, lut)
    spikes = [Signal(intbv(0)[ci:]) for _ in range(3)]
    weights = [Signal(intbv(0)[ci:]) for _ in range(9)]
    count = Signal(intbv(0)[(9 * ci).bit_length() :])
    beat = SimpleNamespace(mask_left=Signal(bool(0)), mask_right=Signal(bool(0)))
    edges = ColumnEdges()
    found = {}

    def each_cycle(cycle):
        found[cycle] = int(count)
        now = issued[cycle] if cycle < len(issued) else None
        for signals, values in ((spikes, now and now[0]), (weights, now and now[1])):
            for signal in signals:  # what stands between rows does not matter
                signal.next = value_of(ci, rng)
            for signal, value in zip(signals, values or ()):
                signal.next = value
        beat.mask_left.next, beat.mask_right.next = (now[2], now[3]) if now else (False, False)

    blocks = [
        column_products(clk, edges, spikes, weights, lut, count),
        column_edges(clk, beat, partial_latency(ci, lut), edges),
    ]
    run(blocks, clk, each_cycle, len(issued) + latency + 1)
    pixels = [n for n, beat in enumerate(issued) if beat]
    assert [found[n + latency] for n in pixels] == [counted(issued, n) for n in pixels]
