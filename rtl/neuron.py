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

NEURON_LATENCY = 2 * LANES - 1
"""Clock cycles: for each tick one to integrate and one to fire, one for the last."""


@block
def integrate(
    clk, enable, v_in, threshold_in, currents_in, spikes_in, v, threshold, currents, spikes
):  # fmt: skip
    """v = saturate(v_in + current); the current is the low CURRENT_BITS of ``currents_in``.

    The other currents, the threshold and the spikes so far go on. Latency 1.
    """
    width = len(currents_in)
    bits = CURRENT_BITS
    top = bits + 1
    magnitude = MEMBRANE_BITS - 1
    all_set = (1 << (top - 1 - magnitude)) - 1

    @always(clk.posedge)
    def add():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        total = intbv(0, min=-(1 << (top - 1)), max=1 << (top - 1))
        high = intbv(0)[top - 1 - magnitude :]
        if enable:
            current[:] = currents_in[bits:].signed()
            total[:] = v_in + current
            # bits above the membrane's that are not as the sign: no comparison is as small
            high[:] = total[top - 1 : magnitude]
            if total < 0:
                if high != all_set:
                    v.next = V_MIN
                else:
                    v.next = total
            else:
                if high != 0:
                    v.next = V_MAX
                else:
                    v.next = total
            threshold.next = threshold_in
            spikes.next = spikes_in
            currents.next = currents_in[width:bits]

    return instances()


@block
def fire(
    clk, enable, number, soft_reset, ticks, v_in, threshold_in, currents_in, spikes_in,
    v, threshold, currents, spikes,
):  # fmt: skip
    """Fires where v_in >= threshold_in, only if ``number < ticks``: sets bit ``number``, resets. Latency 1."""
    fired = 1 << number
    bits = MEMBRANE_BITS

    @always(clk.posedge)
    def compare():
        above = intbv(0, min=-(1 << bits), max=1 << bits)
        if enable:
            above[:] = v_in - threshold_in
            spikes.next = spikes_in
            if above < 0:
                v.next = v_in
            else:
                if ticks > number:
                    spikes.next = spikes_in | fired
                if soft_reset:
                    v.next = above
                else:
                    v.next = 0
            threshold.next = threshold_in
            currents.next = currents_in

    return instances()


@block
def last_tick(
    clk, enable, number, ticks, v_in, threshold_in, currents_in, spikes_in, spikes
):  # fmt: skip
    """A tick after which nothing is left of the membrane. Latency 1."""
    fired = 1 << number
    bits = CURRENT_BITS

    @always(clk.posedge)
    def integrate_and_fire():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        if enable:
            current[:] = currents_in[bits:].signed()
            # threshold <= V_MAX, so saturation cannot change the comparison
            if v_in + current >= threshold_in and ticks > number:
                spikes.next = spikes_in | fired
            else:
                spikes.next = spikes_in

    return instances()


class Membrane:
    """What goes from stage to stage: v, threshold, the currents to come, the spikes so far."""

    def __init__(self, currents):
        self.v, self.threshold = signed(MEMBRANE_BITS), signed(MEMBRANE_BITS)
        self.currents = Signal(intbv(0)[CURRENT_BITS * currents :])
        self.spikes = Signal(intbv(0)[LANES:])
        self.all = (self.v, self.threshold, self.currents, self.spikes)


@block
def neuron(clk, enables, soft_reset, ticks, v_init, threshold, currents, spikes):
    """Fires a neuron through eight ticks; spikes: bit t = spike of tick t. Latency NEURON_LATENCY.

    enables: one a stage. v_init, threshold: signed MEMBRANE_BITS. currents: eight
    currents of CURRENT_BITS, tick 0 lowest.
    """
    none = Signal(intbv(0)[LANES:])

    @always(clk.posedge)
    def start():
        none.next = 0

    stages = []
    before = (v_init, threshold, currents, none)
    last = LANES - 1
    for t in range(last):
        charged, fired = Membrane(last - t), Membrane(last - t)
        stages.append(integrate(clk, enables[2 * t], *before, *charged.all))
        stages.append(
            fire(clk, enables[2 * t + 1], t, soft_reset, ticks, *charged.all, *fired.all)
        )
        before = fired.all
    stages.append(last_tick(clk, enables[2 * last], last, ticks, *before, spikes))
    return stages, start
