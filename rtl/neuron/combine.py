"""Sums of a pixel's psums over the lanes: bit planes in an encoding layer, ticks in a readout."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.isa import LANES, PSUM_BITS
from volley.rtl.delay import delay
from volley.rtl.neuron.signed import psum_signals, signed

COMBINED_BITS = PSUM_BITS + LANES


@block
def combine(clk, encode, lanes, combined, kept, pair=None, reach=0):
    """combined = sum of the lanes, lane b times 2^b where ``encode``; kept = lanes. Latency 2, with ``reach`` 3.

    In the encoding layer lane b is the psum of bit plane b; in the readout the sum over the ticks
    is what the score needs.

    pair: a Signal, in a design with ``pair``. Where it is set, lanes 0 to 3 are the bit planes of one pixel, 4 to 7
    those of another: combined is the first, the last of kept the second. Their sums are within PSUM_BITS, as
    ``volley.firmware.compiler.lanes`` sees to.
    """
    moved = psum_signals()
    low, high = signed(COMBINED_BITS), signed(COMBINED_BITS)
    if reach:
        pairs = [signed(PSUM_BITS + 2) for _ in range(LANES // 2)]
        first = psum_signals()
        stages = [
            [
                add_weighted(clk, encode, 2, *lanes[2 * k : 2 * k + 2], pair_sum)
                for k, pair_sum in enumerate(pairs)
            ],
            add_weighted(clk, encode, 4, *pairs[:2], low),
            add_weighted(clk, encode, 4, *pairs[2:], high),
            keep(clk, lanes, first),
            keep(clk, first, moved),
        ]
    else:
        stages = [
            add_four(clk, encode, lanes[:4], low),
            add_four(clk, encode, lanes[4:], high),
            keep(clk, lanes, moved),
        ]
    if pair is None:
        stages += [add_weighted(clk, encode, 16, low, high, combined), keep(clk, moved, kept)]
    else:
        stages += [
            add_or_part(clk, encode, pair, low, high, combined),
            keep(clk, moved[:-1], kept[:-1]),
            keep_or_part(clk, pair, moved[-1], high, kept[-1]),
        ]
    return stages


@block
def keep(clk, lanes, kept):
    """kept = lanes. Latency 1."""
    return [delay(clk, 1, *lane) for lane in zip(lanes, kept)]


@block
def add_weighted(clk, encode, weight, first, second, total):
    """total = first + second, or first + weight * second where ``encode``. Latency 1."""

    @always(clk.posedge)
    def add():
        if encode:
            total.next = first + weight * second
        else:
            total.next = first + second

    return instances()


@block
def add_four(clk, encode, lanes, total):
    """total = sum of four lanes, lane b times 2^b where ``encode``. Latency 1."""
    l0, l1, l2, l3 = lanes

    @always(clk.posedge)
    def add():
        if encode:
            total.next = l0 + 2 * l1 + 4 * l2 + 8 * l3
        else:
            total.next = l0 + l1 + l2 + l3

    return instances()


@block
def add_or_part(clk, encode, pair, low, high, combined):
    """As ``add_weighted`` of the halves, but low alone where ``pair`` is set. Latency 1."""

    @always(clk.posedge)
    def add():
        if pair:
            combined.next = low
        elif encode:
            combined.next = low + 16 * high
        else:
            combined.next = low + high

    return instances()


@block
def keep_or_part(clk, pair, lane, high, kept):
    """kept = lane, or high where ``pair`` is set. Latency 1."""

    @always(clk.posedge)
    def choose():
        if pair:
            kept.next = high[PSUM_BITS:].signed()
        else:
            kept.next = lane

    return instances()


class Needed:
    """complete: psums are. sums, lanes: a cycle later, and the layer needs these of ``combine``."""

    def __init__(self, complete):
        self.complete, self.sums, self.lanes = complete, Signal(bool(0)), Signal(bool(0))


@block
def layer_needs(clk, encode, readout, needed):
    """Drives sums and lanes of ``needed``, a Needed; encode, readout: of the layer."""

    taken = Signal(bool(0))
    taken_inst = delay(clk, 1, needed.complete, taken)

    @always_comb
    def choose():
        needed.sums.next = taken and (encode or readout)
        needed.lanes.next = taken and not encode

    return instances()


@block
def combine_needed(clk, encode, needed, lanes, combined, kept):
    """``combine`` without ``reach``, where registers take what is needed alone; needed: Needed. Latency 2."""
    l0, l1, l2, l3, l4, l5, l6, l7 = lanes
    k0, k1, k2, k3, k4, k5, k6, k7 = kept
    m0, m1, m2, m3, m4, m5, m6, m7 = psum_signals()
    complete = needed.complete
    lower, upper = -(1 << (COMBINED_BITS - 1)), 1 << (COMBINED_BITS - 1)

    @always(clk.posedge)
    def take():
        if complete:
            m0.next = l0
            m1.next = l1
            m2.next = l2
            m3.next = l3
            m4.next = l4
            m5.next = l5
            m6.next = l6
            m7.next = l7

    @always(clk.posedge)
    def add():
        low = intbv(0, min=lower, max=upper)
        high = intbv(0, min=lower, max=upper)
        if needed.sums:
            if encode:
                low[:] = m0 + 2 * m1 + 4 * m2 + 8 * m3
                high[:] = m4 + 2 * m5 + 4 * m6 + 8 * m7
                combined.next = low + 16 * high
            else:
                low[:] = m0 + m1 + m2 + m3
                high[:] = m4 + m5 + m6 + m7
                combined.next = low + high

    @always(clk.posedge)
    def keep():
        if needed.lanes:
            k0.next = m0
            k1.next = m1
            k2.next = m2
            k3.next = m3
            k4.next = m4
            k5.next = m5
            k6.next = m6
            k7.next = m7

    return instances()
