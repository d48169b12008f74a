"""The rules of a stream, and that the bench's watch sees what breaks them."""

import pytest
from myhdl import Signal, always, always_comb, block, instance, instances

from tests.support.bench import clock, flag, run_bench
from tests.support.stream import watch_stream
from volley.firmware.fields import WORD_BITS
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.stream import BYTE_BITS, WORD_BYTES, Stream


@quick_inspect()
def play(steps):
    """Drives (valid, data, last, ready), a tuple a cycle, under the watch; returns the items."""
    clk, rst, done, stream, items = clock(), flag(), flag(), Stream(BYTE_BITS), []

    @instance
    def stimulus():
        for valid, data, last, ready in steps:
            stream.valid.next, stream.ready.next = bool(valid), bool(ready)
            stream.data.next, stream.last.next = data, bool(last)
            yield clk.posedge
            if stream.valid and stream.ready:
                items.append((int(stream.data), bool(stream.last)))
            yield clk.negedge
        done.next = True

    run_bench([watch_stream(clk, rst, stream), stimulus], clk, done, len(steps) + 3)
    return items


def test_items_pass_with_valid_and_ready():
    steps = [(0, 9, 0, 1), (1, 5, 0, 0), (1, 5, 0, 1), (1, 5, 0, 1), (0, 3, 1, 0), (1, 7, 1, 1)]
    assert play(steps) == [(5, False), (5, False), (7, True)]


@pytest.mark.parametrize(
    "after", [(0, 5, 0, 1), (1, 6, 0, 1), (1, 5, 1, 1)], ids=["valid", "data", "last"]
)
def test_the_watch_sees_an_item_that_changes(after):
    with pytest.raises(AssertionError, match="which has not passed"):
        play([(1, 5, 0, 0), after, (0, 0, 0, 0)])


def test_widths_and_power_up():
    assert WORD_BYTES * BYTE_BITS == WORD_BITS
    stream = Stream(WORD_BITS, ready=True)
    assert len(stream.data) == WORD_BITS and stream.ready and not stream.valid
    assert not Stream(BYTE_BITS).ready


def test_signals_that_are_not_used_are_not_in_the_hardware(tmp_path):
    @block
    def stage(clk, stream, target):
        @always(clk.posedge)
        def drive_target():
            target.next = stream.data

        return instances()

    @block
    def whole(clk, source, target):
        stream = Stream(1)
        stage_inst = stage(clk, stream, target)

        @always_comb
        def drive_data():
            stream.data.next = source

        return instances()

    whole(clock(), flag(), Signal(bool(0))).convert(
        hdl="Verilog", path=str(tmp_path), name="whole", testbench=False, no_myhdl_header=True
    )
    text = (tmp_path / "whole.v").read_text()
    assert "stream_data" in text
    assert not any(name in text for name in ("stream_valid", "stream_ready", "stream_last"))
