"""Reads that a memory need not do, since it shows the word still."""

from myhdl import Signal, always, always_comb, block, instances, modbv


@block
def kept_read(clk, valid, address, other, read):
    """read = ``valid``, but for the address of the cycle before.

    other: another reader has the memory. ``read`` comes in the same cycle.
    """
    before = Signal(modbv(0)[len(address) :])
    known = Signal(bool(0))

    @always_comb
    def compare():
        read.next = valid and not (known and address == before)

    @always(clk.posedge)
    def remember():
        known.next = valid and not other
        if valid:
            before.next = address

    return instances()
