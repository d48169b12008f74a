"""The memories of programs and descriptors: words of 32 bits, for ``fetch`` and for the host."""

from myhdl import Signal, always_comb, block, instances, intbv, modbv

from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits, ram


@block
def program_memory(clk, write, host, port, host_read, words, reach=0):
    """32-bit words, read by ``fetch`` or, while no program runs, by the host. Latency of a read: 1, with ``reach`` 2.

    host: ``volley.rtl.control.host_port.HostPort``; write, host_read: which of its accesses is for this memory.
    port: ``volley.rtl.control.fetch.ReadPort``.
    """
    reading = Signal(bool(0))
    address = Signal(modbv(0)[address_bits(words) :])
    write_address = Signal(modbv(0)[address_bits(words) :])
    shown = port.data
    if reach:
        shown = Signal(intbv(0)[len(port.data) :])
        shown_inst = delay(clk, 1, shown, port.data)
    memory_inst = ram(clk, write, write_address, host.data, reading, address, shown, words)
    index, row, read, read_address = host.index, host.row, port.read, port.address

    @always_comb
    def share():
        write_address.next = index
        reading.next = read or host_read
        if host_read:
            address.next = row
        else:
            address.next = read_address

    return instances()
