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
    """base = the membrane that the loss is of, beside ``fire``; 0 where there is none. Latency 1.

    restart: another neuron follows, or None.
    """
    bits = MEMBRANE_BITS
    shift, first = leak.shift, leak.first

    if restart is None:

        @always(clk.posedge)
        def choose():
            above = intbv(0, min=-(1 << bits), max=1 << bits)
            above[:] = v_in - threshold_in
            if shift == 0:
                base.next = 0
            elif above < 0 or (soft_reset and first):
                base.next = v_in
            elif soft_reset:
                base.next = above
            else:
                base.next = 0

    else:

        @always(clk.posedge)
        def choose():
            above = intbv(0, min=-(1 << bits), max=1 << bits)
            above[:] = v_in - threshold_in
            if shift == 0 or restart:
                base.next = 0
            elif above < 0 or (soft_reset and first):
                base.next = v_in
            elif soft_reset:
                base.next = above
            else:
                base.next = 0

    return instances()


@block
def lose(clk, shift, v_in, base, v):
    """v = v_in - ((base + 2^(k-1)) >> k), k = shift, as (2 v_in - (base >> (k-1))) >> 1. Latency 1."""
    bits = MEMBRANE_BITS

    @always(clk.posedge)
    def subtract():
        loss = intbv(0, min=-(1 << bits), max=1 << bits)
        twice = intbv(0, min=-(1 << (bits + 1)), max=1 << (bits + 1))
        if shift == 2:
            loss[:] = base >> 1
        elif shift == 3:
            loss[:] = base >> 2
        elif shift == 4:
            loss[:] = base >> 3
        else:
            loss[:] = base
        twice[:] = 2 * v_in - loss
        v.next = twice >> 1

    return instances()
