"""How many spikes are under the kernel: counted once a column, for all output channels."""

from myhdl import ConcatSignal, Signal, always, block, instances, intbv

from volley.firmware.isa import LANES
from volley.rtl.array.popcount import popcount, tree_latency
from volley.rtl.array.window import columns, packed_columns
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
def three_columns(clk, shift, mask_left, mask_right, column, count):
    """count = the spikes of three columns, from those of one; as ``columns``. Latency 3."""
    left, middle, right = (Signal(intbv(0)[len(column) :]) for _ in range(3))
    moving = columns(clk, shift, column, mask_left, mask_right, left, middle, right)
    adding = add_columns(clk, left, middle, right, count)
    return moving, adding


@block
def packed_three_columns(clk, shift, packing, mask_left, mask_right, lanes, counts):
    """As ``three_columns`` for all lanes, whose words may be packed. packing: as the window's."""
    n = len(lanes[0])
    together = ConcatSignal(*reversed(lanes))
    left, middle, right = (Signal(intbv(0)[LANES * n :]) for _ in range(3))
    moving = packed_columns(
        clk, shift, *packing, together, mask_left, mask_right, left, middle, right, True
    )
    adding = [
        add_columns(clk, *(side(n * (lane + 1), n * lane) for side in (left, middle, right)), count)
        for lane, count in enumerate(counts)
    ]
    return moving, adding


@block
def count_spikes(clk, latency, rows, shift, mask_left, mask_right, lut, counts, packing):
    """counts[t] = spikes under the kernel in lane t.

    latency: clock cycles from ``rows`` to the counts, at least ``spike_count_latency``. rows: the three rows of the window, the CI bits of each lane
    together. shift, mask_left, mask_right, packing: as the window's, a cycle after ``rows``.
    """
    ci = len(rows[0]) // len(counts)
    levels = tree_latency([[ci] * 3], lut)
    early = latency - spike_count_latency(ci, lut)
    shift_then, left_then, right_then = (Signal(bool(0)) for _ in range(3))
    lines = [
        delay(clk, levels, shift, shift_then),
        delay(clk, levels, mask_left, left_then),
        delay(clk, levels, mask_right, right_then),
    ]
    blocks = []
    column_counts = [Signal(intbv(0)[(3 * ci).bit_length() :]) for _ in counts]
    soon = [Signal(intbv(0)[len(count) :]) if early else count for count in counts]
    for lane, count in enumerate(counts):
        sources = [[(row, ci * lane, ci) for row in rows]]
        blocks.append(popcount(clk, sources, lut, column_counts[lane]))
        if early:
            blocks.append(delay(clk, early, soon[lane], count))
    masks = left_then, right_then
    if packing:
        window_pack, select_pack, read_lane = packing
        lane_then = Signal(intbv(0)[len(read_lane) :])
        lines.append(delay(clk, levels, read_lane, lane_then))
        packing = window_pack, select_pack, lane_then
        blocks.append(packed_three_columns(clk, shift_then, packing, *masks, column_counts, soon))
    else:
        for column, count in zip(column_counts, soon):
            blocks.append(three_columns(clk, shift_then, *masks, column, count))
    return lines, blocks
