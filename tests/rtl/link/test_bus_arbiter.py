"""Two masters of the bus: every access once, in order, answers to whom they belong, no one starves."""

import random

import pytest
from myhdl import Signal, always, instance, intbv

from tests.support.bench import clock, flag, run_bench
from tests.support.link_device import CONTROL, bus_memory, untouched
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.bus_arbiter import bus_arbiter

FIRST, SECOND = 0x1000_0000, 0x2000_0000
SESSIONS = (0x1111, 0x2222)


class Master:
    """Accesses of one master: ``read``, ``write``, ``run`` are generators for a MyHDL process.

    waited: cycles that each access took to be taken.
    """

    def __init__(self, clk, session):
        self.clk, self.bus, self.waited = clk, Bus(), []
        self.bus.session = Signal(intbv(session)[len(self.bus.session) :])

    def _taken(self):
        waited = 1
        yield self.clk.posedge
        while not self.bus.ready:
            waited += 1
            yield self.clk.posedge
        self.waited.append(waited)

    def write(self, address, word):
        self.bus.address.next, self.bus.write_data.next = address, word
        self.bus.write.next = True
        yield from self._taken()
        self.bus.write.next = False

    def read(self, address, out):
        self.bus.address.next, self.bus.read.next = address, True
        yield from self._taken()
        self.bus.read.next = False
        yield self.clk.posedge
        while not self.bus.read_valid:
            yield self.clk.posedge
        out.append(int(self.bus.read_data))

    def run(self, entry):
        self.bus.run.next, self.bus.entry.next = True, entry
        yield self.clk.posedge
        self.bus.run.next = False


@quick_inspect()
def rtl_arbiter(*scripts, ready_share=0.7, seed=1, stable=True):
    """Runs a script, a generator function of a ``Master``, for each master; returns memory, starts and masters.

    ready_share, seed, stable: of ``bus_memory``.
    """
    clk, done, bus = clock(), flag(), Bus()
    masters = [Master(clk, session) for session in SESSIONS]
    memory, started, ended = {}, [], []
    dut = bus_arbiter(clk, *(master.bus for master in masters), bus)
    slave = bus_memory(clk, bus, memory, started, ready_share, seed, stable)

    def player(master, script):
        @instance
        def play():
            yield clk.posedge
            yield from script(master)
            ended.append(master)

        return play

    players = [player(*pair) for pair in zip(masters, scripts)]

    @always(clk.posedge)
    def watch():
        for master in masters:
            other = masters[1 - masters.index(master)].bus
            assert not (master.bus.read_valid and other.read_valid), "one answer for two"
        if bus.read_valid:
            who = masters[0] if masters[0].bus.read_valid else masters[1]
            assert bus.session == SESSIONS[masters.index(who)], "another master's session"
        done.next = len(ended) == len(masters)

    run_bench([dut, slave, watch, *players], clk, done, 30_000)
    return memory, started, masters


@pytest.mark.parametrize("seed", range(4))
def test_random_accesses(seed):
    print("seed", seed)
    wanted = {}

    def script(base):
        def play(master):
            chance, mine = random.Random(f"{seed} {base}"), {}
            for _ in range(200):
                for _ in range(chance.choice([0, 0, 0, 1, 7])):
                    yield master.clk.posedge
                place, out = base + chance.randrange(16), []
                if chance.random() < 0.5:
                    mine[place] = chance.getrandbits(32)
                    yield from master.write(place, mine[place])
                else:
                    yield from master.read(place, out)
                    assert out == [mine.get(place, untouched(place))]
            wanted.update(mine)

        return play

    shares = {0: 1.0, 1: 0.7, 2: 0.2, 3: 1.0}
    memory, _, masters = rtl_arbiter(
        script(FIRST), script(SECOND), ready_share=shares[seed], seed=seed
    )
    assert memory == wanted and all(len(master.waited) == 200 for master in masters)


def test_each_has_its_turn():
    def script(base):
        def play(master):
            for number in range(100):
                yield from master.write(base + number, number)

        return play

    _, _, masters = rtl_arbiter(script(FIRST), script(SECOND), ready_share=1.0)
    for master in masters:
        assert max(master.waited) <= 2


def test_one_master_alone_loses_no_cycle():
    def play(master):
        for number in range(100):
            yield from master.write(number, number)

    def rest(master):
        yield master.clk.posedge

    _, _, (first, _) = rtl_arbiter(play, rest, ready_share=1.0)
    assert set(first.waited[1:]) == {1}


def test_an_access_that_is_taken_back_holds_nobody_up():
    """As a reset of the link does it, at a moment when the slave is not ready."""

    def reset(master):
        for _ in range(40):
            master.bus.address.next, master.bus.write.next = FIRST, True
            yield master.clk.posedge
            master.bus.write.next = False
            yield master.clk.posedge

    def play(master):
        for number in range(40):
            yield from master.write(SECOND + number, number)

    memory, _, _ = rtl_arbiter(reset, play, ready_share=0.3, stable=False)
    assert [memory[SECOND + number] for number in range(40)] == list(range(40))


@pytest.mark.parametrize("late", [0, 1, 2, 30])
def test_a_run_while_another_runs_is_dropped(late):
    """late: cycles between the runs; in the same cycle the first master's counts."""

    def first(master):
        yield from master.run(11)
        yield master.clk.negedge
        assert master.bus.running

    def second(master):
        for _ in range(late):
            yield master.clk.posedge
        yield from master.run(22)
        for _ in range(5):
            yield master.clk.posedge
        assert master.bus.running
        yield from master.write(CONTROL, 1)
        for _ in range(5):
            yield master.clk.posedge
        assert not master.bus.running
        yield from master.run(33)
        yield master.clk.posedge

    _, started, _ = rtl_arbiter(first, second)
    assert started == [11, 33]
