"""The window: three rows of three columns under the kernel, with padding as a mask."""

from myhdl import Signal, always, block, concat, instances, intbv, modbv

from volley.firmware.isa import BANKS, LANES
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits


@block
def rotate(clk, select, banks, offset, masked, row):
    """row = the word of bank (select.center + offset) mod 3, or 0 if ``masked``. Latency 1."""
    bank0, bank1, bank2 = banks
    enable, center = select.enable, select.center
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


class WindowEdges:
    """What the columns of the window and of the spike counts share; driven by ``window_stage``.

    shift: the columns move. left, right: they do, and the pixel that moves to the middle is the first, the last of
    its row: the column beside it is outside of the map. lane: first lane of the pixel that a packed dense layer
    takes; only where words may be packed.
    """

    def __init__(self, packed):
        self.shift, self.left, self.right = (Signal(bool(0)) for _ in range(3))
        if packed:
            self.lane = Signal(modbv(0)[address_bits(LANES) :])

    def all(self):
        """Its Signals."""
        return tuple(vars(self).values())


@block
def columns(clk, edges, row, left, middle, right):
    """The three columns of one row of the window; ``row`` brings column x + 1 of pixel x.

    edges: WindowEdges. Latency 2 from ``row`` to the middle.
    """
    waiting = Signal(intbv(0)[len(row) :])
    shift, mask_left, mask_right = edges.shift, edges.left, edges.right

    @always(clk.posedge)
    def move():
        if shift:
            waiting.next = row
            middle.next = waiting
        # a mask is set in a shift alone: so it resets without a gate
        if mask_right:
            right.next = 0
        elif shift:
            right.next = row
        if mask_left:
            left.next = 0
        elif shift:
            left.next = middle

    return instances()


@block
def packed_sides(clk, edges, pack, row, waiting, middle, left, right):
    """Left and right columns of words with 2^pack pixels: neighbours lie partly in the same word.

    As ``columns``, whose first and second stage are waiting and middle. All words have LANES fields,
    one a lane, of the same width.
    """
    n = len(row) // LANES
    shift, mask_left, mask_right = edges.shift, edges.left, edges.right

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
def selected_column(clk, edges, pack, row, waiting, middle):
    """As ``middle_column``; of 2^pack pixels of a word only the one from ``edges.lane`` on, in lane 0."""
    n = len(row) // LANES
    shift, lane = edges.shift, edges.lane

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
def packed_columns(clk, edges, active, row, left, middle, right, selects):
    """As ``columns``, of packed words. active: ``volley.rtl.control.active.Active``. selects: a dense layer
    may read this row."""
    waiting = Signal(intbv(0)[len(row) :])
    if selects:
        moving = selected_column(clk, edges, active.select_pack, row, waiting, middle)
    else:
        moving = middle_column(clk, edges.shift, row, waiting, middle)
    sides = packed_sides(clk, edges, active.window_pack, row, waiting, middle, left, right)
    return moving, sides


class RowSelect:
    """Which bank has which row of the window; driven by ``window_stage``, beside the words of the banks.

    enable: there are words. center: the bank of the middle row. top, bottom: that row is outside of the map.
    """

    def __init__(self, enable, center):
        self.enable, self.center = enable, Signal(intbv(0)[len(center) :])
        self.top, self.bottom = (Signal(bool(0)) for _ in range(2))


@block
def window(clk, select, banks, edges, rows, taps, active, reach=0):
    """From a word of each bank, its bits in lane order, to nine taps, or where there are three, to those of a column.

    select: RowSelect; edges: WindowEdges, two cycles later. rows: three Signals, the column that enters
    the window. taps: nine Signals, row by row. active: ``volley.rtl.control.active.Active`` where words
    may be packed, else None. reach: of the design. Latency 1 from bank words to the rows, 3 to the middle taps, with
    ``reach`` 2 and 4.
    """
    unmasked = Signal(bool(0))
    masks = [select.top, unmasked, select.bottom]
    blocks = []
    for index in range(BANKS):
        offset = (index - 1) % BANKS
        row = Signal(rows[index].val) if reach else rows[index]
        blocks.append(rotate(clk, select, banks, offset, masks[index], row))
        if reach:
            blocks.append(delay(clk, 1, row, rows[index]))
        if len(taps) == BANKS:
            blocks.append(delay(clk, 2, rows[index], taps[index]))
            continue
        side = rows[index], *taps[3 * index : 3 * index + 3]
        if active:
            blocks.append(packed_columns(clk, edges, active, *side, index == 1))
        else:
            blocks.append(columns(clk, edges, *side))

    @always(clk.posedge)
    def tie_low():
        unmasked.next = False

    return instances()
