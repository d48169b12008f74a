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
from volley.rtl.memory.ram import SelectedWrite, address_bits, selected_ram

CENTER = TAPS // 2
GROUP = 3
"""Banks whose writes come in the same cycle; those of the next ones a cycle later, over shorter wires."""


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
def weight_memory(clk, port, read, address, select, weights, design):
    """Reads all nine banks at ``address`` when ``read`` is set; writes as ``port`` says.

    A kernel of one tap keeps one weight word in each bank; the bit of ``select`` that is set (two cycles
    after ``read``) says which one goes to the center. weights: nine Signals. Latency 3.
    """
    depth, columns = design.weight_words, design.weight_columns
    words, memories = [], []
    for bank in range(TAPS):
        if bank % GROUP == 0:
            if bank or design.reach:
                before, port = port, WeightWrite(design)
                chosen = bool(design.reach) and bank + GROUP == TAPS  # nothing is left to choose
                pairs = zip(before.moved(chosen), port.moved(chosen))
                memories += [delay(clk, 1, *pair) for pair in pairs]
            if not design.reach:
                column_writes = [Signal(bool(0)) for _ in range(columns)]
                memories += [column_write(clk, port, k, column_writes[k]) for k in range(columns)]
        if design.reach:
            column_writes = [Signal(bool(0)) for _ in range(columns)]
            memories += [bank_write(clk, before, bank, k, column_writes[k]) for k in range(columns)]
        outputs = [Signal(intbv(0)[len(port.data) :]) for _ in range(columns)]
        words.append(ConcatSignal(*reversed(outputs)) if columns > 1 else outputs[0])
        for write, output in zip(column_writes, outputs):
            number = bank if design.reach else port.tap
            column_port = SelectedWrite(write, number, port.address, port.data)
            memories.append(selected_ram(clk, column_port, bank, read, address, output, depth))
    outer = [delay(clk, 1, words[bank], weights[bank]) for bank in range(TAPS) if bank != CENTER]
    center = choose_tap(clk, select, words, weights[CENTER])
    return instances()
