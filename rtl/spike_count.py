"""How many spikes are under the kernel: counted once a column, for all output channels."""

from myhdl import Signal, always, block, instances, intbv

from rtl.delay import delay
from rtl.popcount import popcount, tree_latency


def spike_count_latency(ci, lut):
    """Clock cycles from the rows of the window to the count."""
    return tree_latency([[ci] * 3], lut) + 3


@block
def three_columns(clk, enable, shift, mask_left, mask_right, column, count):
    """count = the spikes of three columns, from those of one; as ``rtl.window.columns``. Latency 3."""
    waiting, left, middle, right = (Signal(intbv(0)[len(column) :]) for _ in range(4))

    @always(clk.posedge)
    def move():
        if shift:
            waiting.next = column
            middle.next = waiting
            if mask_right:
                right.next = 0
            else:
                right.next = column
            if mask_left:
                left.next = 0
            else:
                left.next = middle

    @always(clk.posedge)
    def add():
        if enable:
            count.next = left + middle + right

    return instances()


@block
def count_spikes(clk, valids, rows, shift, mask_left, mask_right, lut, counts):
    """counts[t] = spikes under the kernel in lane t.

    valids: from the cycle of ``rows`` on, one a cycle, at least ``spike_count_latency`` of them; the
    counts come a cycle after the last. rows: the three rows of the window, the CI bits of each lane
    together. shift, mask_left, mask_right: as the window's, a cycle after ``rows``.
    """
    ci = len(rows[0]) // len(counts)
    levels = tree_latency([[ci] * 3], lut)
    early = len(valids) - spike_count_latency(ci, lut)
    shift_then, left_then, right_then = (Signal(bool(0)) for _ in range(3))
    lines = [
        delay(clk, levels, shift, shift_then),
        delay(clk, levels, mask_left, left_then),
        delay(clk, levels, mask_right, right_then),
    ]
    lanes = []
    for lane, count in enumerate(counts):
        column = Signal(intbv(0)[(3 * ci).bit_length() :])
        sources = [[(row, ci * lane, ci) for row in rows]]
        lanes.append(popcount(clk, valids[:levels], sources, lut, column))
        soon = Signal(intbv(0)[len(count) :]) if early else count
        lanes.append(
            three_columns(clk, valids[levels + 2], shift_then, left_then, right_then, column, soon)
        )
        if early:
            lanes.append(delay(clk, early, soon, count))
    return lines, lanes
