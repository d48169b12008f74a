"""The window: three rows of three columns under the kernel, with padding as a mask."""

from myhdl import Signal, always, block, concat, instances, intbv

from volley.firmware.isa import BANKS, LANES


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
def packed_sides(clk, shift, pack, row, waiting, middle, mask_left, mask_right, left, right):
    """Left and right columns of words with 2^pack pixels: neighbours lie partly in the same word.

    As ``columns``, whose first and second stage are waiting and middle. All words have LANES fields,
    one a lane, of the same width.
    """
    n = len(row) // LANES

    @always(clk.posedge)
    def move():
        earlier = intbv(0)[LANES * n :]
        later = intbv(0)[LANES * n :]
        if shift:
            if not mask_left:
                earlier[:] = middle
            if not mask_right:
                later[:] = row
            if pack == 0:
                left.next = earlier
                right.next = later
            elif pack == 1:
                left.next = concat(waiting[4 * n :], earlier[8 * n : 4 * n])
                right.next = concat(later[4 * n :], waiting[8 * n : 4 * n])
            elif pack == 2:
                left.next = concat(waiting[6 * n :], earlier[8 * n : 6 * n])
                right.next = concat(later[2 * n :], waiting[8 * n : 2 * n])
            else:
                left.next = concat(waiting[7 * n :], earlier[8 * n : 7 * n])
                right.next = concat(later[n:], waiting[8 * n : n])

    return instances()


@block
def middle_column(clk, shift, row, waiting, middle):
    """The first two stages of ``columns``."""

    @always(clk.posedge)
    def move():
        if shift:
            waiting.next = row
            middle.next = waiting

    return instances()


@block
def selected_column(clk, shift, pack, lane, row, waiting, middle):
    """As ``middle_column``; of 2^pack pixels of a word only the one from ``lane`` on, in lane 0."""
    n = len(row) // LANES

    @always(clk.posedge)
    def move():
        chosen = intbv(0)[LANES * n :]
        if shift:
            waiting.next = row
            chosen[:] = waiting
            if lane[2]:
                chosen[4 * n :] = waiting[8 * n : 4 * n]
            if lane[1]:
                chosen[2 * n :] = chosen[4 * n : 2 * n]
            if lane[0]:
                chosen[n:] = chosen[2 * n : n]
            if pack == 0:
                middle.next = chosen
            elif pack == 1:
                middle.next = chosen[4 * n :]
            elif pack == 2:
                middle.next = chosen[2 * n :]
            else:
                middle.next = chosen[n:]

    return instances()


@block
def packed_columns(
    clk, shift, window_pack, select_pack, lane, row, mask_left, mask_right, left, middle, right,
    selects,
):  # fmt: skip
    """As ``columns``, of packed words. selects: a dense layer may read this row."""
    waiting = Signal(intbv(0)[len(row) :])
    if selects:
        moving = selected_column(clk, shift, select_pack, lane, row, waiting, middle)
    else:
        moving = middle_column(clk, shift, row, waiting, middle)
    sides = packed_sides(
        clk, shift, window_pack, row, waiting, middle, mask_left, mask_right, left, right
    )
    return moving, sides


@block
def window(
    clk, enable, banks, center, mask_top, mask_bottom, shift, mask_left, mask_right, rows, taps,
    packing,
):  # fmt: skip
    """From a word of each bank, its bits in lane order, to nine taps.

    enable, center, mask_top, mask_bottom come with the bank words; shift, mask_left and mask_right
    two cycles later. rows: three Signals, the column that enters the window. taps: nine Signals, row
    by row. packing: (window_pack, select_pack of ``volley.rtl.control.beat.Active``, lane with mask_left), or None.
    Latency 1 from bank words to the rows, 3 to the middle taps.
    """
    unmasked = Signal(bool(0))
    masks = [mask_top, unmasked, mask_bottom]
    blocks = []
    for index in range(BANKS):
        offset = (index - 1) % BANKS
        blocks.append(rotate(clk, enable, banks, center, offset, masks[index], rows[index]))
        side = rows[index], mask_left, mask_right, *taps[3 * index : 3 * index + 3]
        if packing:
            blocks.append(packed_columns(clk, shift, *packing, *side, index == 1))
        else:
            blocks.append(columns(clk, shift, *side))

    @always(clk.posedge)
    def tie_low():
        unmasked.next = False

    return instances()
