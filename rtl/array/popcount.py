"""Popcount trees: how many of many bits are set, by counters with a register per level."""

from myhdl import ConcatSignal, Signal, always, block, concat, instances, intbv

from volley.firmware.isa import TAPS
from volley.rtl.array.add_three import first_level
from volley.rtl.array.compressor import counter
from volley.rtl.array.compressor_plan import STRIDE, plan
from volley.rtl.delay import delay
from volley.rtl.module_use import ModuleUse, Operands, numbered

PRODUCTS = "count_products"
"""Name of the Verilog module, before CI and the inputs of a LUT."""
PAIRS = "pairs"
"""Behind the name, in a design with ``pair``."""


WHOLE, EVEN, ODD = slice(None), slice(0, None, 2), slice(1, None, 2)
"""Parts of the bits, by their numbers from the lowest on: STRIDE is even, so that a vector is in one of them."""


@block
def add_rows(clk, first, second, count):
    """count = first + second. Latency 1."""

    @always(clk.posedge)
    def add():
        count.next = first + second

    return instances()


@block
def add_valid_rows(clk, valid, first, second, count):
    """count = first + second, 0 unless ``valid``. Latency 1."""

    @always(clk.posedge)
    def add():
        count.next = 0
        if valid:
            count.next = first + second

    return instances()


def shape_of(widths, part=WHOLE):
    """(vectors of each weight, fields) of a tree over a part of signals of ``widths[weight]`` bits each."""
    counted = len(range(STRIDE)[part])
    fields = max(1, min(width for weight in widths for width in weight) * counted // STRIDE**2)
    return [sum(len(starts(width, fields, part)) for width in weight) for weight in widths], fields


def starts(width, fields, part):
    """Where the vectors of a part of ``width`` bits start."""
    return [bit for bit in range(width)[part] if bit % (STRIDE * fields) < STRIDE]


def tree_latency(widths, lut, part=WHOLE):
    """Clock cycles from the bits to the count of ``popcount``; widths: of its sources."""
    return len(plan(*shape_of(widths, part), lut)) + 1


@block
def popcount(clk, sources, lut, count, valid=None, part=WHOLE):
    """count = sum over w of 2^w * (bits set in all of sources[w]).

    valid: where it is not set, a cycle before the count, that is 0; None: the count is always there.
    part: WHOLE, EVEN or ODD, the bits that are counted.

    sources: per weight a list of (Signal, lowest bit, bits); ``bits`` a power of two, the same for
    all. lut: inputs of the LUTs that the tree is made for, 4 or 6. Latency ``tree_latency``.
    """
    widths = [[bits for _, _, bits in weight] for weight in sources]
    counts, fields = shape_of(widths, part)
    vectors = [
        [(signal, low + k) for signal, low, bits in weight for k in starts(bits, fields, part)]
        for weight in sources
    ]
    blocks = []
    levels = plan(counts, fields, lut)
    for level in levels:
        vectors = fold(vectors, fields, level.fields)
        fields = level.fields
        following = [[] for _ in range(len(vectors) + 4)]
        for weight, shape in level.counters:
            inputs = [
                [vectors[weight + step].pop(0) for _ in range(taken)]
                for step, taken in enumerate((shape.ones, shape.twos, shape.fours))
            ]
            total = Signal(intbv(0)[STRIDE * fields + 1 :])
            blocks.append(counter(clk, *inputs, fields, lut, total))
            for step in range(shape.results):
                following[weight + step].append((total, step + 1))
        held = {}
        for weight, waiting in enumerate(vectors):
            for signal, low in waiting:
                if id(signal) not in held:
                    held[id(signal)] = Signal(intbv(0)[len(signal) :])
                    blocks.append(delay(clk, 1, signal, held[id(signal)]))
                following[weight].append((held[id(signal)], low))
        while not following[-1]:
            following.pop()
        vectors = following
    vectors = fold(vectors, fields, 1)
    rows = [
        row_signal([signal(low) for signal, low in vector[k : k + 1]] for vector in vectors)
        for k in range(2)
    ]
    if valid is None:
        blocks.append(add_rows(clk, *rows, count))
    else:
        blocks.append(add_valid_rows(clk, valid, *rows, count))
    return blocks


def fold(vectors, fields, wanted):
    """The vectors of ``fields`` bits as more vectors of ``wanted`` bits."""
    while fields > wanted:
        fields //= 2
        vectors = [
            [(signal, low + k * STRIDE * fields) for signal, low in weight for k in range(2)]
            for weight in vectors
        ]
    return vectors


def row_signal(bits):
    """A vector of ``bits``, lists of one bit or none, which stands for 0; the first lowest."""
    zero = intbv(0)[1:]
    return ConcatSignal(zero, *(bit[0] if bit else zero for bit in reversed(list(bits))))


def products_latency(ci, lut, pair=0):
    """Clock cycles from spikes and weights to the count of ``count_products``; pair: of the design."""
    widths = [[ci] * 3] * 2
    return 2 + tree_latency(widths, lut, EVEN) if pair else 1 + tree_latency(widths, lut)


@block
def add_halves(clk, pair, even, odd, count):
    """count = even + odd, or where ``pair`` is set even + 16 * odd. Latency 1."""

    @always(clk.posedge)
    def add():
        if pair:
            count.next = even + concat(odd, "0000")
        else:
            count.next = even + odd

    return instances()


@block
def products_tree(clk, spikes, weights, lut, count, pair=None):
    """``count_products``, whole."""
    ci = len(spikes[0])
    ones = [Signal(intbv(0)[ci:]) for _ in range(3)]
    twos = [Signal(intbv(0)[ci:]) for _ in range(3)]
    add_products = first_level(lut)
    first = [
        add_products(
            clk, spikes[3 * row : 3 * row + 3], weights[3 * row : 3 * row + 3],
            ones[row], twos[row],
        )
        for row in range(3)
    ]  # fmt: skip
    sources = [[(signal, 0, ci) for signal in signals] for signals in (ones, twos)]
    if pair is None:
        tree = popcount(clk, sources, lut, count)
    else:
        halves = [Signal(intbv(0)[(TAPS * ci // 2).bit_length() :]) for _ in range(2)]
        tree = [
            popcount(clk, sources, lut, half, part=part) for half, part in zip(halves, (EVEN, ODD))
        ]
        tree.append(add_halves(clk, pair, *halves, count))
    return first, tree


@block
def count_products(clk, spikes, weights, lut, count, pair=None):
    """count = how many spikes meet a set weight: popcount(s & w), the sum of a PE row.

    spikes, weights: nine Signals of CI bits, one a tap. lut: as in ``popcount``. pair: a Signal, in a design with ``pair``: where it is set,
    those of odd channels count sixteenfold. Latency ``products_latency``. Under ``volley.rtl.convert.shared_modules.modules_apart`` it is the text of an instance of a
    Verilog module.
    """
    if not hasattr(count_products, "verilog_code"):
        return products_tree(clk, spikes, weights, lut, count, pair)
    name, controls = f"{PRODUCTS}_{len(spikes[0])}_{lut}", {"clk": clk}
    if pair is not None:
        name, controls = f"{name}_{PAIRS}", {"clk": clk, "pair": pair}
    module_use = ModuleUse(  # noqa: F841
        name,
        {**controls, **Operands(spikes, weights).ports()},
        {"count": count},
    )

    @always(clk.posedge)
    def stand_in():  # MyHDL reads the text's names beside it
        pass

    return stand_in


@block
def products_module(clk, operands, lut, count):
    """``products_tree`` with a port for each tap."""
    return products_tree(
        clk, numbered(operands, "s", TAPS), numbered(operands, "w", TAPS), lut, count
    )


@block
def pair_products_module(clk, pair, operands, lut, count):
    """``products_module`` of a design with ``pair``."""
    return products_tree(
        clk, numbered(operands, "s", TAPS), numbered(operands, "w", TAPS), lut, count, pair
    )


def hits_bits(ci, pair=0):
    """Bits of a count of ``count_products``; pair: of the design."""
    return (TAPS * ci // 2 * 17 if pair else TAPS * ci).bit_length()


def products_instance(ci, lut, pair=0):
    """A ``products_module``, or a ``pair_products_module``."""
    taps = [Signal(intbv(0)[ci:]) for _ in range(2 * TAPS)]
    operands = Operands(taps[:TAPS], taps[TAPS:])
    clk, count = Signal(bool(0)), Signal(intbv(0)[hits_bits(ci, pair) :])
    if pair:
        return pair_products_module(clk, Signal(bool(0)), operands, lut, count)
    return products_module(clk, operands, lut, count)
