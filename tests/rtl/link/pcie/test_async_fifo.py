"""Items through the FIFO between two clocks: all, once, in order, at any ratio of the clocks."""

import random

import pytest
from myhdl import delay, instance

from tests.support.bench import PERIOD, clock, flag, run_bench
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.pcie.async_fifo import async_fifo
from volley.rtl.link.stream import Stream

WIDTH, ITEMS = 12, 200


@quick_inspect()
def rtl_fifo(items, period, source_share=1.0, sink_share=1.0, resets=(), seed=1):
    """What came out. period: of the reading clock, PERIOD is that of the writing one. resets: numbers of
    items taken after which both sides are reset."""
    write_clk, read_clk, rst, done = clock(), clock(), flag(), flag()
    source, sink = Stream(WIDTH), Stream(WIDTH)
    dut = async_fifo(write_clk, rst, source, read_clk, rst, sink, address_bits=2)
    chance, given, out = random.Random(seed), [], []

    @instance
    def drive_read_clk():
        yield delay(3)
        while True:
            read_clk.next = not read_clk
            yield delay(period // 2)
            read_clk.next = not read_clk
            yield delay(period - period // 2)

    @instance
    def give():
        for number, item in enumerate(items):
            while chance.random() >= source_share:
                yield write_clk.posedge
            source.data.next, source.last.next, source.valid.next = item, item % 3 == 0, True
            yield write_clk.posedge
            while not source.ready:
                yield write_clk.posedge
            given.append(item)
            source.valid.next = False
            if number in resets:
                rst.next = True
                yield delay(4 * max(period, PERIOD))
                yield write_clk.posedge
                out.append(None)
                rst.next = False
                yield write_clk.posedge
                yield write_clk.posedge
        while len(out) < len(items) and not resets:
            yield write_clk.posedge
        yield delay(60 * max(period, PERIOD))
        done.next = True

    @instance
    def take():
        while True:
            yield read_clk.posedge
            if sink.valid and sink.ready and not rst:
                assert bool(sink.last) == (int(sink.data) % 3 == 0)
                out.append(int(sink.data))
            sink.ready.next = chance.random() < sink_share

    share = min(source_share, sink_share) * min(1, PERIOD / period)
    run_bench([dut, drive_read_clk, give, take], write_clk, done, int(8 * len(items) / share) + 900)
    assert given == items
    return out


@pytest.mark.parametrize("period", [4, 7, 9, 10, 11, 13, 40])
@pytest.mark.parametrize("shares", [(1.0, 1.0), (0.4, 1.0), (1.0, 0.4)])
def test_order(period, shares):
    items = [random.Random(period).getrandbits(WIDTH) for _ in range(ITEMS)]
    assert rtl_fifo(items, period, *shares) == items


@pytest.mark.parametrize("period", [7, 13])
def test_reset_empties(period):
    items = list(range(40))
    out = rtl_fifo(items, period, sink_share=0.3, resets=(20,))
    after = out.index(None)
    assert out[:after] == items[:after] and after < 21
    assert out[after + 1 :] == items[21:]


def test_refuses_two_items():
    with pytest.raises(ValueError, match="address_bits is 1"):
        async_fifo(clock(), flag(), Stream(4), clock(), flag(), Stream(4), address_bits=1)
