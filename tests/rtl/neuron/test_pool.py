"""Pixels to words of a spike map, against maps in Python."""

import random
from types import SimpleNamespace

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.rtl.neuron.pool import place_channel, pool

WIDTH, HEIGHT = 6, 4


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("pooling", [False, True])
def test_words_of_a_map(pooling, early):
    """Pooled are four pixels of two rows; not pooled, each pixel is a word. Pixels come with gaps."""
    rng = random.Random(pooling)
    clk, done, valid, write = clock(), flag(), flag(), flag()
    spikes, pooled = (Signal(intbv(0)[16:]) for _ in range(2))
    where = SimpleNamespace(start=flag(), full=flag(), odd_y=flag(), index=Signal(intbv(0)[3:]))
    soon = Signal(intbv(0)[3:]) if early else None
    dut = pool(clk, valid, Signal(bool(pooling)), where, spikes, write, pooled, 8, soon)
    rows = [
        [rng.getrandbits(16) & rng.getrandbits(16) for _ in range(WIDTH)] for _ in range(HEIGHT)
    ]
    found, step = [], 2 if pooling else 1

    @instance
    def stimulus():
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                gap = rng.random() < 0.3
                while gap:
                    gap = rng.random() < 0.3
                    valid.next, spikes.next = False, rng.getrandbits(16)
                    if early:
                        soon.next = rng.randrange(8) if gap else x // step
                    yield clk.posedge
                    yield clk.negedge
                    assert not write
                valid.next, spikes.next = True, value
                where.start.next, where.full.next = x % step == 0, x % step == step - 1
                where.odd_y.next, where.index.next = y % 2, x // step
                if early:
                    soon.next = (x + 1) % WIDTH // step
                yield clk.posedge
                yield clk.negedge
                if write:
                    found.append(int(pooled))
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=400)
    if pooling:
        assert found == [
            rows[y][x] | rows[y][x + 1] | rows[y + 1][x] | rows[y + 1][x + 1]
            for y in range(0, HEIGHT, 2)
            for x in range(0, WIDTH, 2)
        ]
    else:
        assert found == [value for row in rows for value in row]


@pytest.mark.parametrize("pack", [0, 1, 2, 3])
def test_spikes_go_to_their_lanes(pack):
    """pack: log2 of the pixels of a word that are pooled with their neighbours, 0: none are."""
    rng = random.Random(pack)
    clk, done = clock(), flag()
    spikes, placed = (Signal(intbv(0)[8:]) for _ in range(2))
    lane, place_pack = Signal(intbv(0)[3:]), Signal(intbv(0)[2:])
    dut = place_channel(clk, Signal(bool(1)), place_pack, lane, spikes, placed)
    ticks = 8 >> pack

    @instance
    def stimulus():
        place_pack.next = pack
        for _ in range(60):
            value, start = rng.getrandbits(8), rng.choice([0, 4])
            spikes.next, lane.next = value, start
            yield clk.posedge
            yield clk.negedge
            if pack:
                fields = [value >> (ticks * k) & ((1 << ticks) - 1) for k in range(1 << pack)]
                pairs = [a | b for a, b in zip(fields[::2], fields[1::2])]
                value = sum(pair << (ticks * k) for k, pair in enumerate(pairs))
            assert placed == value << start & 255
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=100)
