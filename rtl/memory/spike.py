"""The spike memory: three banks, so that the three rows under a kernel are read in one cycle."""

from myhdl import ConcatSignal, Signal, always, block, instances, intbv, modbv

from volley.firmware.isa import BANKS, LANES
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits, ram


class SpikeWrite:
    """A write of the spike memory.

    to_bank    per bank: it is written
    whole      the bytes in ``slots``, one a channel, are written; otherwise ``spikes`` go to the
               channels ``co * sub .. co * sub + co - 1`` and the channels above become 0
    here       per column of co channels: it gets ``spikes``
    above      per column of co channels: it becomes 0
    """

    def __init__(self, design, slots):
        co = design.neurons
        groups = range(design.ci // co)
        self.to_bank = [Signal(bool(0)) for _ in range(BANKS)]
        self.whole = Signal(bool(0))
        self.here = [Signal(bool(0)) for _ in groups]
        self.above = [Signal(bool(0)) for _ in groups]
        self.address = Signal(modbv(0)[address_bits(design.spike_words) :])
        self.spikes = Signal(intbv(0)[LANES * co :])
        self.parts = [
            ConcatSignal(*reversed(slots[k * co : (k + 1) * co])) if co > 1 else slots[k]
            for k in groups
        ]


@block
def select_bank(clk, pooled_write, pooled_bank, image_write, image_bank, bank, to_bank):
    """to_bank = a pooled pixel or, where there is none, a picture's goes to ``bank``. Latency 1."""

    @always(clk.posedge)
    def select():
        if pooled_write:
            to_bank.next = pooled_bank == bank
        else:
            to_bank.next = image_write and image_bank == bank

    return instances()


@block
def select_column(clk, sub, index, here, above):
    """here, above = ``sub`` is column ``index``, or one below it. Latency 1."""

    @always(clk.posedge)
    def select():
        here.next = sub == index
        above.next = sub < index

    return instances()


@block
def select_columns(clk, port, pooled_write, pooled_bank, sub, image_write, image_bank):
    """Drives to_bank, here and above of ``port``, a SpikeWrite. Latency 1."""
    return [
        [
            select_bank(clk, pooled_write, pooled_bank, image_write, image_bank, bank, to_bank)
            for bank, to_bank in enumerate(port.to_bank)
        ],
        [
            select_column(clk, sub, index, here, above)
            for index, (here, above) in enumerate(zip(port.here, port.above))
        ],
    ]


@block
def spike_column(clk, port, part, read, read_address, read_data, to_bank, here, above, depth):
    """``co`` channels of one bank; ``part``: its bytes of a whole word. Latency of a read: 2.

    A block RAM takes most of a cycle to show a word: a register of its own follows.
    """
    words = [Signal(intbv(0)[len(read_data) :]) for _ in range(depth)]
    shown = Signal(intbv(0)[len(read_data) :])
    register = delay(clk, 1, shown, read_data)

    @always(clk.posedge)
    def write_column():
        if to_bank:
            if port.whole:
                words[port.address].next = part
            elif here:
                words[port.address].next = port.spikes
            elif above:
                words[port.address].next = 0

    @always(clk.posedge)
    def read_column():
        if read:
            shown.next = words[read_address]

    return instances()


class SpikeOutputs:
    """Signals for what ``spike_memory`` reads: columns[bank][column], and for each bank the word in two
    orders: ``words``, as bytes (bit ``8 * channel + lane``), and ``lanes`` (bit ``lane * ci + channel``).
    """

    def __init__(self, design):
        self.columns, self.words, self.lanes = _spike_outputs(design)


def _spike_outputs(design):
    ci, co = design.ci, design.neurons
    columns = [[Signal(intbv(0)[LANES * co :]) for _ in range(ci // co)] for _ in range(BANKS)]
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
def spike_memory(clk, port, reads, read_addresses, columns, design):
    """Reads a word of each bank whose ``reads`` is set; writes as ``port``, a SpikeWrite, says.

    reads, read_addresses: a Signal per bank; columns: of SpikeOutputs. Latency of a read: 2.
    """
    if design.reach:
        return reaching_columns(clk, port, reads, read_addresses, columns, design.spike_words)
    return [
        spike_column(
            clk, port, port.parts[index], reads[bank], read_addresses[bank], output, port.to_bank[bank],
            port.here[index], port.above[index], design.spike_words,
        )
        for bank in range(BANKS)
        for index, output in enumerate(columns[bank])
    ]  # fmt: skip


@block
def reaching_columns(clk, port, reads, read_addresses, columns, depth):
    """The columns of ``spike_memory`` with a register before what is written: a write comes a cycle later."""
    address = Signal(port.address.val)
    blocks = [delay(clk, 1, port.address, address)]
    for index, part in enumerate(port.parts):
        data = Signal(intbv(0)[len(port.spikes) :])
        here, above = port.here[index], port.above[index]
        blocks.append(chosen_part(clk, port, part, here, data))
        for bank, output in enumerate(bank[index] for bank in columns):
            write, shown = Signal(bool(0)), Signal(intbv(0)[len(data) :])
            blocks += [
                chosen_bank(clk, port, port.to_bank[bank], here, above, write),
                ram(clk, write, address, data, reads[bank], read_addresses[bank], shown, depth),
                delay(clk, 1, shown, output),
            ]
    return blocks


@block
def chosen_part(clk, port, part, here, data):
    """data = what ``spike_column`` would write. Latency 1."""

    @always(clk.posedge)
    def choose():
        if port.whole:
            data.next = part
        elif here:
            data.next = port.spikes
        else:
            data.next = 0

    return instances()


@block
def chosen_bank(clk, port, to_bank, here, above, write):
    """write = whether ``spike_column`` would write. Latency 1."""

    @always(clk.posedge)
    def choose():
        write.next = to_bank and (port.whole or here or above)

    return instances()
