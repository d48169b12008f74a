"""Pixels to words of a spike map: 2x2 pooling, the bitwise OR of four pixels, and packing."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import LANES


@block
def place_channel(clk, enable, place_pack, lane, spikes, placed):
    """Spikes of one channel where the output word has them: from ``lane`` on. Latency 1.

    place_pack: not 0 where spikes are 2^place_pack packed pixels to be pooled: then each is ORed with
    its neighbour first, which makes half as many.
    """

    @always(clk.posedge)
    def shift():
        pixels = intbv(0)[LANES:]
        moved = intbv(0)[LANES:]
        if enable:
            pixels[:] = spikes
            if place_pack != 0:
                pixels[8:4] = 0
            if place_pack == 1:
                pixels[4:] = spikes[4:] | spikes[8:4]
            elif place_pack == 2:
                pixels[2:] = spikes[2:] | spikes[4:2]
                pixels[4:2] = spikes[6:4] | spikes[8:6]
            elif place_pack == 3:
                pixels[0] = spikes[0] | spikes[1]
                pixels[1] = spikes[2] | spikes[3]
                pixels[2] = spikes[4] | spikes[5]
                pixels[3] = spikes[6] | spikes[7]
            if lane[2]:
                moved[8:4] = pixels[4:]
                moved[4:] = 0
            else:
                moved[:] = pixels
            if lane[1]:
                moved[8:2] = moved[6:]
                moved[2:] = 0
            if lane[0]:
                moved[8:1] = moved[7:]
                moved[0] = 0
            placed.next = moved

    return instances()


class PoolTarget:
    """Where a pixel goes: fields of ``volley.rtl.control.beat.Target``.

    start, full: the first and the last pixel of an output word. odd_y: of an odd row. index: of the word in
    its row, in each pass.
    """

    def __init__(self, layout, target):
        self.start, self.full, self.odd_y, self.index = (
            layout.take(target, name) for name in ("start", "full", "odd_y", "pool_index")
        )


@block
def pool(clk, valid, pooling, where, spikes, write, pooled, words, soon=None):
    """ORs the pixels that share an output word, from ``start`` to ``full``; pooling: of two rows.

    where: PoolTarget of the spikes, if valid; its index is below ``words``. ``write`` says that ``pooled``
    is to be written. soon: that index a cycle earlier, or None; with it the row above is read in two steps, as a block
    RAM is. Latency 1.
    """
    start, full, odd_y, index = where.start, where.full, where.odd_y, where.index
    left = Signal(intbv(0)[len(spikes) :])
    above = [Signal(intbv(0)[len(spikes) :]) for _ in range(words)]

    width = len(spikes)

    if soon is None:

        @always(clk.posedge)
        def gather():
            whole = intbv(0)[width:]
            write.next = valid and full and (odd_y or not pooling)
            if valid:
                whole[:] = spikes
                if not start:
                    whole[:] = left | spikes
                left.next = whole
                if pooling:
                    pooled.next = above[index] | whole
                else:
                    pooled.next = whole

    else:
        shown = Signal(intbv(0)[width:])

        @always(clk.posedge)
        def show():
            shown.next = above[soon]

        @always(clk.posedge)
        def gather_shown():
            whole = intbv(0)[width:]
            write.next = valid and full and (odd_y or not pooling)
            if valid:
                whole[:] = spikes
                if not start:
                    whole[:] = left | spikes
                left.next = whole
                if pooling:
                    pooled.next = shown | whole
                else:
                    pooled.next = whole

    @always(clk.posedge)
    def store_row():
        if valid and full and pooling and not odd_y:
            if start:
                above[index].next = spikes
            else:
                above[index].next = left | spikes

    return instances()
