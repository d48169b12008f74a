"""The weight memory: nine banks, one a tap, so that a kernel's weights are read in one cycle."""

from myhdl import (
    ConcatSignal,
    Signal,
    always,
    always_comb,
    block,
    instances,
    intbv,
    modbv,
)

from volley.firmware.isa import TAPS
from volley.rtl.delay import delay
from volley.rtl.memory.param import START_CYCLES
from volley.rtl.memory.ram import SelectedWrite, address_bits, selected_ram

CENTER = TAPS // 2
GROUP = 3
"""Banks whose writes come in the same cycle; those of the next ones a cycle later, over shorter wires."""
MOST_STEPS = 18
"""Cycles with ``reach`` from the first to the last of them: less than a run takes to its first beat."""
assert MOST_STEPS < START_CYCLES


class WeightWrite:
    """A write of 32 bits (fewer where a word has fewer) to ``column`` of a word of bank ``tap``."""

    def __init__(self, design):
        self.write = Signal(bool(0))
        self.tap = Signal(intbv(0)[4:])
        self.column = Signal(modbv(0)[address_bits(design.weight_columns) :])
        self.address = Signal(modbv(0)[address_bits(design.weight_words) :])
        self.data = Signal(intbv(0)[min(32, design.ci * design.co) :])

    def moved(self, chosen=False):
        """Its Signals; chosen: but for those that choose a bank and a column."""
        where = self.address, self.data
        return where if chosen else (self.write, self.tap, self.column, *where)


@block
def column_write(clk, port, column, write):
    """write = port.write for this column; a write takes effect a cycle after ``port``."""

    @always_comb
    def select():
        write.next = port.write and port.column == column

    return instances()


@block
def bank_write(clk, port, bank, column, write):
    """write = port.write for this column of this bank. Latency 1."""

    @always(clk.posedge)
    def select():
        write.next = port.write and port.column == column and port.tap == bank

    return instances()


@block
def choose_tap(clk, select, taps, weights):
    """weights = the words of the banks whose bit in ``select`` is set, ORed. Latency 1."""
    t0, t1, t2, t3, t4, t5, t6, t7, t8 = taps

    @always(clk.posedge)
    def choose():
        chosen = intbv(0)[len(weights) :]
        chosen[:] = 0
        if select[0]:
            chosen[:] = t0
        if select[1]:
            chosen[:] = chosen | t1
        if select[2]:
            chosen[:] = chosen | t2
        if select[3]:
            chosen[:] = chosen | t3
        if select[4]:
            chosen[:] = chosen | t4
        if select[5]:
            chosen[:] = chosen | t5
        if select[6]:
            chosen[:] = chosen | t6
        if select[7]:
            chosen[:] = chosen | t7
        if select[8]:
            chosen[:] = chosen | t8
        weights.next = chosen

    return instances()


@block
def choose_group(clk, select, taps, chosen):
    """chosen = those of GROUP words whose bit in ``select`` is set, ORed. Latency 1."""
    t0, t1, t2 = taps
    s0, s1, s2 = select

    @always(clk.posedge)
    def choose():
        word = intbv(0)[len(chosen) :]
        word[:] = 0
        if s0:
            word[:] = t0
        if s1:
            word[:] = word | t1
        if s2:
            word[:] = word | t2
        chosen.next = word

    return instances()


@block
def join_groups(clk, groups, weights):
    """weights = the OR of the words of ``choose_group``. Latency 1."""
    g0, g1, g2 = groups

    @always(clk.posedge)
    def join():
        weights.next = g0 | g1 | g2

    return instances()


@block
def choose_tap_apart(clk, select, taps, weights):
    """``choose_tap``, with a register near the banks. Latency 2."""
    groups = [Signal(intbv(0)[len(weights) :]) for _ in range(TAPS // GROUP)]
    choosing = [
        choose_group(
            clk, [select(k) for k in range(low, low + GROUP)], taps[low : low + GROUP], group
        )
        for low, group in zip(range(0, TAPS, GROUP), groups)
    ]
    return choosing, join_groups(clk, groups, weights)


@block
def plain_writes(clk, port, ports, design):
    """ports[bank, column] = what a memory sees of ``port``: GROUP banks at a time, each a cycle after the ones before."""
    blocks = []
    for bank in range(TAPS):
        if bank % GROUP == 0:
            if bank:
                before, port = port, WeightWrite(design)
                blocks += [delay(clk, 1, *pair) for pair in zip(before.moved(), port.moved())]
            writes = [Signal(bool(0)) for _ in range(design.weight_columns)]
            blocks += [column_write(clk, port, k, write) for k, write in enumerate(writes)]
        for column, write in enumerate(writes):
            ports[bank, column] = SelectedWrite(write, port.tap, port.address, port.data)
    return blocks


@block
def reaching_writes(clk, port, ports, design):
    """As ``plain_writes``, but GROUP banks of a few columns at a time, whose block RAMs are of few channels."""
    blocks = []
    columns, most = design.weight_columns, MOST_STEPS // (TAPS // GROUP)
    size = -(-columns // most)
    for low in range(0, columns, size):
        for first in range(0, TAPS, GROUP):
            before, port = port, WeightWrite(design)
            chosen = low + size >= columns and first + GROUP == TAPS  # nothing is left to choose
            pairs = zip(before.moved(chosen), port.moved(chosen))
            blocks += [delay(clk, 1, *pair) for pair in pairs]
            for bank in range(first, first + GROUP):
                for column in range(low, min(low + size, columns)):
                    write = Signal(bool(0))
                    blocks.append(bank_write(clk, before, bank, column, write))
                    ports[bank, column] = SelectedWrite(write, bank, port.address, port.data)
    return blocks


@block
def weight_memory(clk, port, read, address, select, weights, design):
    """Reads all nine banks at ``address`` when ``read`` is set; writes as ``port`` says.

    A kernel of one tap keeps one weight word in each bank; the bit of ``select`` that is set (two cycles
    after ``read``) says which one goes to the center. weights: nine Signals. Latency 3, with ``reach`` 4.
    """
    depth, columns = design.weight_words, design.weight_columns
    ports, words, memories = {}, [], []
    take_writes = reaching_writes if design.reach else plain_writes
    write_inst = take_writes(clk, port, ports, design)
    for bank in range(TAPS):
        outputs = [Signal(intbv(0)[len(port.data) :]) for _ in range(columns)]
        words.append(ConcatSignal(*reversed(outputs)) if columns > 1 else outputs[0])
        for column, output in enumerate(outputs):
            column_port = ports[bank, column]
            memories.append(selected_ram(clk, column_port, bank, read, address, output, depth))
    steps = 1 + design.reach
    outer = [
        delay(clk, steps, words[bank], weights[bank]) for bank in range(TAPS) if bank != CENTER
    ]
    choose = choose_tap_apart if design.reach else choose_tap
    center = choose(clk, select, words, weights[CENTER])
    return instances()
