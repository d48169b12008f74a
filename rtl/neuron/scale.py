"""From psums to what the membrane integrates: psum * scale - bias."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv

from volley.firmware.isa import LANES, MEMBRANE_BITS, PSUM_BITS, SCALE_BITS, SCORE_BITS
from volley.rtl.delay import delay
from volley.rtl.neuron.combine import COMBINED_BITS, combine, combine_needed
from volley.rtl.neuron.saturate import CURRENT_BITS, saturate, saturated_score
from volley.rtl.neuron.signed import psum_signals, signed

BIAS_BITS = SCORE_BITS
SECOND = LANES - 1
"""The lane whose multiplier takes the second pixel of a pair."""
WIDE_BITS = PSUM_BITS + SCALE_BITS + 2 + 4  # of a lane, scaled
LOW_BITS = 16
"""Of a factor that is wider than a multiplier: the bits that are multiplied apart from those above."""


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
def choose_current(clk, encode, same, own, current):
    """current of a lane: its own, or in an encoding layer the pixel's, ``same``. Latency 1."""
    bits = CURRENT_BITS

    @always(clk.posedge)
    def choose():
        if encode:
            current.next = same[bits:]
        else:
            current.next = own[bits:]

    return instances()


@block
def choose_of_pair(clk, encode, second, same, other, own, current):
    """As ``choose_current``; in an encoding layer the current of a pair's second pixel is ``other``. Latency 1."""
    bits = CURRENT_BITS

    @always(clk.posedge)
    def choose():
        if not encode:
            current.next = own[bits:]
        elif second:
            current.next = other[bits:]
        else:
            current.next = same[bits:]

    return instances()


def current_latency(reach):
    """Clock cycles of ``currents``; the bias is there three cycles before its end."""
    return 5 + 2 * reach


@block
def currents(clk, encode, scale, bias, lanes, stacked, score, needed=None, reach=0, pairs=None):
    """From a pixel's psums to the current of each tick, and to its score.

    lanes: 8 Signals, signed PSUM_BITS. stacked: 8 * CURRENT_BITS, the current of tick t from bit
    t * CURRENT_BITS on. score: signed SCORE_BITS, saturated: sum over the ticks, for a readout.
    scale: signed, SCALE_BITS + 1. bias: signed BIAS_BITS, three cycles after the lanes, with ``reach`` four.
    needed: Needed, of a design with ``gate``. reach: of the design. pairs: ``volley.rtl.control.carry.ChannelActive`` of a design with
    ``pair``: lanes 0 to 3 may be the bit planes of one pixel, 4 to 7 those of another. Latency ``current_latency``.
    """
    kept = psum_signals()
    combined = signed(COMBINED_BITS)
    if needed is None:
        pair = pairs.pair if pairs else None
        stage_combine = combine(clk, encode, lanes, combined, kept, pair, reach)
    elif reach:
        soon = psum_signals()
        combined_soon = signed(COMBINED_BITS)
        stage_combine = [
            combine_needed(clk, encode, needed, lanes, combined_soon, soon),
            delay(clk, 1, combined_soon, combined),
            [delay(clk, 1, *lane) for lane in zip(soon, kept)],
        ]
    else:
        stage_combine = combine_needed(clk, encode, needed, lanes, combined, kept)

    total = signed(COMBINED_BITS + SCALE_BITS + 2)
    same, limited = signed(CURRENT_BITS), signed(CURRENT_BITS)
    stage_same = saturate(total, limited)
    lane_bias = bias
    if reach:  # the total has a cycle for its limits, and the lanes wait for it
        later = psum_signals()
        lane_bias, score_soon = signed(BIAS_BITS), signed(SCORE_BITS)
        stages_later = [delay(clk, 1, *lane) for lane in zip(kept, later)]
        stages_later += [
            delay(clk, 1, bias, lane_bias),
            delay(clk, 1, limited, same),
            delay(clk, 1, score_soon, score),
        ]
        kept, stage_score = later, saturated_score(clk, total, score_soon)
    else:
        same, stage_score = limited, saturated_score(clk, total, score)
    scaled_total = scaled_apart if reach else scaled
    stage_total = scaled_total(clk, combined, scale, bias, total)
    wide = [signed(WIDE_BITS) for _ in range(LANES)]
    stage_lanes = [scaled(clk, kept[t], scale, lane_bias, wide[t]) for t in range(LANES)]
    chosen = [Signal(intbv(0)[CURRENT_BITS:]) for _ in range(LANES)]
    if pairs:
        other = wide[SECOND]
        stage_choose = [
            choose_of_pair(clk, encode, pairs.second(t), same, other, wide[t], chosen[t])
            for t in range(LANES)
        ]
    else:
        stage_choose = [choose_current(clk, encode, same, wide[t], chosen[t]) for t in range(LANES)]
    c0, c1, c2, c3, c4, c5, c6, c7 = chosen

    @always_comb
    def stack():
        stacked.next = concat(c7, c6, c5, c4, c3, c2, c1, c0)

    return instances()


assert PSUM_BITS + MEMBRANE_BITS < 64
