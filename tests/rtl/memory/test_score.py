"""The memory of scores: CO in a row, written where the target says."""

import random

import pytest
from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.rtl.control.beat import Target
from volley.rtl.control.host_port import HostPort
from volley.rtl.core import host_words
from volley.rtl.memory.score import score_store
from volley.rtl.pipeline import Results

DESIGN = Design(ci=8, co=2)


@pytest.mark.parametrize("banked", [False, True])
def test_score_store(banked):
    """Outputs are counted in groups of CI, and within one in parts of CO; each bank has its own."""
    rng = random.Random(9)
    clk, done = clock(), flag()
    layout, host, shown = Target(DESIGN), HostPort(DESIGN), host_words(DESIGN.co)
    results = Results(layout, DESIGN)
    banks = (flag(), flag()) if banked else (None, None)
    dut = score_store(clk, results, host, shown, banks, DESIGN)
    rows = -(-DESIGN.scores // DESIGN.co)
    scores = [
        [rng.randrange(-(1 << 31), 1 << 31) for _ in range(DESIGN.co)] for _ in range(min(rows, 24))
    ]

    @instance
    def stimulus():
        parts = DESIGN.ci // DESIGN.co
        for row, values in enumerate(scores):
            target = row % parts << layout.sub[1] | row // parts << layout.address[1]
            results.score_target.next, results.score_write.next = target, True
            for signal, value in zip(results.scores, values):
                signal.next = value
            yield clk.posedge
            if banked:  # the next run's, at the same place
                banks[0].next = True
                for signal in results.scores:
                    signal.next = 7
                yield clk.posedge
                banks[0].next = False
        results.score_write.next = False
        results.scores[0].next = 5
        yield clk.posedge
        for row, values in enumerate(scores):
            host.row.next, host.read_scores.next = row, True
            yield clk.posedge
            yield clk.negedge
            assert [int(word) for word in shown] == [value % (1 << 32) for value in values]
            if banked:
                banks[1].next = True
                yield clk.posedge
                yield clk.negedge
                assert [int(word) for word in shown] == [7] * DESIGN.co
                banks[1].next = False
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=200)
