"""The window of three rows and columns, against a padded map in Python; packed words too."""

import random

import numpy as np
import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import BANKS, LANES, TAPS
from volley.rtl.array.window import WindowEdges
from volley.rtl.array.window_stage import window_stage
from volley.rtl.control.active import Active
from volley.rtl.control.beat import Beat
from volley.rtl.delay import valid_line

CI, WIDTH, HEIGHT, LATENCY = 4, 5, 4, 4
DESIGN = Design(ci=CI, pack=1)


def word_of(pixel):
    """A word of the spike memory in lane order. pixel: bool [LANES, CI]."""
    return sum(int(bit) << place for place, bit in enumerate(pixel.reshape(-1)))


@pytest.mark.parametrize("pack", [None, 0, 1, 2, 3])
def test_taps_are_the_neighbours(pack):
    """pack: log2 of the pixels in a word, None in a design without packing."""
    rng, source = np.random.default_rng(5), random.Random(pack)
    pixels = 1 << (pack or 0)
    ticks = LANES // pixels
    columns = WIDTH * pixels
    bits = rng.random((HEIGHT, columns, ticks, CI)) < 0.5
    padded = np.zeros((HEIGHT + 2, columns + 2, ticks, CI), bool)
    padded[1:-1, 1:-1] = bits
    clk, done, beat, active = clock(), flag(), Beat(DESIGN), Active()
    banks, rows = ([Signal(intbv(0)[LANES * CI :]) for _ in range(BANKS)] for _ in range(2))
    taps = [Signal(intbv(0)[LANES * CI :]) for _ in range(TAPS)]
    valids, edges = [beat.valid, flag(), flag()], WindowEdges(pack is not None)
    dut = [
        valid_line(clk, beat.valid, valids[1:]),
        window_stage(clk, beat, valids, banks, rows, taps, edges, None if pack is None else active),
    ]
    beats = [(y, x) for y in range(HEIGHT) for x in range(WIDTH)]
    cut = source.randrange(1, HEIGHT) * WIDTH
    beats = [*beats[:cut], None, None, *beats[cut:], *[None] * (LATENCY + 1)]
    checked = []

    def words(first):
        """What the taps hold: of each neighbour, the word that ``first`` names."""
        y, x = first
        return [
            word_of(padded[y + row, pixels * x + side : pixels * (x + 1) + side].reshape(LANES, CI))
            for row in range(3)
            for side in range(3)
        ]

    @instance
    def stimulus():
        if pack is not None:
            active.window_pack.next = pack
        for cycle in range(len(beats)):
            beat.valid.next = beats[cycle] is not None
            if beats[cycle]:
                y, x = beats[cycle]
                beat.center.next = y % BANKS
                beat.mask_top.next, beat.mask_bottom.next = y == 0, y == HEIGHT - 1
                beat.mask_left.next, beat.mask_right.next = x == 0, x == WIDTH - 1
            for bank in range(BANKS):
                banks[bank].next = source.getrandbits(LANES * CI)
            if cycle and beats[cycle - 1]:
                y, x = beats[cycle - 1]
                for row in (y - 1, y, y + 1):
                    if 0 <= row < HEIGHT:
                        pixel = bits[row, pixels * x : pixels * (x + 1)].reshape(LANES, CI)
                        banks[row % BANKS].next = word_of(pixel)
            yield clk.negedge
            then = beats[cycle - LATENCY] if cycle >= LATENCY else None
            if then:
                assert [int(tap) for tap in taps] == words(then), (cycle, then)
                checked.append(then)
            yield clk.posedge
        done.next = True
        yield clk.posedge

    run_bench([*dut, stimulus], clk, done, cycles=100)
    assert len(checked) == WIDTH * HEIGHT
