"""One neuron of the row beside the array, from complete psums to spikes, with what belongs to it."""

from myhdl import Signal, block, instances, intbv

from volley.firmware.isa import LANES, MEMBRANE_BITS
from volley.rtl.delay import delay, valid_line
from volley.rtl.neuron.leak import LeakPort
from volley.rtl.neuron.membrane import carry_membrane
from volley.rtl.neuron.neuron import Rules, neuron
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.scale import currents
from volley.rtl.neuron.signed import signed


@block
def neuron_unit(clk, membranes, needed, active, psums, params, spikes, score, design):
    """From the psums of a pixel to its spikes, a byte, or to a score.

    membranes: ``volley.rtl.neuron.membrane.MembranePort``. needed: ``volley.rtl.neuron.combine.Needed``, or None. active:
    ``volley.rtl.control.carry.ChannelActive``. psums: of ``volley.rtl.neuron.signed.psum_signals``. params: bias,
    threshold, v_init.
    """
    bias, threshold, v_init = params
    stacked = Signal(intbv(0)[LANES * CURRENT_BITS :])
    scale = active.scale
    if design.reach:  # a register beside the multipliers
        scale = Signal(scale.val)
        scale_inst = delay(clk, 1, active.scale, scale)
    current_inst = currents(
        clk, active.encode, scale, bias, psums, stacked, score, needed, design.reach,
        active if design.pair else None,
    )  # fmt: skip
    # they come with the bias
    thresholds = [signed(MEMBRANE_BITS) for _ in range(2 + design.reach)]
    v_inits = [signed(MEMBRANE_BITS) for _ in range(1 + design.reach)]
    later_insts = [valid_line(clk, threshold, thresholds), valid_line(clk, v_init, v_inits)]
    threshold_then, v_init_soon = thresholds[-1], v_inits[-1]
    v_start, v_end = (signed(MEMBRANE_BITS) for _ in range(2))
    membrane_inst = carry_membrane(
        clk, membranes, v_init_soon, v_end, v_start, design.row_max << design.share
    )
    rules = Rules(
        active.soft,
        active.restart if design.pack else None,
        LeakPort(active.leak, active.leak_first) if design.leak else None,
        design.short,
    )
    given = v_start, threshold_then, stacked
    neuron_inst = neuron(clk, rules, membranes.lanes, given, spikes, v_end)
    return instances()
