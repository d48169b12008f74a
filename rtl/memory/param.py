"""The parameter memory: bias, threshold and v_init of CO neurons a word."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import MEMBRANE_BITS
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits
from volley.rtl.neuron.scale import BIAS_BITS
from volley.rtl.neuron.signed import signed


class ParamWrite:
    """A write of one kind of parameter (0 bias, 1 threshold, 2 v_init) of one channel of a word."""

    def __init__(self, design):
        self.write = Signal(bool(0))
        self.kind = Signal(intbv(0)[2:])
        self.channel = Signal(modbv(0)[address_bits(design.co) :])
        self.address = Signal(modbv(0)[address_bits(design.param_words) :])
        self.data = Signal(intbv(0)[32:])

    def all(self):
        """Its Signals."""
        return self.write, self.kind, self.channel, self.address, self.data


class ParamRead:
    """A read of the neurons: ``read`` and ``address``, answered two cycles later in ``channels``, three with ``reach``.

    channels: (bias, threshold, v_init) of each of the CO channels.
    """

    def __init__(self, design):
        self.read = Signal(bool(0))
        self.address = Signal(modbv(0)[address_bits(design.param_words) :])
        self.channels = [
            (signed(BIAS_BITS), signed(MEMBRANE_BITS), signed(MEMBRANE_BITS))
            for _ in range(design.co)
        ]


@block
def own_write(port, channel, kind, write, address, data):
    """write, address, data = what ``port`` writes to one kind of parameter of one channel."""
    bits = len(data)
    port_data = port.data

    @always_comb
    def take():
        write.next = port.write and port.channel == channel and port.kind == kind
        address.next = port.address
        data.next = port_data[bits:].signed()

    return instances()


@block
def param_column(clk, port, channel, kind, read, read_address, output, design):
    """One kind of parameter of one channel of the group. Latency of a read: 2."""
    words = [signed(len(output)) for _ in range(design.param_words)]
    write, address = Signal(bool(0)), Signal(port.address.val)
    data, shown = signed(len(output)), signed(len(output))
    written = write, address, data
    if design.reach:
        written = Signal(bool(0)), Signal(address.val), signed(len(data))
        later_insts = [delay(clk, 1, *pair) for pair in zip(written, (write, address, data))]
    own_inst = own_write(port, channel, kind, *written)
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
    """params: as ``ParamRead.channels``. Latency of a read: 2.

    With ``reach``, a write comes to each channel a cycle later than to the one before, and to the first two
    cycles later.
    """
    columns = []
    for channel, outputs in enumerate(params):
        if design.reach:
            before, port = port, ParamWrite(design)
            columns += [delay(clk, 1, *pair) for pair in zip(before.all(), port.all())]
        columns += [
            param_column(clk, port, channel, kind, read, read_address, output, design)
            for kind, output in enumerate(outputs)
        ]
    return columns
