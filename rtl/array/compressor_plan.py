"""Plans popcount trees: which counters stand on which level, so that few LUTs add many bits.

Bits of one weight come as vectors: one bit a field, STRIDE apart in a signal. A counter takes vectors
of a weight and of the next two, in all fields at once. From level to level the fields are folded in
half, which doubles the vectors, until one field is left.
"""

from dataclasses import dataclass

STRIDE = 4
"""Positions of a counter in its carry chain: one where the carry enters, three for its sum."""


@dataclass(frozen=True)
class Shape:
    """How many vectors of its own weight, of twice and of four times it a counter takes."""

    ones: int
    twos: int = 0
    fours: int = 0

    @property
    def results(self) -> int:
        """How many vectors its sum has, from its own weight on."""
        return (self.ones + 2 * self.twos + 4 * self.fours).bit_length()


SHAPES = {
    6: [Shape(7, 1, 1), Shape(7), Shape(5, 1), Shape(5), Shape(3)],
    4: [Shape(3, 2, 2), Shape(3, 2), Shape(3)],
}
"""What is worth building from LUTs of that many inputs, the best first.

Before a carry chain, three LUTs of six inputs count five bits: 7 bits of weight 1, one of 2 and one of 4
take three LUTs and leave four bits. A LUT of four inputs is one position of the chain, which adds two.
"""


@dataclass(frozen=True)
class Level:
    """One level: ``counters`` in order, (weight, Shape); ``held``: vectors of each weight that pass."""

    fields: int
    counters: list
    held: list


def shape_for(counts, weight, lut):
    """The first shape that the vectors from ``weight`` on fill, None if they are too few."""
    padded = [*counts, 0, 0]
    for shape in SHAPES[lut]:
        wanted = (shape.ones, shape.twos, shape.fours)
        if all(have >= want for have, want in zip(padded[weight : weight + 3], wanted)):
            return shape
    return None


def reduce(counts, lut):
    """One level over ``counts``, the vectors of each weight: (counters, held, counts after it)."""
    counts = list(counts)
    counters, after = [], [0] * (len(counts) + 4)
    for weight in range(len(counts)):
        while shape := shape_for(counts, weight, lut):
            counters.append((weight, shape))
            for step, taken in enumerate((shape.ones, shape.twos, shape.fours)):
                if taken:
                    counts[weight + step] -= taken
            for step in range(shape.results):
                after[weight + step] += 1
    for weight, count in enumerate(counts):
        after[weight] += count
    while after[-1] == 0:
        after.pop()
    return counters, counts, after


def plan(counts, fields, lut):
    """The ``Level``s that leave one field and at most two bits of each weight.

    counts: vectors of each weight. fields: a power of two, bits of a vector. lut: LUT inputs, 4 or 6.
    """
    levels = []
    while fields > 1 or max(counts) > 2:
        counters, held, after = reduce(counts, lut)
        if counters:
            levels.append(Level(fields, counters, held))
            counts = after
        if fields > 1:
            fields //= 2
            counts = [2 * count for count in counts]
    return levels
