"""The sum of a PE row in transposed form: a column of the window meets, at once, the weights of all three pixels that it
belongs to."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import BANKS, TAPS
from volley.rtl.array.add_three import first_level
from volley.rtl.array.popcount import popcount, tree_latency
from volley.rtl.delay import delay
from volley.rtl.module_use import ModuleUse, Operands, numbered

COLUMN_PRODUCTS = "column_products"
"""Name of the Verilog module, before CI and the inputs of a LUT."""


def partial_latency(ci, lut):
    """Clock cycles from a column to the counts of its spikes that meet a set weight."""
    return 1 + tree_latency([[ci]] * 2, lut)


def column_latency(ci, lut):
    """Clock cycles from a pixel's own column to the count of ``column_products``."""
    return partial_latency(ci, lut) + 2


class ColumnEdges:
    """Where a row of the map begins and ends; driven by ``column_edges``.

    first: the column that is counted in the next cycle is the first of its row. inner: the one that is counted now is
    not the last of its row, so that the next one's counts are under its kernel.
    """

    def __init__(self):
        self.first, self.inner = Signal(bool(0)), Signal(bool(0))


@block
def column_edges(clk, beat, counted, edges):
    """Drives edges, ColumnEdges, for columns that are counted ``counted`` cycles after their beat."""
    last = Signal(bool(0))
    first_inst = delay(clk, counted - 1, beat.mask_left, edges.first)
    last_inst = delay(clk, counted - 1, beat.mask_right, last)

    @always(clk.posedge)
    def drive_inner():
        edges.inner.next = not last

    return instances()


@block
def add_columns(clk, first, left, middle, right, count):
    """count = left of the column before, 0 where ``first`` was set then, + middle + right of the column after it.

    first: a cycle before middle. Latency 2 from middle.
    """
    before = Signal(intbv(0)[len(left) :])
    both = Signal(intbv(0)[len(left) + 1 :])

    @always(clk.posedge)
    def add():
        before.next = left
        if first:
            before.next = 0
        both.next = before + middle
        count.next = both + right

    return instances()


@block
def columns_tree(clk, edges, spikes, weights, lut, count):
    """``column_products``, whole."""
    ci = len(spikes[0])
    add_products = first_level(lut)
    ones = [Signal(intbv(0)[ci:]) for _ in range(BANKS)]
    twos = [Signal(intbv(0)[ci:]) for _ in range(BANKS)]
    counts = [Signal(intbv(0)[(BANKS * ci).bit_length() :]) for _ in range(BANKS)]
    trees = []
    for column in range(BANKS):
        pair = ones[column], twos[column]
        trees.append(add_products(clk, spikes, weights[column::BANKS], *pair))
        # the pixel before this one takes the right column's
        inner = edges.inner if column == BANKS - 1 else None
        trees.append(
            popcount(clk, [[(vector, 0, ci)] for vector in pair], lut, counts[column], inner)
        )
    adding = add_columns(clk, edges.first, *counts, count)
    return trees, adding


@block
def column_products(clk, edges, spikes, weights, lut, count):
    """count = how many spikes under the kernel meet a set weight, the sum of a PE row, from a column a cycle.

    edges: ColumnEdges. spikes: three Signals of CI bits, the rows of a column. weights: nine, row by row, of the beat that the
    column comes with; those of the beats of a row are the same. lut: as in ``popcount``. Latency
    ``column_latency``. Under ``volley.rtl.convert.shared_modules.modules_apart`` it is the text of an instance of a
    Verilog module.
    """
    if not hasattr(column_products, "verilog_code"):
        return columns_tree(clk, edges, spikes, weights, lut, count)
    module_use = ModuleUse(  # noqa: F841
        f"{COLUMN_PRODUCTS}_{len(spikes[0])}_{lut}",
        {
            "clk": clk,
            "edges_first": edges.first,
            "edges_inner": edges.inner,
            **Operands(spikes, weights).ports(),
        },
        {"count": count},
    )

    @always(clk.posedge)
    def stand_in():  # MyHDL reads the text's names beside it
        pass

    return stand_in


@block
def columns_module(clk, edges, operands, lut, count):
    """``columns_tree`` with a port for each row and tap."""
    spikes, weights = numbered(operands, "s", BANKS), numbered(operands, "w", TAPS)
    return columns_tree(clk, edges, spikes, weights, lut, count)


def columns_instance(ci, lut):
    """A ``columns_module``."""
    operands = Operands(*([Signal(intbv(0)[ci:]) for _ in range(n)] for n in (BANKS, TAPS)))
    count = Signal(intbv(0)[(TAPS * ci).bit_length() :])
    return columns_module(Signal(bool(0)), ColumnEdges(), operands, lut, count)
