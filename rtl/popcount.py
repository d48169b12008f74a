"""Popcount trees: how many of many bits are set, by 6:3 compressors with a register per level."""

from myhdl import ConcatSignal, Signal, always, block, concat, instances, intbv


def plan(bits):
    """Plans a tree over ``bits``, a list of how many bits there are of weight 1, 2, 4 ...

    Returns a list of levels; a level is a list of (slots, rest) for each weight: ``slots`` groups of
    up to six bits become three bits each (two for a lone group of three), ``rest`` bits pass. The
    last level leaves at most three bits of each weight.
    """
    levels = []
    while max(bits) > 3:
        level, after = [], [0] * (len(bits) + 2)
        for weight, count in enumerate(bits):
            slots, rest = divmod(count, 6)
            if rest >= 3:
                slots, rest = slots + 1, 0
            level.append((slots, rest))
            after[weight] += slots + rest
            after[weight + 1] += slots
            after[weight + 2] += slots if count > 3 else 0
        while after[-1] == 0:
            after.pop()
        levels.append(level)
        bits = after
    return levels, bits


@block
def compress(clk, enable, sources, slots, ones, twos, fours):
    """Counts ``slots`` groups of up to six bits: ones + 2 * twos + 4 * fours, a bit a group each.

    sources: up to four Signals whose concatenation, the first in the low bits, holds the bits;
    fours may be None when there is one group of three. Latency 1, while ``enable``.
    """
    total = sum(len(source) for source in sources)
    first = sources[0]
    second, third, fourth = [*sources[1:], first, first, first][:3]
    width = total + (4 - len(sources)) * len(first)
    used = min(total, 6 * slots)
    wide = 6 * slots
    i1, i2, i3, i4, i5, i6 = (slots * k for k in range(1, 7))

    if fours is None:

        @always(clk.posedge)
        def count_three():
            joined = intbv(0)[width:]
            gathered = intbv(0)[wide:]
            if enable:
                joined[:] = concat(fourth, third, second, first)
                gathered[used:] = joined[used:]
                ones.next = gathered[i1:] ^ gathered[i2:i1] ^ gathered[i3:i2]
                twos.next = (gathered[i1:] & gathered[i2:i1]) | (
                    (gathered[i1:] | gathered[i2:i1]) & gathered[i3:i2]
                )

    else:

        @always(clk.posedge)
        def count_six():
            joined = intbv(0)[width:]
            gathered = intbv(0)[wide:]
            sum_low = intbv(0)[slots:]
            sum_high = intbv(0)[slots:]
            carry_low = intbv(0)[slots:]
            carry_high = intbv(0)[slots:]
            carry_both = intbv(0)[slots:]
            if enable:
                joined[:] = concat(fourth, third, second, first)
                gathered[used:] = joined[used:]
                sum_low[:] = gathered[i1:] ^ gathered[i2:i1] ^ gathered[i3:i2]
                carry_low[:] = (gathered[i1:] & gathered[i2:i1]) | (
                    (gathered[i1:] | gathered[i2:i1]) & gathered[i3:i2]
                )
                sum_high[:] = gathered[i4:i3] ^ gathered[i5:i4] ^ gathered[i6:i5]
                carry_high[:] = (gathered[i4:i3] & gathered[i5:i4]) | (
                    (gathered[i4:i3] | gathered[i5:i4]) & gathered[i6:i5]
                )
                carry_both[:] = sum_low & sum_high
                ones.next = sum_low ^ sum_high
                twos.next = carry_low ^ carry_high ^ carry_both
                fours.next = (carry_low & carry_high) | ((carry_low | carry_high) & carry_both)

    return instances()


@block
def hold(clk, enable, sources, low, rest):
    """Registers the bits from ``low`` on of the concatenation of up to four ``sources``. Latency 1."""
    first = sources[0]
    second, third, fourth = [*sources[1:], first, first, first][:3]
    width = sum(len(source) for source in (first, second, third, fourth))
    high = low + len(rest)

    @always(clk.posedge)
    def hold_rest():
        gathered = intbv(0)[width:]
        if enable:
            gathered[:] = concat(fourth, third, second, first)
            rest.next = gathered[high:low]

    return instances()


@block
def add_rows(clk, enable, first, second, third, count):
    """count = first + second + third. Latency 1."""

    @always(clk.posedge)
    def add():
        if enable:
            count.next = first + second + third

    return instances()


def tree_latency(bits):
    """Clock cycles from the bits to the count of ``compress_tree``."""
    return len(plan(bits)[0]) + 1


@block
def compress_tree(clk, enables, sources, count):
    """count = sum over w of 2^w * (bits set in all of sources[w]).

    sources: per weight a list of up to four Signals. enables[i] is set while level i has something
    valid at its input; there are ``tree_latency([bits of each weight])`` of them.
    """
    levels, last = plan([sum(len(source) for source in weight) for weight in sources])
    blocks = []
    for enable, level in zip(enables, levels):
        following = [[] for _ in range(len(level) + 2)]
        for weight, (slots, rest) in enumerate(level):
            bits = sum(len(source) for source in sources[weight])
            if slots:
                ones, twos = (Signal(intbv(0)[slots:]) for _ in range(2))
                fours = Signal(intbv(0)[slots:]) if bits > 3 else None
                blocks.append(compress(clk, enable, sources[weight], slots, ones, twos, fours))
                following[weight].append(ones)
                following[weight + 1].append(twos)
                if fours is not None:
                    following[weight + 2].append(fours)
            if rest:
                passed = Signal(intbv(0)[rest:])
                blocks.append(hold(clk, enable, sources[weight], 6 * slots, passed))
                following[weight].append(passed)
        while not following[-1]:
            following.pop()
        sources = following
    rows = [[], [], []]
    for weight in range(len(last)):
        bits = [source(i) for source in sources[weight] for i in range(len(source))]
        for row, bit in zip(rows, [*bits, None, None, None]):
            row.append(bit)
    blocks.append(add_rows(clk, enables[len(levels)], *map(row_signal, rows), count))
    return blocks


def row_signal(bits):
    """A vector of ``bits``, the first lowest; None is a 0."""
    zero = intbv(0)[1:]
    return ConcatSignal(zero, *(zero if bit is None else bit for bit in reversed(bits)))


def products_latency(ci):
    """Clock cycles from spikes and weights to the count of ``count_products``."""
    return 1 + tree_latency([3 * ci, 3 * ci])


@block
def add_three(clk, enable, spikes, weights, ones, twos):
    """Bit by bit: ones + 2 * twos = how many of three spikes meet a set weight. Latency 1.

    spikes, weights: three Signals each, as wide as ones and twos.
    """
    s0, s1, s2 = spikes
    w0, w1, w2 = weights
    width = len(ones)

    @always(clk.posedge)
    def add_products():
        p0 = intbv(0)[width:]
        p1 = intbv(0)[width:]
        p2 = intbv(0)[width:]
        if enable:
            p0[:] = s0 & w0
            p1[:] = s1 & w1
            p2[:] = s2 & w2
            ones.next = p0 ^ p1 ^ p2
            twos.next = (p0 & p1) | ((p0 | p1) & p2)

    return instances()


@block
def count_products(clk, enables, spikes, weights, count):
    """count = how many spikes meet a set weight: popcount(s & w), the sum of a PE row.

    spikes, weights: nine Signals of CI bits, one a tap; popcount(s) where weights is spikes.
    enables: one a level, ``products_latency(ci)`` of them.
    """
    ci = len(spikes[0])
    ones = [Signal(intbv(0)[ci:]) for _ in range(3)]
    twos = [Signal(intbv(0)[ci:]) for _ in range(3)]
    first = [
        add_three(
            clk, enables[0], spikes[3 * row : 3 * row + 3], weights[3 * row : 3 * row + 3],
            ones[row], twos[row],
        )
        for row in range(3)
    ]  # fmt: skip
    tree = compress_tree(clk, enables[1:], [ones, twos], count)
    return first, tree
