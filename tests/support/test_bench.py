"""The bench itself: it must not let a deadlock pass."""

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench


def counted(stop, limit):
    clk, done = clock(), flag()
    count = Signal(intbv(0)[16:])

    counts = []

    @instance
    def stimulus():
        while count != stop:
            yield clk.posedge
            count.next = count + 1
        counts.append(int(count))
        done.next = True

    return run_bench([stimulus], clk, done, limit), counts


def test_runs_to_the_end():
    cycles, count = counted(20, 100)
    assert count == [20]
    assert 20 <= cycles <= 22


def test_limit_too_low():
    with pytest.raises(AssertionError, match="not done after 10 clock cycles"):
        counted(20, 10)


def test_deadlock():
    clk, done, never = clock(), flag(), flag()

    @instance
    def stimulus():
        yield never.posedge
        done.next = True

    with pytest.raises(AssertionError, match="not done after 50 clock cycles"):
        run_bench([stimulus], clk, done, 50)


def test_done_too_early():
    with pytest.raises(AssertionError, match="before the simulation began"):
        run_bench([], clock(), flag(True), 50)


def test_one_after_another():
    first, second = counted(5, 100), counted(5, 100)
    assert first == second


def test_error_in_a_part():
    clk, done = clock(), flag()

    @instance
    def stimulus():
        yield clk.posedge
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        run_bench([stimulus], clk, done, 50)
    assert counted(5, 100)[1] == [5]
