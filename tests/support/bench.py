"""Runs a MyHDL test bench to its end, and fails if the end is not reached.

A MyHDL simulation that deadlocks or reaches its time limit returns silently, and the test passes.
So every bench has a signal ``done``, and ``run_bench`` demands it within a number of cycles.

    clk, done = clock(), flag()
    adder = dut(clk, ...)

    @instance
    def stimulus():
        yield clk.posedge
        ...
        done.next = True

    run_bench([adder, stimulus], clk, done, cycles=1000)
"""

from myhdl import Signal, Simulation, StopSimulation, delay, instance

PERIOD = 10  # time units of a clock cycle


def clock():
    """A clock for ``run_bench``, low."""
    return Signal(bool(0))


def flag(value=False):
    """A Signal of one bit."""
    return Signal(bool(value))


def run_bench(parts, clk, done, cycles):
    """Simulates ``parts`` until ``done`` is set and returns the number of clock cycles it took.

    parts: a list of block instances and generators; they drive neither ``clk`` nor the end.
    clk: a Signal of ``clock()``; this function drives it.
    done: a Signal of one bit, set by one of the parts.
    cycles: the limit; an AssertionError says so if ``done`` is not set within it.

    At the end MyHDL gives every signal its initial value again, so collect results in Python lists.
    """
    passed, reached = [0], []

    @instance
    def drive_clock():
        while passed[0] < cycles and not done:
            clk.next = False
            yield delay(PERIOD // 2)
            clk.next = True
            passed[0] += 1
            yield delay(PERIOD - PERIOD // 2)
        reached.append(bool(done))
        raise StopSimulation

    if done:
        raise AssertionError("done is set before the simulation began")
    simulation = Simulation(drive_clock, *parts)
    try:
        simulation.run(quiet=1)
    finally:
        if Simulation._no_of_instances:  # a part raised: without this no other bench could run
            simulation.quit()
    assert reached == [True], (
        f"not done after {cycles} clock cycles: the bench hangs, or the limit is too low"
    )
    return passed[0]
