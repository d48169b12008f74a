"""From psums to what the membrane integrates: psum * scale - bias."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv

from volley.firmware.isa import LANES, MEMBRANE_BITS, PSUM_BITS, SCALE_BITS, SCORE_BITS
from volley.rtl.delay import delay

CURRENT_BITS = 25
"""A current beyond 24 bits and sign saturates any membrane, so clamping to it changes nothing; 2^F * x - bias
of a spike layer is never beyond: |2^F x| < 2^23 with F <= 8 and |x| < 2^15, and the bias has 24 bits."""

COMBINED_BITS = PSUM_BITS + LANES
BIAS_BITS = SCORE_BITS
WIDE_BITS = PSUM_BITS + SCALE_BITS + 2 + 4  # of a lane, scaled
LOW_BITS = 16
"""Of a factor that is wider than a multiplier: the bits that are multiplied apart from those above."""


def signed(bits):
    """A Signal of ``bits`` bits, two's complement."""
    return Signal(intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1)))


@block
def combine(clk, encode, lanes, combined, kept, pair=None):
    """combined = sum of the lanes, lane b times 2^b where ``encode``; kept = lanes. Latency 2.

    In the encoding layer lane b is the psum of bit plane b; in the readout the sum over the ticks
    is what the score needs.

    pair: a Signal, in a design with ``pair``. Where it is set, lanes 0 to 3 are the bit planes of one pixel, 4 to 7
    those of another: combined is the first, the last of kept the second. Their sums are within PSUM_BITS, as
    ``volley.firmware.compiler.lanes`` sees to.
    """
    l0, l1, l2, l3, l4, l5, l6, l7 = lanes
    k0, k1, k2, k3, k4, k5, k6, k7 = kept
    m0, m1, m2, m3, m4, m5, m6, m7 = [signed(PSUM_BITS) for _ in range(LANES)]
    low, high = signed(COMBINED_BITS), signed(COMBINED_BITS)

    @always(clk.posedge)
    def add_quads():
        if encode:
            low.next = l0 + 2 * l1 + 4 * l2 + 8 * l3
            high.next = l4 + 2 * l5 + 4 * l6 + 8 * l7
        else:
            low.next = l0 + l1 + l2 + l3
            high.next = l4 + l5 + l6 + l7
        m0.next = l0
        m1.next = l1
        m2.next = l2
        m3.next = l3
        m4.next = l4
        m5.next = l5
        m6.next = l6
        m7.next = l7

    if pair is None:

        @always(clk.posedge)
        def add_halves():
            if encode:
                combined.next = low + 16 * high
            else:
                combined.next = low + high
            k0.next = m0
            k1.next = m1
            k2.next = m2
            k3.next = m3
            k4.next = m4
            k5.next = m5
            k6.next = m6
            k7.next = m7

    else:

        @always(clk.posedge)
        def add_or_part():
            if pair:
                combined.next = low
            elif encode:
                combined.next = low + 16 * high
            else:
                combined.next = low + high
            k0.next = m0
            k1.next = m1
            k2.next = m2
            k3.next = m3
            k4.next = m4
            k5.next = m5
            k6.next = m6
            k7.next = m7
            if pair:
                k7.next = high[PSUM_BITS:].signed()

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
    """``combine``, where registers take what is needed alone; needed: Needed. Latency 2."""
    l0, l1, l2, l3, l4, l5, l6, l7 = lanes
    k0, k1, k2, k3, k4, k5, k6, k7 = kept
    m0, m1, m2, m3, m4, m5, m6, m7 = [signed(PSUM_BITS) for _ in range(LANES)]
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


@block
def scaled(clk, x, scale, bias, y):
    """y = x * scale - bias, exact. bias comes a cycle after x. Latency 2."""
    product = signed(len(x) + len(scale))

    @always(clk.posedge)
    def multiply():
        product.next = x * scale

    @always(clk.posedge)
    def subtract():
        y.next = product - bias

    return instances()


@block
def scaled_apart(clk, x, scale, bias, y):
    """``scaled`` with a register behind each product of a part of x that a multiplier of 18 bits takes."""
    below, above = signed(LOW_BITS + 1), signed(len(x) - LOW_BITS)
    low, high = signed(len(below) + len(scale)), signed(len(above) + len(scale))
    weight = 1 << LOW_BITS

    @always_comb
    def part():
        below.next = x[LOW_BITS:]
        above.next = x >> LOW_BITS

    @always(clk.posedge)
    def multiply():
        low.next = below * scale
        high.next = above * scale

    @always(clk.posedge)
    def subtract():
        y.next = weight * high + low - bias

    return instances()


@block
def currents(clk, encode, scale, bias, lanes, stacked, score, needed=None, reach=0):
    """From a pixel's psums to the current of each tick, and to its score.

    lanes: 8 Signals, signed PSUM_BITS. stacked: 8 * CURRENT_BITS, the current of tick t from bit
    t * CURRENT_BITS on. score: signed SCORE_BITS, saturated: sum over the ticks, for a readout.
    scale: signed, SCALE_BITS + 1. bias: signed BIAS_BITS, three cycles after the lanes.
    needed: Needed, of a design with ``gate``. reach: of the design. Latency 5.
    """
    kept = [signed(PSUM_BITS) for _ in range(LANES)]
    combined = signed(COMBINED_BITS)
    if needed is None:
        stage_combine = combine(clk, encode, lanes, combined, kept)
    else:
        stage_combine = combine_needed(clk, encode, needed, lanes, combined, kept)

    total = signed(COMBINED_BITS + SCALE_BITS + 2)
    scaled_total = scaled_apart if reach else scaled
    stage_total = scaled_total(clk, combined, scale, bias, total)
    wide = [signed(WIDE_BITS) for _ in range(LANES)]
    stage_lanes = [scaled(clk, kept[t], scale, bias, wide[t]) for t in range(LANES)]

    y0, y1, y2, y3, y4, y5, y6, y7 = wide
    current_top = (1 << (CURRENT_BITS - 1)) - 1
    score_shift = SCORE_BITS - 1
    score_top = (1 << score_shift) - 1
    beyond_bits = len(total) - SCORE_BITS
    bits, total_bits = CURRENT_BITS, len(total)
    above_bits = total_bits - bits
    all_above = (1 << above_bits) - 1

    @always(clk.posedge)
    def choose():
        same = intbv(0, min=-current_top - 1, max=current_top + 1)
        above = intbv(0)[above_bits:]
        beyond = intbv(0, min=-(1 << beyond_bits), max=1 << beyond_bits)
        # no constant of 32 bits or more: converted, it would make the comparison unsigned
        beyond[:] = total >> score_shift
        if beyond > 0:
            score.next = score_top
        elif beyond < -1:
            score.next = -score_top - 1
        else:
            score.next = total
        if encode:
            # bits above a current's that are not as the sign: no comparison is as small
            above[:] = total[total_bits - 1 : bits - 1]
            if total < 0 and above != all_above:
                same[:] = -current_top - 1
            elif total >= 0 and above != 0:
                same[:] = current_top
            else:
                same[:] = total[bits:].signed()
            stacked.next = concat(
                same[bits:], same[bits:], same[bits:], same[bits:],
                same[bits:], same[bits:], same[bits:], same[bits:],
            )  # fmt: skip
        else:
            stacked.next = concat(
                y7[bits:], y6[bits:], y5[bits:], y4[bits:],
                y3[bits:], y2[bits:], y1[bits:], y0[bits:],
            )  # fmt: skip

    return instances()


assert PSUM_BITS + MEMBRANE_BITS < 64
