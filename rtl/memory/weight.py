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

    def all(self):
        """Its Signals."""
        return self.write, self.tap, self.column, self.address, self.data


@block
def column_write(clk, port, column, write):
    """write = port.write for this column; a write takes effect a cycle after ``port``."""

    @always_comb
    def select():
        write.next = port.write and port.column == column

    return instances()


@block
def choose_tap(clk, kernel3, tap, taps, weights):
    """weights = the word of bank ``tap``, or of the center bank where the kernel is 3x3. Latency 1."""
    t0, t1, t2, t3, t4, t5, t6, t7, t8 = taps

    @always(clk.posedge)
    def choose():
        if kernel3:
            weights.next = t4
        elif tap == 0:
            weights.next = t0
        elif tap == 1:
            weights.next = t1
        elif tap == 2:
            weights.next = t2
        elif tap == 3:
            weights.next = t3
        elif tap == 4:
            weights.next = t4
        elif tap == 5:
            weights.next = t5
        elif tap == 6:
            weights.next = t6
        elif tap == 7:
            weights.next = t7
        else:
            weights.next = t8

    return instances()


@block
def weight_memory(clk, port, read, address, kernel3, tap, weights, design):
    """Reads all nine banks at ``address`` when ``read`` is set; writes as ``port`` says.

    A kernel of one tap keeps one weight word in each bank, and ``tap`` (two cycles after ``read``)
    says which one goes to the center. weights: nine Signals. Latency 3.
    """
    depth, columns = design.weight_words, design.weight_columns
    words, memories = [], []
    for bank in range(TAPS):
        if bank % GROUP == 0:
            if bank:
                before, port = port, WeightWrite(design)
                memories += [delay(clk, 1, *pair) for pair in zip(before.all(), port.all())]
            column_writes = [Signal(bool(0)) for _ in range(columns)]
            memories += [column_write(clk, port, k, column_writes[k]) for k in range(columns)]
        outputs = [Signal(intbv(0)[len(port.data) :]) for _ in range(columns)]
        words.append(ConcatSignal(*reversed(outputs)) if columns > 1 else outputs[0])
        for write, output in zip(column_writes, outputs):
            column_port = SelectedWrite(write, port.tap, port.address, port.data)
            memories.append(selected_ram(clk, column_port, bank, read, address, output, depth))
    outer = [delay(clk, 1, words[bank], weights[bank]) for bank in range(TAPS) if bank != CENTER]
    center = choose_tap(clk, kernel3, tap, words, weights[CENTER])
    return instances()
