"""Counters: a few bits of one weight, and some of the next two, summed in a short carry chain."""

from myhdl import always, block, instances, intbv

from volley.rtl.array.compressor_plan import STRIDE


def strided(vector, fields):
    """The slice that holds the bits of a vector, (signal, lowest bit): ``fields`` bits, STRIDE apart."""
    signal, low = vector
    return signal(low + STRIDE * (fields - 1) + 1, low)


def slots_of(ones, twos, fours, fields, lut):
    """The slices for a counter's slots, and a mask for each: 0 where a slot is empty."""
    sizes = {6: (7, 1, 1), 4: (3, 2, 2)}[lut]
    slots = []
    for vectors, size in zip((ones, twos, fours), sizes):
        slots += [*vectors, *[None] * (size - len(vectors))]
    every = sum(1 << (STRIDE * field) for field in range(fields))
    slices = [strided(vector or ones[0], fields) for vector in slots]
    return slices, [every if vector else 0 for vector in slots]


@block
def counter6(clk, slices, masks, total):
    """A counter of six-input LUTs, in each field: the carry, one bit of each weight, and five bits counted."""
    carry_in, one, x0, x1, x2, x3, x4, two, four = slices
    m0, m1, m2, m3, m4, m5, m6, m7, m8 = masks
    width = len(total)

    @always(clk.posedge)
    def count():
        mask = intbv(0)[width:]
        picked = intbv(0)[width:]
        carry = intbv(0)[width:]
        base = intbv(0)[width:]
        low = intbv(0)[width:]
        high = intbv(0)[width:]
        parity = intbv(0)[width:]
        a = intbv(0)[width:]
        b = intbv(0)[width:]
        c = intbv(0)[width:]
        mask[:] = m0
        carry[:] = carry_in
        carry[:] = carry & mask
        mask[:] = m1
        base[:] = one
        base[:] = (base & mask) << 1
        mask[:] = m7
        picked[:] = two
        base[:] = base | ((picked & mask) << 2)
        mask[:] = m8
        picked[:] = four
        base[:] = base | ((picked & mask) << 3)
        # a + b + c = low + 2 * high, then low + the other two
        mask[:] = m2
        a[:] = x0
        a[:] = a & mask
        mask[:] = m3
        b[:] = x1
        b[:] = b & mask
        mask[:] = m4
        c[:] = x2
        c[:] = c & mask
        low[:] = a ^ b ^ c
        high[:] = (a & b) | ((a | b) & c)
        mask[:] = m5
        a[:] = x3
        a[:] = a & mask
        mask[:] = m6
        b[:] = x4
        b[:] = b & mask
        parity[:] = low ^ a ^ b
        c[:] = (a & b) | ((a | b) & low)
        total.next = (carry | base) + (
            carry | (parity << 1) | ((high ^ c) << 2) | ((high & c) << 3)
        )

    return instances()


@block
def counter4(clk, slices, masks, total):
    """A counter of four-input LUTs, in each field: the carry, and two bits of each weight."""
    carry_in, one0, one1, two0, two1, four0, four1 = slices
    m0, m1, m2, m3, m4, m5, m6 = masks
    width = len(total)

    @always(clk.posedge)
    def count():
        mask = intbv(0)[width:]
        picked = intbv(0)[width:]
        first = intbv(0)[width:]
        second = intbv(0)[width:]
        mask[:] = m0
        picked[:] = carry_in
        first[:] = picked & mask
        second[:] = first
        mask[:] = m1
        picked[:] = one0
        first[:] = first | ((picked & mask) << 1)
        mask[:] = m2
        picked[:] = one1
        second[:] = second | ((picked & mask) << 1)
        mask[:] = m3
        picked[:] = two0
        first[:] = first | ((picked & mask) << 2)
        mask[:] = m4
        picked[:] = two1
        second[:] = second | ((picked & mask) << 2)
        mask[:] = m5
        picked[:] = four0
        first[:] = first | ((picked & mask) << 3)
        mask[:] = m6
        picked[:] = four1
        second[:] = second | ((picked & mask) << 3)
        total.next = first + second

    return instances()


@block
def counter(clk, ones, twos, fours, fields, lut, total):
    """total = sum of ones + 2 * twos + 4 * fours, in each of ``fields`` fields. Latency 1.

    ones, twos, fours: vectors, as a ``volley.rtl.array.compressor_plan.Shape`` of ``lut`` says. total: STRIDE * fields + 1
    bits, of which bit STRIDE * j + 1 + k has weight 2^k in field j. The lowest position of a field
    takes a bit of weight 1 in as the carry, and lets the carry of the field below out.
    """
    slices, masks = slots_of(ones, twos, fours, fields, lut)
    build = {6: counter6, 4: counter4}[lut]
    counting = build(clk, slices, masks, total)
    return instances()
