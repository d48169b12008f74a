"""What is beyond a current's bits or a score's is the largest or the smallest."""

from myhdl import always, always_comb, block, instances, intbv

from volley.firmware.isa import SCORE_BITS

CURRENT_BITS = 25
"""A current beyond 24 bits and sign saturates any membrane, so clamping to it changes nothing; 2^F * x - bias
of a spike layer is never beyond: |2^F x| < 2^23 with F <= 8 and |x| < 2^15, and the bias has 24 bits."""


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
