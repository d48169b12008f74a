"""The sequencer's cycles, masks and ends, and how a run is stopped."""

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from tests.support.sequencer_bench import DESIGN, DRAIN, LAYERS, compare, issue, layer, start
from volley.firmware.isa import rows_cycles
from volley.rtl.control.active import Active
from volley.rtl.control.beat import Beat
from volley.rtl.control.fetch import Fetched
from volley.rtl.control.sequencer import RunControl, sequencer


@pytest.mark.parametrize("name", LAYERS)
def test_masks_and_cycles(name):
    """An instruction takes what ``rows_cycles`` says, set-up, the drain and the end apart."""
    compare(name, "masks")
    instruction, descriptor, _, _ = layer(name)
    _, cycles, accounts = issue(name)
    assert accounts == 1
    start_and_end = 3  # wait, set-up, halt
    assert cycles == rows_cycles(instruction, descriptor) + DRAIN + start_and_end


def test_stop_ends_a_run_in_the_middle():
    instruction, descriptor, _, _ = layer("first rows")
    clk, done = clock(), flag()
    run = RunControl(flag(), Signal(intbv(0)[16:]), flag())
    fetched, beat = Fetched(DESIGN), Beat(DESIGN)
    dut = sequencer(clk, run, fetched, beat, Active(), DRAIN, DESIGN)
    after = []

    @instance
    def stimulus():
        yield from start(clk, run, fetched, instruction, descriptor)
        for _ in range(10):
            yield clk.negedge
        assert run.running and beat.valid
        run.stop.next = True
        yield clk.posedge
        run.stop.next = False
        for _ in range(20):
            yield clk.negedge
            after.append((bool(run.running), bool(beat.valid), bool(run.account)))
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=100)
    assert not any(any(flags) for flags in after[2:])
