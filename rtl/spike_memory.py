"""The spike memory: three banks, so that the three rows under a kernel are read in one cycle."""

from myhdl import ConcatSignal, Signal, always, block, instances, intbv, modbv

from firmware.isa import BANKS, LANES
from rtl.memory import address_bits


class SpikeWrite:
    """A write of the spike memory.

    write    one word of ``bank`` at ``address`` is written
    whole    the bytes in ``slots``, one a channel, are written; otherwise ``spikes`` go to the channels
             ``co * sub .. co * sub + co - 1`` and the channels above become 0
    """

    def __init__(self, design, slots):
        self.write = Signal(bool(0))
        self.whole = Signal(bool(0))
        self.bank = Signal(intbv(0)[2:])
        self.address = Signal(modbv(0)[address_bits(design.spike_words) :])
        self.sub = Signal(intbv(0)[address_bits(design.ci // design.co) :])
        self.spikes = Signal(intbv(0)[LANES * design.co :])
        co = design.co
        self.parts = [
            ConcatSignal(*reversed(slots[k : k + co])) if co > 1 else slots[k]
            for k in range(0, design.ci, co)
        ]


@block
def spike_column(clk, port, part, read, read_address, read_data, bank, index, depth):
    """``co`` channels of one bank; ``part``: its bytes of a whole word. Latency of a read: 1."""
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
    """Signals for what ``spike_memory`` reads.

    Returns columns[bank][column], and for each bank the word in two orders: as bytes (bit
    ``8 * channel + lane``), and in lane order (bit ``lane * ci + channel``).
    """
    ci, co = design.ci, design.co
    columns = [
        [Signal(intbv(0)[LANES * co :]) for _ in range(ci // co)] for _ in range(BANKS)
    ]
    words = [ConcatSignal(*reversed(bank)) if len(bank) > 1 else bank[0] for bank in columns]
    lanes = [
        ConcatSignal(
            *(
                bank[c // co](LANES * (c % co) + lane)
                for lane in reversed(range(LANES))
                for c in reversed(range(ci))
            )
        )
        for bank in columns
    ]
    return columns, words, lanes


@block
def spike_memory(clk, port, read, read_addresses, columns, design):
    """Reads a word of each bank when ``read`` is set; writes as ``port``, a SpikeWrite, says.

    read_addresses: a Signal per bank; columns: of ``spike_outputs``. Latency of a read: 1.
    """
    return [
        spike_column(
            clk, port, port.parts[index], read, read_addresses[bank], output, bank, index,
            design.spike_words,
        )
        for bank in range(BANKS)
        for index, output in enumerate(columns[bank])
    ]  # fmt: skip
