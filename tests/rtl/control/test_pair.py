"""What a descriptor says to the blocks that count pixels, with and without pairs."""

import itertools

from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.firmware.isa import DESCRIPTOR
from volley.rtl.control.fields import Fields
from volley.rtl.control.pair import PairViews, pair_views


def test_views():
    clk, done, descriptor = clock(), flag(), Fields(DESCRIPTOR)
    views = PairViews(descriptor)
    cases = list(itertools.product((0, 1), range(4), (0, 1), (0, 1)))

    @instance
    def stimulus():
        for encode, pack, pool, pair in cases:
            if pair and not (encode and pack):
                continue
            for name, value in zip(("encode", "pack", "pool", "pair"), (encode, pack, pool, pair)):
                getattr(descriptor, name).next = value
            yield clk.negedge
            columns, window = views.columns, views.window_pack
            if pair:
                # beats that make a word: one for each two pixels, twice as many where these become one
                assert columns.encode and not columns.pool
                assert 1 << columns.pack == (1 << pack) // (1 if pool else 2)
                assert window == 1 and not views.packing.encode
                assert views.output.encode == (pack != 1)
            else:
                assert (columns.pack, columns.pool, window) == (pack, pool, pack)
                assert views.output.encode == views.packing.encode == encode
            assert views.columns.width is descriptor.width
        done.next = True
        yield clk.posedge

    run_bench([pair_views(descriptor, views), stimulus], clk, done, cycles=100)
