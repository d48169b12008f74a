"""A start that waits for the end of what runs."""

import pytest
from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.rtl.link.bus import Bus
from volley.rtl.link.pcie.run_queue import WaitingRun, run_queue


class Bench:
    """The block before an accelerator whose runs end when ``ends`` says so; starts: their entries."""

    def __init__(self):
        self.clk, self.rst, self.done = clock(), flag(), flag()
        self.queue, self.bus, self.starts, self.ends = WaitingRun(), Bus(), [], False
        self.dut = run_queue(self.clk, self.rst, self.queue, self.bus)

    def ask(self, entry):
        self.queue.ask.next, self.queue.entry.next = True, entry
        yield self.clk.negedge
        assert self.queue.waiting and self.queue.under_way
        yield self.clk.posedge
        self.queue.ask.next = False

    def cycles(self, count):
        for _ in range(count):
            yield self.clk.posedge

    def run(self, script):
        @instance
        def accelerator():
            while True:
                yield self.clk.posedge
                if self.bus.run:
                    assert not self.bus.running, "a run in a run"
                    self.starts.append(int(self.bus.entry))
                    self.bus.running.next = True
                elif self.ends:
                    self.bus.running.next, self.ends = False, False

        @instance
        def stimulus():
            yield self.clk.posedge
            yield from script()
            self.done.next = True
            yield self.clk.posedge

        run_bench([self.dut, accelerator, stimulus], self.clk, self.done, 300)
        return self.starts


def test_starts_at_once_and_behind_the_end():
    bench = Bench()

    def script():
        yield from bench.ask(5)
        under_way = []
        for _ in range(6):
            yield bench.clk.negedge
            under_way.append(bool(bench.queue.under_way))
        assert all(under_way) and not bench.queue.waiting, (
            "it is seen to be under way in every cycle"
        )
        assert bench.starts == [5]
        yield from bench.ask(6)
        yield from bench.cycles(20)
        assert bench.starts == [5] and bench.queue.waiting
        bench.ends = True
        yield from bench.cycles(4)
        assert bench.starts == [5, 6], "it starts at the end of the run before"
        yield bench.clk.negedge
        assert not bench.queue.waiting and bench.queue.under_way
        bench.ends = True
        yield from bench.cycles(3)
        assert not bench.queue.under_way

    assert bench.run(script) == [5, 6]


@pytest.mark.parametrize("how", ["cancel", "rst"])
def test_a_start_that_waits_is_taken_back(how):
    bench = Bench()

    def script():
        yield from bench.ask(5)
        yield from bench.cycles(5)
        yield from bench.ask(6)
        yield from bench.cycles(5)
        signal = bench.queue.cancel if how == "cancel" else bench.rst
        signal.next = True
        yield bench.clk.posedge
        signal.next = False
        bench.ends = True
        yield from bench.cycles(9)
        assert not bench.queue.waiting and not bench.queue.under_way
        yield from bench.ask(7)
        yield from bench.cycles(5)

    assert bench.run(script) == [5, 7]
