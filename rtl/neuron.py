"""The integrate-and-fire neuron: eight ticks in a pipeline, no membrane memory.

    v       = v + current_t           (current_t = 2^F * x_t - bias)
    v       = saturate(v)             24 bits signed
    spike_t = v >= threshold
    v       = 0 or v - threshold      on a spike: hard or soft reset

Source: design.md section 3, after VSA (arXiv 2205.00780).
"""

from myhdl import Signal, always, block, instances, intbv

from firmware.isa import LANES, MEMBRANE_BITS
from rtl.scale import CURRENT_BITS, signed

V_MAX = (1 << (MEMBRANE_BITS - 1)) - 1
V_MIN = -V_MAX - 1


@block
def tick(
    clk, enable, number, soft_reset, ticks, v_in, threshold_in, currents_in, spikes_in,
    v_out, threshold_out, currents_out, spikes_out,
):  # fmt: skip
    """Tick ``number`` of a neuron; fires only if ``number < ticks``. Latency 1.

    The current is the low CURRENT_BITS of ``currents_in``; the others go on in ``currents_out``.
    Bit ``number`` of the spikes is set where the neuron fires.
    """
    bit = 1 << number
    width = len(currents_in)
    bits = CURRENT_BITS

    @always(clk.posedge)
    def integrate_and_fire():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        v = intbv(0, min=-(1 << (bits + 1)), max=1 << (bits + 1))
        if enable:
            current[:] = currents_in[bits:].signed()
            v[:] = v_in + current
            if v > V_MAX:
                v[:] = V_MAX
            elif v < V_MIN:
                v[:] = V_MIN
            spikes_out.next = spikes_in
            if v >= threshold_in:
                if ticks > number:
                    spikes_out.next = spikes_in | bit
                if soft_reset:
                    v_out.next = v - threshold_in
                else:
                    v_out.next = 0
            else:
                v_out.next = v
            threshold_out.next = threshold_in
            currents_out.next = currents_in[width:bits]

    return instances()


@block
def last_tick(
    clk, enable, number, ticks, v_in, threshold_in, currents_in, spikes_in, spikes_out
):
    """``tick`` for the last one, after which nothing is left of the membrane. Latency 1."""
    bit = 1 << number
    bits = CURRENT_BITS

    @always(clk.posedge)
    def integrate_and_fire():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        if enable:
            current[:] = currents_in[bits:].signed()
            # threshold <= V_MAX, so saturation cannot change the comparison
            if v_in + current >= threshold_in and ticks > number:
                spikes_out.next = spikes_in | bit
            else:
                spikes_out.next = spikes_in

    return instances()


@block
def neuron(clk, enables, soft_reset, ticks, v_init, threshold, currents, spikes):
    """Fires a neuron through eight ticks; spikes: bit t = spike of tick t. Latency 8.

    enables: one a tick. v_init, threshold: signed MEMBRANE_BITS. currents: eight currents of
    CURRENT_BITS, tick 0 lowest.
    """
    v = [v_init, *(signed(MEMBRANE_BITS) for _ in range(LANES - 1))]
    thresholds = [threshold, *(signed(MEMBRANE_BITS) for _ in range(LANES - 1))]
    rests = [
        currents, *(Signal(intbv(0)[CURRENT_BITS * (LANES - t) :]) for t in range(1, LANES))
    ]  # fmt: skip
    fired = [Signal(intbv(0)[LANES:]) for _ in range(LANES)]
    last = LANES - 1

    none = fired[0]

    @always(clk.posedge)
    def start():
        none.next = 0

    stages = [
        tick(
            clk, enables[t], t, soft_reset, ticks, v[t], thresholds[t], rests[t], fired[t],
            v[t + 1], thresholds[t + 1], rests[t + 1], fired[t + 1],
        )
        for t in range(last)
    ]  # fmt: skip
    end = last_tick(
        clk, enables[last], last, ticks, v[last], thresholds[last], rests[last], fired[last],
        spikes,
    )
    return instances()
