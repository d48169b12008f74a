"""How many spikes are under the kernel: counted once a column, for all output channels."""

from myhdl import ConcatSignal, Signal, always, block, instances, intbv

from volley.firmware.isa import LANES
from volley.rtl.array.popcount import popcount, tree_latency
from volley.rtl.array.window import WindowEdges, columns, packed_columns
from volley.rtl.delay import delay


def spike_count_latency(ci, lut):
    """Clock cycles from the rows of the window to the count."""
    return tree_latency([[ci] * 3], lut) + 3


@block
def add_columns(clk, left, middle, right, count):
    """count = left + middle + right. Latency 1."""

    @always(clk.posedge)
    def add():
        count.next = left + middle + right

    return instances()


@block
def three_columns(clk, edges, column, count):
    """count = the spikes of three columns, from those of one; as ``columns``. Latency 3."""
    left, middle, right = (Signal(intbv(0)[len(column) :]) for _ in range(3))
    moving = columns(clk, edges, column, left, middle, right)
    adding = add_columns(clk, left, middle, right, count)
    return moving, adding


@block
def packed_three_columns(clk, edges, active, lanes, counts):
    """As ``three_columns`` for all lanes, whose words may be packed. active: as the window's."""
    n = len(lanes[0])
    together = ConcatSignal(*reversed(lanes))
    left, middle, right = (Signal(intbv(0)[LANES * n :]) for _ in range(3))
    moving = packed_columns(clk, edges, active, together, left, middle, right, True)
    adding = [
        add_columns(clk, *(side(n * (lane + 1), n * lane) for side in (left, middle, right)), count)
        for lane, count in enumerate(counts)
    ]
    return moving, adding


@block
def count_spikes(clk, latency, rows, edges, lut, counts, active):
    """counts[t] = spikes under the kernel in lane t.

    latency: clock cycles from ``rows`` to the counts, at least ``spike_count_latency``. rows: the three
    rows of the window, the CI bits of each lane together. edges, active: as the window's, a cycle after
    ``rows``.
    """
    ci = len(rows[0]) // len(counts)
    levels = tree_latency([[ci] * 3], lut)
    early = latency - spike_count_latency(ci, lut)
    later = WindowEdges(active is not None)
    blocks = [delay(clk, levels, *pair) for pair in zip(edges.all(), later.all())]
    column_counts = [Signal(intbv(0)[(3 * ci).bit_length() :]) for _ in counts]
    soon = [Signal(intbv(0)[len(count) :]) if early else count for count in counts]
    for lane, count in enumerate(counts):
        sources = [[(row, ci * lane, ci) for row in rows]]
        blocks.append(popcount(clk, sources, lut, column_counts[lane]))
        if early:
            blocks.append(delay(clk, early, soon[lane], count))
    if active:
        blocks.append(packed_three_columns(clk, later, active, column_counts, soon))
    else:
        for column, count in zip(column_counts, soon):
            blocks.append(three_columns(clk, later, column, count))
    return blocks
