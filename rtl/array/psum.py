"""Partial sums of one row: what the array adds up over the input groups."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import PSUM_BITS


@block
def accumulate(
    clk, valid, first, bypass, address, store, store_address, hits, spikes, psum, row_max
):
    """psum = (0 if first else the psum of this pixel so far) + 2 * hits - spikes.

    This is sum of w * s with w in {-1, +1}: hits = popcount(s & w), spikes = popcount(s).
    bypass: the pixel is that of the cycle before. store: keep psum at store_address, one cycle
    after ``valid``. Latency 1.
    """
    low, high = -(1 << (PSUM_BITS - 1)), 1 << (PSUM_BITS - 1)
    row = [Signal(intbv(0, min=low, max=high)) for _ in range(row_max)]

    @always(clk.posedge)
    def add():
        base = intbv(0, min=low, max=high)
        if valid:
            if first:
                base[:] = 0
            elif bypass:
                base[:] = psum
            else:
                base[:] = row[address]
            psum.next = base + 2 * hits - spikes

    @always(clk.posedge)
    def keep():
        if store:
            row[store_address].next = psum

    return instances()
