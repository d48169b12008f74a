"""Block RAM with one write port and one registered read port."""

from myhdl import Signal, always, block, instances, intbv


def address_bits(depth):
    """Bits of an address of ``depth`` words, at least 1."""
    return max(1, (depth - 1).bit_length())


@block
def ram(clk, write, write_address, write_data, read, read_address, read_data, depth):
    """``depth`` words as wide as ``read_data``; a word written in one cycle can be read in the next.

    read_data keeps its value while ``read`` is not set. Latency of a read: 1.
    """
    words = [Signal(intbv(0)[len(read_data) :]) for _ in range(depth)]

    @always(clk.posedge)
    def write_port():
        if write:
            words[write_address].next = write_data

    @always(clk.posedge)
    def read_port():
        if read:
            read_data.next = words[read_address]

    return instances()


@block
def selected_ram(
    clk, write, number, this, write_address, write_data, read, read_address, read_data, depth
):
    """A ``ram`` that takes a write only if ``number`` equals the constant ``this``."""
    words = [Signal(intbv(0)[len(read_data) :]) for _ in range(depth)]

    @always(clk.posedge)
    def write_port():
        if write and number == this:
            words[write_address].next = write_data

    @always(clk.posedge)
    def read_port():
        if read:
            read_data.next = words[read_address]

    return instances()
