"""Currents of a design that reads the pixels of a picture in pairs: two of an encoding layer at once.

The lanes 0 to 3 of a pair are the bit planes of its first pixel, 4 to 7 those of the second; the trees have
added the upper half of a byte to the lower, sixteenfold.
"""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv

from volley.firmware.isa import LANES, PSUM_BITS, SCALE_BITS, SCORE_BITS
from volley.rtl.neuron.scale import (
    COMBINED_BITS,
    CURRENT_BITS,
    WIDE_BITS,
    combine,
    scaled,
    scaled_apart,
    signed,
)

SECOND = LANES - 1
"""The lane whose multiplier takes the second pixel of a pair."""


@block
def saturate(total, current):
    """current = total, within CURRENT_BITS."""
    bits, top = CURRENT_BITS, (1 << (CURRENT_BITS - 1)) - 1
    total_bits = len(total)
    above_bits = total_bits - bits
    all_above = (1 << above_bits) - 1

    @always_comb
    def limit():
        above = intbv(0)[above_bits:]
        # bits above a current's that are not as the sign: no comparison is as small
        above[:] = total[total_bits - 1 : bits - 1]
        current.next = total[bits:].signed()
        if total < 0 and above != all_above:
            current.next = -top - 1
        elif total >= 0 and above != 0:
            current.next = top

    return instances()


@block
def saturated_score(clk, total, score):
    """score = total, within SCORE_BITS. Latency 1."""
    shift = SCORE_BITS - 1
    top = (1 << shift) - 1
    beyond_bits = len(total) - SCORE_BITS

    @always(clk.posedge)
    def limit():
        beyond = intbv(0, min=-(1 << beyond_bits), max=1 << beyond_bits)
        # no constant of 32 bits or more: converted, it would make the comparison unsigned
        beyond[:] = total >> shift
        if beyond > 0:
            score.next = top
        elif beyond < -1:
            score.next = -top - 1
        else:
            score.next = total

    return instances()


@block
def choose_current(clk, encode, second, same, other, own, current):
    """current of a lane: its own, or in an encoding layer the pixel's, ``same``, of a pair's second
    pixel ``other``. Latency 1."""
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


@block
def pair_currents(clk, active, bias, lanes, stacked, score, reach):
    """As ``volley.rtl.neuron.scale.currents``; active: ``volley.rtl.control.carry.ChannelActive``. Latency 5."""
    kept = [signed(PSUM_BITS) for _ in range(LANES)]
    combined = signed(COMBINED_BITS)
    stage_combine = combine(clk, active.encode, lanes, combined, kept, active.pair)
    total = signed(COMBINED_BITS + SCALE_BITS + 2)
    scaled_total = scaled_apart if reach else scaled
    stage_total = scaled_total(clk, combined, active.scale, bias, total)
    wide = [signed(WIDE_BITS) for _ in range(LANES)]
    stage_lanes = [scaled(clk, kept[t], active.scale, bias, wide[t]) for t in range(LANES)]
    same = signed(CURRENT_BITS)
    stage_same = saturate(total, same)
    stage_score = saturated_score(clk, total, score)
    currents = [Signal(intbv(0)[CURRENT_BITS:]) for _ in range(LANES)]
    stage_choose = [
        choose_current(
            clk, active.encode, active.second(t), same, wide[SECOND], wide[t], currents[t]
        )
        for t in range(LANES)
    ]
    c0, c1, c2, c3, c4, c5, c6, c7 = currents

    @always_comb
    def stack():
        stacked.next = concat(c7, c6, c5, c4, c3, c2, c1, c0)

    return instances()
