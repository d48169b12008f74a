"""The parameter memory: bias, threshold and v_init of CO neurons a word."""

from myhdl import Signal, always, block, instances, intbv, modbv

from volley.firmware.isa import MEMBRANE_BITS
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits
from volley.rtl.neuron.scale import BIAS_BITS, signed


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
def param_column(clk, port, channel, kind, read, read_address, output, depth):
    """One kind of parameter of one channel of the group. Latency of a read: 2."""
    bits = len(output)
    low, high = -(1 << (bits - 1)), 1 << (bits - 1)
    words = [Signal(intbv(0, min=low, max=high)) for _ in range(depth)]
    shown = Signal(intbv(0, min=low, max=high))
    register = delay(clk, 1, shown, output)
    data = port.data

    @always(clk.posedge)
    def write_port():
        if port.write and port.channel == channel and port.kind == kind:
            words[port.address].next = data[bits:].signed()

    @always(clk.posedge)
    def read_port():
        if read:
            shown.next = words[read_address]

    return instances()


@block
def param_memory(clk, port, read, read_address, params, design):
    """params: as ``ParamRead.channels``. Latency of a read: 2.

    With ``reach``, a write comes to each channel a cycle later than to the one before.
    """
    columns = []
    for channel, outputs in enumerate(params):
        if design.reach:
            before, port = port, ParamWrite(design)
            columns += [delay(clk, 1, *pair) for pair in zip(before.all(), port.all())]
        columns += [
            param_column(clk, port, channel, kind, read, read_address, output, design.param_words)
            for kind, output in enumerate(outputs)
        ]
    return columns
