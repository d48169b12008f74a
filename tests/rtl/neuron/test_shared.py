"""Two channels that share a neuron: their psums in turn, and the target of the pixel that waits."""

import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import LANES
from volley.rtl.control.beat import Beat, Target
from volley.rtl.neuron.shared import owed_target, take_half
from volley.rtl.neuron.signed import psum_signals

DESIGN = Design(ci=8, co=4, row_max=8, share=1)
FIELDS = ("odd_y", "start", "full", "column", "part", "cut", "lane", "bank", "address")


def test_one_channel_or_a_design_with_gate_shares_nothing():
    for settings in ({"co": 1}, {"co": 4, "gate": 1}):
        with pytest.raises(ValueError, match="share is 1, allowed is 0 with (co|gate)=1"):
            Design(share=1, **settings)


def test_the_second_half_is_taken_where_it_is_owed():
    rng = random.Random(1)
    clk, done, owed = clock(), flag(), flag()
    complete, kept, lanes = psum_signals(), psum_signals(), psum_signals()

    @instance
    def stimulus():
        for _ in range(50):
            owed.next = rng.random() < 0.5
            for t in range(LANES):
                complete[t].next, kept[t].next = (rng.randrange(-30_000, 30_000) for _ in range(2))
            yield clk.posedge
            wanted = [int(each) for each in (kept if owed else complete)]
            yield clk.negedge
            assert [int(lane) for lane in lanes] == wanted
        done.next = True
        yield clk.posedge

    run_bench([take_half(clk, owed, complete, kept, lanes), stimulus], clk, done, cycles=100)


def test_a_target_waits_for_its_second_half():
    """A row's targets, and in the beats of the next row the same again, with the half set in three fields."""
    rng = random.Random(2)
    clk, done, beat = clock(), flag(), Beat(DESIGN)
    own, layout = beat.target_layout, Target(DESIGN, 1)
    target = Signal(intbv(0)[layout.width :])
    fields = {
        name: layout.take(target, name) for name in (*FIELDS, "half", "pixel", "sub", "param")
    }
    given = {name: own.take(beat.target, name) for name in (*FIELDS, "pixel", "sub", "param")}
    rows = [rng.getrandbits(own.width) for _ in range(8)]

    def check(half):
        assert fields["half"] == half
        for name in FIELDS:
            assert fields[name] == given[name], name
        for name in ("pixel", "sub", "param"):
            assert fields[name] == 2 * given[name] + half, name

    @instance
    def stimulus():
        for half in (0, 1):
            for pixel in range(8):
                beat.pixel.next, beat.valid.next = pixel, True
                beat.last.next, beat.owed.next = not half, half
                beat.target.next = rows[pixel] if not half else rng.getrandbits(own.width)
                yield clk.negedge
                whole = int(target)
                if half:
                    beat.target.next = rows[pixel]  # to compare with
                    yield clk.negedge
                assert int(target) == whole
                check(half)
                yield clk.posedge
        done.next = True
        yield clk.posedge

    dut = owed_target(clk, beat, layout, target, DESIGN.row_max)
    run_bench([dut, stimulus], clk, done, cycles=100)
