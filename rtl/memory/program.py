"""The memories of programs and descriptors: words of 32 bits, for ``fetch`` and for the host."""

from myhdl import Signal, always_comb, block, instances, modbv

from volley.rtl.memory.ram import address_bits, ram


@block
def program_memory(
    clk, write, write_address, data, read, read_address, host_read, host_address, word, words
):
    """32-bit words, read by ``fetch`` or, while no program runs, by the host. Latency of a read: 1."""
    reading = Signal(bool(0))
    address = Signal(modbv(0)[address_bits(words) :])
    place = Signal(modbv(0)[address_bits(words) :])
    memory = ram(clk, write, place, data, reading, address, word, words)

    @always_comb
    def share():
        place.next = write_address
        reading.next = read or host_read
        if host_read:
            address.next = host_address
        else:
            address.next = read_address

    return instances()
