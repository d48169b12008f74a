"""How many spikes are under the kernel: counted once a column, for all output channels."""

from myhdl import ConcatSignal, Signal, always, block, concat, instances, intbv

from volley.rtl.array.popcount import EVEN, ODD, WHOLE, popcount, tree_latency
from volley.rtl.array.window import WindowEdges, columns, packed_columns
from volley.rtl.delay import delay


def spike_count_latency(ci, lut, pair=0):
    """Clock cycles from the rows of the window to the count; pair: of the design."""
    return tree_latency([[ci] * 3], lut, EVEN if pair else WHOLE) + 3


@block
def add_columns(clk, left, middle, right, count):
    """count = left + middle + right. Latency 1."""

    @always(clk.posedge)
    def add():
        count.next = left + middle + right

    return instances()


@block
def add_column_pairs(clk, pair, even, odd, count):
    """count = the sum of three columns' counts of even and of odd channels; where ``pair`` is set, odd
    channels count sixteenfold. Latency 1."""
    left, middle, right = even
    left_odd, middle_odd, right_odd = odd
    bits = len(left) + 2

    @always(clk.posedge)
    def add():
        even_sum = intbv(0)[bits:]
        odd_sum = intbv(0)[bits:]
        even_sum[:] = left + middle + right
        odd_sum[:] = left_odd + middle_odd + right_odd
        if pair:
            count.next = even_sum + concat(odd_sum, "0000")
        else:
            count.next = even_sum + odd_sum

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
    """As ``three_columns`` for all lanes, whose words may be packed. active: as the window's.

    lanes: a count for each, or two, of even and of odd channels.
    """
    n = len(lanes[0])
    together = ConcatSignal(*reversed(lanes))
    left, middle, right = (Signal(intbv(0)[len(lanes) * n :]) for _ in range(3))
    moving = packed_columns(clk, edges, active, together, left, middle, right, True)
    sides = [
        [side(n * (lane + 1), n * lane) for side in (left, middle, right)]
        for lane in range(len(lanes))
    ]
    if len(lanes) == len(counts):
        adding = [add_columns(clk, *side, count) for side, count in zip(sides, counts)]
    else:
        adding = [
            add_column_pairs(clk, active.pair, *side, count)
            for *side, count in zip(sides[EVEN], sides[ODD], counts)
        ]
    return moving, adding


@block
def count_spikes(clk, latency, rows, edges, lut, counts, active, pair=0):
    """counts[t] = spikes under the kernel in lane t; those of odd channels sixteenfold where ``active.pair`` is set.

    latency: clock cycles from ``rows`` to the counts, at least ``spike_count_latency``. rows: the three
    rows of the window, the CI bits of each lane together. edges, active: as the window's, a cycle after
    ``rows``. pair: of the design.
    """
    ci = len(rows[0]) // len(counts)
    parts = (EVEN, ODD) if pair else (WHOLE,)
    levels = tree_latency([[ci] * 3], lut, parts[0])
    early = latency - spike_count_latency(ci, lut, pair)
    later = WindowEdges(active is not None)
    blocks = [delay(clk, levels, *pair) for pair in zip(edges.all(), later.all())]
    column_counts = [
        Signal(intbv(0)[(3 * ci // len(parts)).bit_length() :]) for _ in counts for _ in parts
    ]
    soon = [Signal(intbv(0)[len(count) :]) if early else count for count in counts]
    for lane, count in enumerate(counts):
        sources = [[(row, ci * lane, ci) for row in rows]]
        for number, part in enumerate(parts, lane * len(parts)):
            blocks.append(popcount(clk, sources, lut, column_counts[number], part=part))
        if early:
            blocks.append(delay(clk, early, soon[lane], count))
    if active:
        blocks.append(packed_three_columns(clk, later, active, column_counts, soon))
    else:
        for column, count in zip(column_counts, soon):
            blocks.append(three_columns(clk, later, column, count))
    return blocks
