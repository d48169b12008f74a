"""Verilog modules of their own: what the array is full of is converted, and synthesised, once."""

import contextlib
import re

from myhdl import Signal, block, intbv

from volley.rtl.array.popcount import PRODUCTS, count_products, products_tree


@contextlib.contextmanager
def modules_apart():
    """Blocks instantiated and converted to Verilog within it leave their popcount trees to a module."""
    count_products.verilog_code = "$module_use"
    try:
        yield
    finally:
        del count_products.verilog_code


@block
def products_module(
    clk, s0, s1, s2, s3, s4, s5, s6, s7, s8, w0, w1, w2, w3, w4, w5, w6, w7, w8, count, lut
):  # fmt: skip
    """``volley.rtl.array.popcount.products_tree`` with a port for each tap."""
    spikes = [s0, s1, s2, s3, s4, s5, s6, s7, s8]
    weights = [w0, w1, w2, w3, w4, w5, w6, w7, w8]
    return products_tree(clk, spikes, weights, lut, count)


def modules_used(verilog):
    """{name: block instance} of the modules that a converted text has instances of."""
    used = {}
    for ci, lut in sorted(set(re.findall(rf"^{PRODUCTS}_(\d+)_(\d+) ", verilog, re.M))):
        used[f"{PRODUCTS}_{ci}_{lut}"] = products_instance(int(ci), int(lut))
    return used


def products_instance(ci, lut):
    """A ``products_module``."""
    taps = [Signal(intbv(0)[ci:]) for _ in range(18)]
    count = Signal(intbv(0)[(9 * ci).bit_length() :])
    return products_module(Signal(bool(0)), *taps, count, lut)
