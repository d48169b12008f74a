"""One output channel: its row of the array, the psums of a row of pixels, its neuron."""

from myhdl import Signal, block, instances, intbv

from volley.firmware.isa import LANES, MEMBRANE_BITS, PSUM_BITS
from volley.rtl.array.popcount import count_products, products_latency
from volley.rtl.array.psum import accumulate, difference_signal, weigh
from volley.rtl.delay import delay, valid_line
from volley.rtl.neuron.leak import LeakPort
from volley.rtl.neuron.membrane import carry_membrane
from volley.rtl.neuron.neuron import Rules, neuron
from volley.rtl.neuron.saturate import CURRENT_BITS
from volley.rtl.neuron.scale import currents
from volley.rtl.neuron.signed import signed


class Shared:
    """What all channels share; driven by the pipeline.

    psum: ``volley.rtl.array.psum.PsumPort``; membranes: ``volley.rtl.neuron.membrane.MembranePort``. taps: per
    lane nine Signals of CI bits. spike_counts: per lane popcount(s), ``counting`` cycles after the taps. needed:
    ``volley.rtl.neuron.combine.Needed``, or None.
    """

    def __init__(self, psum, membranes, taps, spike_counts, counting, needed=None):
        self.psum, self.membranes = psum, membranes
        self.taps, self.spike_counts, self.counting = taps, spike_counts, counting
        self.needed = needed


@block
def channel(clk, shared, active, weights, params, spikes, score, design):
    """From taps and weights to the spikes of a pixel, a byte, or to a score.

    shared: Shared. active: ``volley.rtl.control.carry.ChannelActive``. weights: nine Signals of CI bits, with the taps. params: bias, threshold, v_init.
    """
    psum, membranes = shared.psum, shared.membranes
    taps, spike_counts = shared.taps, shared.spike_counts
    bias, threshold, v_init = params
    hits = [Signal(intbv(0)[len(spike_counts[0]) :]) for _ in range(LANES)]
    psums = [signed(PSUM_BITS) for _ in range(LANES)]
    early = shared.counting - products_latency(design.ci, design.lut, design.pair)
    pair = active.pair if design.pair else None
    tree_insts = []
    for t in range(LANES):
        soon = Signal(intbv(0)[len(hits[t]) :]) if early else hits[t]
        tree_insts.append(count_products(clk, taps[t], weights, design.lut, soon, pair))
        if early:
            tree_insts.append(delay(clk, early, soon, hits[t]))
    differences = [difference_signal(spike_counts[t]) for t in range(LANES)]
    weigh_insts = [weigh(clk, hits[t], spike_counts[t], differences[t]) for t in range(LANES)]
    psum_insts = [
        accumulate(clk, psum, differences[t], psums[t], design.row_max) for t in range(LANES)
    ]
    stacked = Signal(intbv(0)[LANES * CURRENT_BITS :])
    current_inst = currents(
        clk, active.encode, active.scale, bias, psums, stacked, score, shared.needed,
        design.reach, active if design.pair else None,
    )  # fmt: skip
    # they come with the bias
    thresholds = [signed(MEMBRANE_BITS) for _ in range(2 + design.reach)]
    v_inits = [signed(MEMBRANE_BITS) for _ in range(1 + design.reach)]
    later_insts = [valid_line(clk, threshold, thresholds), valid_line(clk, v_init, v_inits)]
    threshold_then, v_init_soon = thresholds[-1], v_inits[-1]
    v_start, v_end = (signed(MEMBRANE_BITS) for _ in range(2))
    membrane_inst = carry_membrane(clk, membranes, v_init_soon, v_end, v_start, design.row_max)
    rules = Rules(
        active.soft,
        active.restart if design.pack else None,
        LeakPort(active.leak, active.leak_first) if design.leak else None,
        design.short,
    )
    given = v_start, threshold_then, stacked
    neuron_inst = neuron(clk, rules, membranes.lanes, given, spikes, v_end)
    return instances()
