"""A tick of a neuron in one clock cycle: integrate, saturate, fire and reset."""

from myhdl import always, block, instances, intbv

from volley.firmware.isa import MEMBRANE_BITS, MEMBRANE_MAX, MEMBRANE_MIN
from volley.rtl.neuron.saturate import CURRENT_BITS

V_MAX, V_MIN = MEMBRANE_MAX, MEMBRANE_MIN


@block
def tick(clk, number, soft_reset, before, after):
    """What ``integrate`` and ``fire`` of volley.rtl.neuron.neuron do in two cycles. Latency 1.

    before, after: (v, threshold, currents, spikes); the lowest current is that of tick ``number``, and is
    not passed on.
    """
    v_in, threshold_in, currents_in, spikes_in = before
    v, threshold, currents, spikes = after
    bits, width, fired = CURRENT_BITS, len(currents_in), 1 << number
    top = bits + 1
    magnitude = MEMBRANE_BITS - 1
    all_set = (1 << (top - 1 - magnitude)) - 1

    @always(clk.posedge)
    def charge_and_fire():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        total = intbv(0, min=-(1 << (top - 1)), max=1 << (top - 1))
        high = intbv(0)[top - 1 - magnitude :]
        charged = intbv(0, min=V_MIN, max=V_MAX + 1)
        current[:] = currents_in[bits:].signed()
        total[:] = v_in + current
        # bits above the membrane's that are not as the sign: no comparison is as small
        high[:] = total[top - 1 : magnitude]
        if total < 0:
            if high != all_set:
                charged[:] = V_MIN
            else:
                charged[:] = total
        else:
            if high != 0:
                charged[:] = V_MAX
            else:
                charged[:] = total
        spikes.next = spikes_in
        # 0 < threshold <= V_MAX, so saturation cannot change the comparison
        if total - threshold_in < 0:
            v.next = charged
        else:
            spikes.next = spikes_in | fired
            if soft_reset:
                v.next = charged - threshold_in
            else:
                v.next = 0
        threshold.next = threshold_in
        currents.next = currents_in[width:bits]

    return instances()
