"""Pairs of pixels: what a descriptor says to blocks that count pixels, where a beat reads two of a picture."""

from myhdl import always_comb, block, instances

from volley.firmware.isa import DESCRIPTOR
from volley.rtl.control.fields import field_signal


class View:
    """A descriptor with other Signals for some of its fields: keyword arguments."""

    def __init__(self, descriptor, **others):
        vars(self).update({**vars(descriptor), **others})


class PairViews:
    """A descriptor as the blocks of a design with ``pair`` read it; driven by ``pair_views``.

    columns: of ``column_counter``: a pair is a pixel of an encoding layer, twice as wide unless it is pooled.
    output: of ``output_address``; packing: of ``packing_registers``: pairs are packed words, window_pack their pack.
    """

    def __init__(self, descriptor):
        names = ("pool", "pack", "encode", "encode", "pack")
        pool, pack, parts, alone, self.window_pack = (field_signal(DESCRIPTOR[n]) for n in names)
        self.columns = View(descriptor, pool=pool, pack=pack)
        self.output = View(descriptor, encode=parts)
        self.packing = View(descriptor, encode=alone)


@block
def pair_views(descriptor, views):
    """Drives ``views``, a PairViews."""
    pair, pack, pooling, encode = (
        descriptor.pair,
        descriptor.pack,
        descriptor.pool,
        descriptor.encode,
    )
    pool, columns_pack, window_pack = views.columns.pool, views.columns.pack, views.window_pack
    cut_always, alone = views.output.encode, views.packing.encode

    @always_comb
    def look():
        pool.next = pooling and not pair
        columns_pack.next = pack
        if pair and not pooling:
            columns_pack.next = pack - 1
        window_pack.next = pack
        if pair:
            window_pack.next = 1
        # of pairs that fill a word, only the last of a row is cut
        cut_always.next = encode and not (pair and pack == 1)
        alone.next = encode and not pair

    return instances()
