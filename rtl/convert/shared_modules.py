"""Verilog modules of their own: what the array is full of is converted, and synthesised, once."""

import contextlib
import re

from volley.rtl.array.add_three import ADD_THREE, add_three_apart, add_three_instance
from volley.rtl.array.column_products import COLUMN_PRODUCTS, column_products, columns_instance
from volley.rtl.array.popcount import PAIRS, PRODUCTS, count_products, products_instance

BLOCKS = (count_products, column_products, add_three_apart)


@contextlib.contextmanager
def modules_apart():
    """Blocks instantiated and converted to Verilog within it leave BLOCKS to modules."""
    for each in BLOCKS:
        each.verilog_code = "$module_use"
    try:
        yield
    finally:
        for each in BLOCKS:
            del each.verilog_code


def modules_used(verilog):
    """{name: block instance} of the modules that a converted text has instances of."""
    used = {}
    trees = re.findall(rf"^({PRODUCTS}_(\d+)_(\d+)(_{PAIRS})?) ", verilog, re.M)
    for name, ci, lut, pair in sorted(set(trees)):
        used[name] = products_instance(int(ci), int(lut), bool(pair))
    for ci, lut in sorted(set(re.findall(rf"^{COLUMN_PRODUCTS}_(\d+)_(\d+) ", verilog, re.M))):
        used[f"{COLUMN_PRODUCTS}_{ci}_{lut}"] = columns_instance(int(ci), int(lut))
    for width in sorted(set(re.findall(rf"^{ADD_THREE}_(\d+) ", verilog, re.M))):
        used[f"{ADD_THREE}_{width}"] = add_three_instance(int(width))
    return used
