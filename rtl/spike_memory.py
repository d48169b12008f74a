"""The spike memory: three banks, so that the three rows under a kernel are read in one cycle."""

from myhdl import ConcatSignal, Signal, always, block, instances, intbv

from firmware.isa import BANKS, LANES
from rtl.memory import address_bits


class SpikeWrite:
    """A write of the spike memory.

    write    one word of ``bank`` at ``address`` is written
    whole    all of ``word`` is written; otherwise ``spikes`` go to the channels
             ``co * sub .. co * sub + co - 1`` and the channels above become 0
    """

    def __init__(self, design):
        self.write = Signal(bool(0))
        self.whole = Signal(bool(0))
        self.bank = Signal(intbv(0)[2:])
        self.address = Signal(intbv(0)[address_bits(design.spike_words) :])
        self.sub = Signal(intbv(0)[address_bits(design.ci // design.co) :])
        self.spikes = Signal(intbv(0)[LANES * design.co :])
        self.word = Signal(intbv(0)[LANES * design.ci :])


@block
def spike_column(clk, port, part, read, read_address, read_data, bank, index, depth):
    """``co`` channels of one bank; ``part`` is this column of ``port.word``. Latency of a read: 1."""
    words = [Signal(intbv(0)[len(read_data) :]) for _ in range(depth)]

    @always(clk.posedge)
    def write_column():
        if port.write and port.bank == bank:
            if port.whole:
                words[port.address].next = part
            elif port.sub == index:
                words[port.address].next = port.spikes
            elif port.sub < index:
                words[port.address].next = 0

    @always(clk.posedge)
    def read_column():
        if read:
            read_data.next = words[read_address]

    return instances()


def spike_outputs(design):
    """Signals for what ``spike_memory`` reads: columns[bank][column], and each bank's whole word."""
    columns = [
        [Signal(intbv(0)[LANES * design.co :]) for _ in range(design.ci // design.co)]
        for _ in range(BANKS)
    ]
    words = [ConcatSignal(*reversed(bank)) if len(bank) > 1 else bank[0] for bank in columns]
    return columns, words


@block
def spike_memory(clk, port, read, read_addresses, columns, design):
    """Reads a word of each bank when ``read`` is set; writes as ``port``, a SpikeWrite, says.

    read_addresses: a Signal per bank; columns: of ``spike_outputs``. Latency of a read: 1.
    """
    width = LANES * design.co
    memories = []
    for bank in range(BANKS):
        for index, output in enumerate(columns[bank]):
            whole = len(columns[bank]) == 1
            part = port.word if whole else port.word(width * (index + 1), width * index)
            memories.append(
                spike_column(
                    clk, port, part, read, read_addresses[bank], output, bank, index,
                    design.spike_words,
                )
            )  # fmt: skip
    return memories
