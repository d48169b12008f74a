"""The window: three rows of three columns under the kernel, with padding as a mask."""

from myhdl import Signal, always, block, instances, intbv

from firmware.isa import BANKS


@block
def rotate(clk, enable, banks, center, offset, masked, row):
    """row = the word of bank (center + offset) mod 3, or 0 if ``masked``. Latency 1."""
    bank0, bank1, bank2 = banks
    if offset == 1:
        bank0, bank1, bank2 = bank1, bank2, bank0
    elif offset == 2:
        bank0, bank1, bank2 = bank2, bank0, bank1

    @always(clk.posedge)
    def choose():
        if enable:
            if masked:
                row.next = 0
            elif center == 0:
                row.next = bank0
            elif center == 1:
                row.next = bank1
            else:
                row.next = bank2

    return instances()


@block
def columns(clk, shift, row, mask_left, mask_right, left, middle, right):
    """The three columns of one row of the window; ``row`` brings column x + 1 of pixel x.

    mask_left, mask_right: the pixel that moves to the middle is the first or last of its row.
    Latency 2 from ``row`` to the middle.
    """
    waiting = Signal(intbv(0)[len(row) :])

    @always(clk.posedge)
    def move():
        if shift:
            waiting.next = row
            middle.next = waiting
            if mask_right:
                right.next = 0
            else:
                right.next = row
            if mask_left:
                left.next = 0
            else:
                left.next = middle

    return instances()


@block
def window(
    clk, enable, banks, center, mask_top, mask_bottom, shift, mask_left, mask_right, rows, taps
):
    """From a word of each bank, its bits in lane order, to nine taps.

    enable, center, mask_top, mask_bottom come with the bank words; shift, mask_left and mask_right
    two cycles later. rows: three Signals, the column that enters the window. taps: nine Signals, row
    by row. Latency 1 from bank words to the rows, 3 to the middle taps.
    """
    unmasked = Signal(bool(0))
    masks = [mask_top, unmasked, mask_bottom]
    blocks = []
    for index in range(BANKS):
        offset = (index - 1) % BANKS
        blocks.append(rotate(clk, enable, banks, center, offset, masks[index], rows[index]))
        blocks.append(
            columns(clk, shift, rows[index], mask_left, mask_right, *taps[3 * index : 3 * index + 3])
        )

    @always(clk.posedge)
    def never():
        unmasked.next = False

    return instances()
