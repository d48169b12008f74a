"""One output channel's row of the array: its popcount trees and the psums of a row of pixels."""

from myhdl import Signal, block, instances, intbv

from volley.firmware.isa import LANES
from volley.rtl.array.column_products import column_latency, column_products
from volley.rtl.array.popcount import count_products, products_latency
from volley.rtl.array.psum import accumulate, difference_signal, weigh
from volley.rtl.delay import delay


class Shared:
    """What all channels share; driven by the pipeline.

    psum: ``volley.rtl.array.psum.PsumPort``. taps: per lane nine Signals of CI bits. spike_counts: per lane
    popcount(s), ``counting`` cycles after the taps. edges: ``volley.rtl.array.column_products.ColumnEdges`` where taps
    are those of a column, else None.
    """

    def __init__(self, psum, taps, spike_counts, counting, edges=None):
        self.psum, self.taps, self.spike_counts, self.counting = psum, taps, spike_counts, counting
        self.edges = edges


def hits_latency(design):
    """Clock cycles from the taps to the hits of a pixel, by its nine taps or by its columns."""
    if design.transposed:
        return column_latency(design.ci, design.lut)
    return products_latency(design.ci, design.lut, design.pair)


@block
def channel(clk, shared, active, weights, psums, design, kept=None):
    """From taps and weights to the psums of a pixel.

    shared: Shared. active: ``volley.rtl.control.carry.ChannelActive``. weights: nine Signals of CI bits, with the
    taps. psums: of ``volley.rtl.neuron.signed.psum_signals``; kept: as many, of the pixel as the row buffer has them, or None.
    """
    psum, taps, spike_counts = shared.psum, shared.taps, shared.spike_counts
    hits = [Signal(intbv(0)[len(spike_counts[0]) :]) for _ in range(LANES)]
    early = shared.counting - hits_latency(design)
    pair = active.pair if design.pair else None
    tree_insts = []
    for t in range(LANES):
        soon = Signal(intbv(0)[len(hits[t]) :]) if early else hits[t]
        if design.transposed:
            tree_insts.append(
                column_products(clk, shared.edges, taps[t], weights, design.lut, soon)
            )
        else:
            tree_insts.append(count_products(clk, taps[t], weights, design.lut, soon, pair))
        if early:
            tree_insts.append(delay(clk, early, soon, hits[t]))
    differences = [difference_signal(spike_counts[t]) for t in range(LANES)]
    weigh_insts = [weigh(clk, hits[t], spike_counts[t], differences[t]) for t in range(LANES)]
    keeping = kept or [None] * LANES
    psum_insts = [
        accumulate(clk, psum, differences[t], psums[t], design.row_max, keeping[t])
        for t in range(LANES)
    ]
    return instances()
