"""Three products added bit by bit, against Python, and as a module of its own in the converted text."""

import random

from myhdl import Signal, intbv

from tests.rtl.array.test_popcount import run, value_of
from volley.rtl.array.add_three import add_three
from volley.rtl.array.popcount import products_instance
from volley.rtl.convert.converter import convert
from volley.rtl.convert.shared_modules import modules_apart

WIDTH = 8


def test_ones_and_twos_of_every_bit():
    rng = random.Random(1)
    clk = Signal(bool(0))
    spikes, weights = ([Signal(intbv(0)[WIDTH:]) for _ in range(3)] for _ in range(2))
    ones, twos = (Signal(intbv(0)[WIDTH:]) for _ in range(2))
    expected = []

    def each_cycle(cycle):
        if cycle:
            found = [int(ones[bit]) + 2 * int(twos[bit]) for bit in range(WIDTH)]
            assert found == expected[cycle - 1]
        for signal in (*spikes, *weights):
            signal.next = value_of(WIDTH, rng)
        products = [int(s.next) & int(w.next) for s, w in zip(spikes, weights)]
        expected.append([sum(p >> bit & 1 for p in products) for bit in range(WIDTH)])

    run(add_three(clk, spikes, weights, ones, twos), clk, each_cycle, 60)


def test_only_trees_of_small_luts_leave_it_to_a_module(tmp_path):
    """Large LUTs take three products as they are: there the tree stays whole."""
    for lut, uses in ((4, 3), (6, 0)):
        with modules_apart():
            path = convert(products_instance(4, lut), "verilog", tmp_path / f"tree{lut}.v")
        text = path.read_text()
        assert text.count("\nadd_three_4 ") == uses
        assert text.count("module add_three_4") == min(uses, 1)
    text = convert(products_instance(4, 4), "verilog", tmp_path / "whole.v").read_text()
    assert "add_three_4" not in text
