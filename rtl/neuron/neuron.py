"""The integrate-and-fire neuron: a pass of eight ticks in a pipeline.

    v       = v + current_t           (current_t = 2^F * x_t - bias)
    v       = saturate(v)             24 bits signed
    spike_t = v >= threshold
    v       = 0 or v - threshold      on a spike: hard or soft reset
    v       = v - leak                in a design with ``leak``, see volley.rtl.neuron.leak

The membrane after the last tick goes on to ``volley.rtl.neuron.membrane``, for the next pass.

After VSA (arXiv 2205.00780).
"""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import LANES, MEMBRANE_BITS, MEMBRANE_MAX, MEMBRANE_MIN
from volley.rtl.delay import delay
from volley.rtl.neuron.leak import leaking, lose
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.signed import signed
from volley.rtl.neuron.tick import tick

V_MAX, V_MIN = MEMBRANE_MAX, MEMBRANE_MIN


def neuron_latency(design):
    """Clock cycles: for each tick one to integrate, one to fire, one to leak; one for the last.

    In a design with ``short``, one for each tick.
    """
    return LANES if design.short else 2 * LANES - 1 + design.leak * (LANES - 1)


class Rules:
    """How the neurons of a layer fire.

    soft: of a reset. restart: lanes in which another neuron begins, with v_start too, or None. leak:
    ``volley.rtl.neuron.leak.LeakPort``, or None. short: a tick takes one cycle, see
    ``volley.rtl.neuron.tick``.
    """

    def __init__(self, soft, restart=None, leak=None, short=0):
        self.soft, self.restart, self.leak, self.short = soft, restart, leak, short


@block
def integrate(clk, v_in, currents_in, v):
    """v = saturate(v_in + current), the low CURRENT_BITS of ``currents_in``. Latency 1."""
    bits = CURRENT_BITS
    top = bits + 1
    magnitude = MEMBRANE_BITS - 1
    all_set = (1 << (top - 1 - magnitude)) - 1

    @always(clk.posedge)
    def add():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        total = intbv(0, min=-(1 << (top - 1)), max=1 << (top - 1))
        high = intbv(0)[top - 1 - magnitude :]
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

    return instances()


@block
def go_on(clk, before, after):
    """What goes on beside ``integrate``: all but the lowest current. Latency 1.

    before, after: as ``Membrane.all``.
    """
    _, threshold_in, currents_in, spikes_in = before
    _, threshold, currents, spikes = after
    width = len(currents_in)

    @always(clk.posedge)
    def pass_on():
        threshold.next = threshold_in
        spikes.next = spikes_in
        currents.next = currents_in[width:CURRENT_BITS]

    return instances()


@block
def fire(clk, number, soft_reset, before, after):
    """Fires where v >= threshold: sets bit ``number`` of the spikes, resets. Latency 1.

    before, after: as ``Membrane.all``.
    """
    v_in, threshold_in, currents_in, spikes_in = before
    v, threshold, currents, spikes = after
    fired = 1 << number
    bits = MEMBRANE_BITS

    @always(clk.posedge)
    def compare():
        above = intbv(0, min=-(1 << bits), max=1 << bits)
        above[:] = v_in - threshold_in
        spikes.next = spikes_in
        if above < 0:
            v.next = v_in
        else:
            spikes.next = spikes_in | fired
            if soft_reset:
                v.next = above
            else:
                v.next = 0
        threshold.next = threshold_in
        currents.next = currents_in

    return instances()


@block
def fire_or_restart(clk, number, soft_reset, restart, v_init, before, after):
    """As ``fire``, but where ``restart`` is set another neuron follows, with v_init. Latency 1."""
    v_in, threshold_in, currents_in, spikes_in = before
    v, threshold, currents, spikes = after
    fired = 1 << number
    bits = MEMBRANE_BITS

    @always(clk.posedge)
    def compare():
        above = intbv(0, min=-(1 << bits), max=1 << bits)
        above[:] = v_in - threshold_in
        spikes.next = spikes_in
        if above >= 0:
            spikes.next = spikes_in | fired
        if restart:
            v.next = v_init
        elif above < 0:
            v.next = v_in
        elif soft_reset:
            v.next = above
        else:
            v.next = 0
        threshold.next = threshold_in
        currents.next = currents_in

    return instances()


@block
def last_tick(clk, number, lanes, before, spikes):
    """The spikes of all ticks, of those in the mask ``lanes``. Latency 1."""
    v_in, threshold_in, currents_in, spikes_in = before
    fired = 1 << number
    bits = CURRENT_BITS

    @always(clk.posedge)
    def integrate_and_fire():
        current = intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1))
        total = intbv(0, min=-(1 << bits), max=1 << bits)
        current[:] = currents_in[bits:].signed()
        # a variable of its own: in Verilog the sum alone would have the bits of the wider operand
        total[:] = v_in + current
        # threshold <= V_MAX, so saturation cannot change the comparison
        if total >= threshold_in:
            spikes.next = lanes & (spikes_in | fired)
        else:
            spikes.next = lanes & spikes_in

    return instances()


@block
def last_membrane(clk, soft_reset, leak, v_in, threshold_in, currents_in, v_end):
    """The membrane after the last tick. Latency 2, with a leak 3."""
    charged, threshold = signed(MEMBRANE_BITS), signed(MEMBRANE_BITS)
    bits = MEMBRANE_BITS
    charge = integrate(clk, v_in, currents_in, charged)
    keep = delay(clk, 1, threshold_in, threshold)
    v = v_end
    if leak is not None:
        v, base = signed(MEMBRANE_BITS), signed(MEMBRANE_BITS)
        base_inst = leaking(clk, soft_reset, leak, None, charged, threshold, base)
        lose_inst = lose(clk, leak.shift, v, base, v_end)

    @always(clk.posedge)
    def reset():
        above = intbv(0, min=-(1 << bits), max=1 << bits)
        above[:] = charged - threshold
        if above < 0:
            v.next = charged
        elif soft_reset:
            v.next = above
        else:
            v.next = 0

    return instances()


class Membrane:
    """What goes from stage to stage: v, threshold, the currents to come, the spikes so far."""

    def __init__(self, currents):
        self.v, self.threshold = signed(MEMBRANE_BITS), signed(MEMBRANE_BITS)
        self.currents = Signal(intbv(0)[CURRENT_BITS * currents :])
        self.spikes = Signal(intbv(0)[LANES:])
        self.all = (self.v, self.threshold, self.currents, self.spikes)


@block
def neuron(clk, rules, lanes, given, spikes, v_end):
    """Fires a neuron through eight ticks; spikes: bit t = spike of tick t. Latency ``neuron_latency``.

    rules: Rules. lanes: mask of the ticks that exist, a cycle before the spikes. given: (v_start, threshold,
    currents): signed MEMBRANE_BITS, and eight currents of CURRENT_BITS, tick 0 lowest. v_end: the
    membrane, a cycle after the spikes, with a leak two.
    """
    none = Signal(intbv(0)[LANES:])

    @always(clk.posedge)
    def start():
        none.next = 0

    stages = []
    before, seed = (*given, none), given[0]
    last = LANES - 1
    for t in range(last):
        fired = Membrane(last - t)
        if rules.short:
            stages.append(tick(clk, t, rules.soft, before, fired.all))
        else:
            charged = Membrane(last - t)
            stages.append(integrate(clk, before[0], before[2], charged.v))
            stages.append(go_on(clk, before, charged.all))
            if rules.restart is None:
                stages.append(fire(clk, t, rules.soft, charged.all, fired.all))
            else:
                more = (2 if rules.leak is None else 3) if t else 1
                seeds = [seed, *(signed(MEMBRANE_BITS) for _ in range(more))]
                stages.append([delay(clk, 1, *pair) for pair in zip(seeds, seeds[1:])])
                seed = seeds[-1]
                begins = rules.restart(t + 1)
                stages.append(
                    fire_or_restart(clk, t, rules.soft, begins, seed, charged.all, fired.all)
                )
        before = fired.all
        if rules.leak is not None:
            before = Membrane(last - t).all
            stages.append(leak_away(clk, rules, t, charged, fired.all, before))
    stages.append(last_tick(clk, last, lanes, before, spikes))
    stages.append(last_membrane(clk, rules.soft, rules.leak, *before[:3], v_end))
    return stages, start


@block
def leak_away(clk, rules, number, charged, before, after):
    """The leak after tick ``number``. charged: Membrane before it fired; before, after: as ``Membrane.all``.
    Latency 1."""
    base = signed(MEMBRANE_BITS)
    begins = None if rules.restart is None else rules.restart(number + 1)
    base_inst = leaking(clk, rules.soft, rules.leak, begins, charged.v, charged.threshold, base)
    lose_inst = lose(clk, rules.leak.shift, before[0], base, after[0])
    pass_insts = [delay(clk, 1, *pair) for pair in zip(before[1:], after[1:])]
    return base_inst, lose_inst, pass_insts
