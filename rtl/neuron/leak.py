"""The leak of a membrane, by a shift: after each tick it loses (v + 2^(k-1)) >> k, k = 0: nothing.

In the terms of firmware/modelfile.py the leak comes before the next tick's current. The order of
leak and soft reset is the layer's: ``leak_first`` takes the loss from the membrane as it was before the
threshold was subtracted.
"""

from myhdl import always, block, instances, intbv

from volley.firmware.isa import MEMBRANE_BITS


class LeakPort:
    """shift: k, leak_first: see above; both constant while a layer runs."""

    def __init__(self, shift, first):
        self.shift, self.first = shift, first


@block
def leaking(clk, soft_reset, leak, restart, v_in, threshold_in, base):
    """base = the membrane that the loss is of, halved for an even k, beside ``fire``; 0 where there is
    none. Latency 1. The shift by k - 1 is half here and half in ``lose``: on Xilinx's LUTs of six inputs
    neither takes one more than without it.

    restart: another neuron follows, or None.
    """
    bits = MEMBRANE_BITS
    shift, first = leak.shift, leak.first

    if restart is None:

        @always(clk.posedge)
        def choose():
            above = intbv(0, min=-(1 << bits), max=1 << bits)
            source = intbv(0, min=-(1 << bits), max=1 << bits)
            above[:] = v_in - threshold_in
            if above < 0 or first:
                source[:] = v_in
            else:
                source[:] = above
            if shift == 0 or (above >= 0 and not soft_reset):
                base.next = 0
            elif shift == 2 or shift == 4:
                base.next = source >> 1
            else:
                base.next = source

    else:

        @always(clk.posedge)
        def choose():
            above = intbv(0, min=-(1 << bits), max=1 << bits)
            source = intbv(0, min=-(1 << bits), max=1 << bits)
            above[:] = v_in - threshold_in
            if above < 0 or first:
                source[:] = v_in
            else:
                source[:] = above
            if shift == 0 or restart or (above >= 0 and not soft_reset):
                base.next = 0
            elif shift == 2 or shift == 4:
                base.next = source >> 1
            else:
                base.next = source

    return instances()


@block
def lose(clk, shift, v_in, base, v):
    """v = v_in - ((b + 2^(k-1)) >> k), k = shift, as (2 v_in - (b >> (k-1))) >> 1, of the b that
    ``leaking`` has halved where k is even. Latency 1."""
    bits = MEMBRANE_BITS

    @always(clk.posedge)
    def subtract():
        loss = intbv(0, min=-(1 << bits), max=1 << bits)
        twice = intbv(0, min=-(1 << (bits + 1)), max=1 << (bits + 1))
        if shift >= 3:
            loss[:] = base >> 2
        else:
            loss[:] = base
        twice[:] = 2 * v_in - loss
        v.next = twice >> 1

    return instances()
