"""The memory of neuron parameters with both who read it: the neurons and the host."""

from myhdl import Signal, always_comb, block, instances, modbv

from volley.rtl.delay import delay
from volley.rtl.memory.kept import kept_read
from volley.rtl.memory.param import ParamRead, param_memory
from volley.rtl.memory.ram import address_bits


@block
def param_store(clk, port, host, shown, design):
    """Answers the neurons' ``port``, a ParamRead, or the host, in port.channels.

    host: ``volley.rtl.control.host_port.HostPort``. shown: three words of 32 bits a channel.
    """
    params = port.channels
    read = Signal(bool(0))
    address = Signal(modbv(0)[address_bits(design.neuron_words) :])
    asked = read, address
    if design.reach:
        asked = Signal(bool(0)), Signal(modbv(0)[len(address) :])
        reach_insts = [delay(clk, 2, *pair) for pair in zip((read, address), asked)]
    memory_inst = param_memory(clk, host.params, *asked, params, design)
    if design.gate:
        wanted, port = port, ParamRead(design)
        port.address = wanted.address
        kept_inst = kept_read(clk, wanted.read, wanted.address, host.read_params, port.read)

    @always_comb
    def share_reads():
        read.next = port.read or host.read_params
        if host.read_params:
            address.next = host.row
        else:
            address.next = port.address

    show_insts = [
        bits_of(params[k][kind], shown[3 * k + kind])
        for k in range(design.neurons)
        for kind in range(3)
    ]
    return instances()


@block
def bits_of(source, target):
    """target = the bits of the signed ``source``, in the same cycle."""
    bits = len(source)

    @always_comb
    def wire():
        target.next = source[bits:]

    return instances()
