"""The parameter memory: bias, threshold and v_init of CO neurons a word."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import DESCRIPTOR_WORDS, INSTRUCTION_WORDS, MEMBRANE_BITS
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits
from volley.rtl.neuron.scale import BIAS_BITS
from volley.rtl.neuron.signed import signed

START_CYCLES = INSTRUCTION_WORDS + DESCRIPTOR_WORDS
"""Cycles from the start of a run to its first beat, at least: a word of an instruction and its descriptor is fetched a cycle."""

HOP = 3
"""Registers with ``reach`` between two channels that a write comes to."""


class ParamWrite:
    """A write of one kind of parameter (0 bias, 1 threshold, 2 v_init) of one channel of a word."""

    def __init__(self, design):
        self.write = Signal(bool(0))
        self.kind = Signal(intbv(0)[2:])
        self.channel = Signal(modbv(0)[address_bits(design.neurons) :])
        self.address = Signal(modbv(0)[address_bits(design.neuron_words) :])
        self.data = Signal(intbv(0)[32:])

    def all(self):
        """Its Signals."""
        return self.write, self.kind, self.channel, self.address, self.data


class ParamRead:
    """A read of the neurons: ``read`` and ``address``, answered two cycles later in ``channels``, five with ``reach``.

    channels: (bias, threshold, v_init) of each of the CO channels.
    """

    def __init__(self, design):
        self.read = Signal(bool(0))
        self.address = Signal(modbv(0)[address_bits(design.neuron_words) :])
        self.channels = [
            (signed(BIAS_BITS), signed(MEMBRANE_BITS), signed(MEMBRANE_BITS))
            for _ in range(design.neurons)
        ]


@block
def own_write(port, channel, kind, write):
    """write = ``port`` writes to one kind of parameter of one channel."""

    @always_comb
    def take():
        write.next = port.write and port.channel == channel and port.kind == kind

    return instances()


@block
def own_data(port, data):
    """data = what ``port`` writes, in the bits of a kind."""
    bits = len(data)
    port_data = port.data

    @always_comb
    def take():
        data.next = port_data[bits:].signed()

    return instances()


@block
def param_column(clk, port, channel, kind, read, read_address, output, design, before=None):
    """One kind of parameter of one channel of the group. Latency of a read: 2.

    before: a ParamWrite with what ``port`` has a cycle later, or None.
    """
    words = [signed(len(output)) for _ in range(design.neuron_words)]
    write, address = Signal(bool(0)), port.address
    data, shown = signed(len(output)), signed(len(output))
    data_inst = own_data(port, data)
    if before is None:
        own_inst = own_write(port, channel, kind, write)
    else:
        soon = Signal(bool(0))
        own_inst = own_write(before, channel, kind, soon)
        later_inst = delay(clk, 1, soon, write)
    register = delay(clk, 1, shown, output)

    @always(clk.posedge)
    def write_port():
        if write:
            words[address].next = data

    @always(clk.posedge)
    def read_port():
        if read:
            shown.next = words[read_address]

    return instances()


@block
def param_memory(clk, port, read, read_address, params, design):
    """params: as ``ParamRead.channels``. Latency of a read: 2, with ``reach`` 3.

    With ``reach``, a write comes to each channel some cycles later than to the one before: HOP, or 1 in a design of
    so many that a run might take the last one's parameters before; and the answer a cycle later.
    """
    columns = []
    hop = HOP if HOP * len(params) + 1 < START_CYCLES else 1
    for channel, outputs in enumerate(params):
        if design.reach:
            line = [port, *(ParamWrite(design) for _ in range(hop))]
            columns += [later_write(clk, *pair) for pair in zip(line, line[1:])]
            port = line[-1]
        for kind, output in enumerate(outputs):
            here, before, shown = port, None, output
            if design.reach:
                here, before, shown = ParamWrite(design), port, signed(len(output))
                columns += [later_write(clk, before, here, True), delay(clk, 1, shown, output)]
            columns.append(
                param_column(clk, here, channel, kind, read, read_address, shown, design, before)
            )
    return columns


@block
def later_write(clk, port, later, word_alone=False):
    """later, a ParamWrite, has what ``port`` had a cycle before; word_alone: the word and its address."""
    pairs = list(zip(port.all(), later.all()))
    if word_alone:
        pairs = [(port.address, later.address), (port.data, later.data)]
    return [delay(clk, 1, *pair) for pair in pairs]
