"""The window with the delays of what it needs of a beat."""

from myhdl import Signal, always, block, instances

from volley.rtl.array.window import RowSelect, window
from volley.rtl.delay import delay


@block
def window_stage(clk, beat, valids, banks, rows, taps, edges, active, reach=0):
    """Nine taps of CI bytes from the words of the three banks; valids[k]: ``beat.valid`` k cycles later.

    rows: the three rows under the kernel, masked. edges: ``volley.rtl.array.window.WindowEdges``. active:
    as ``window`` takes it. reach: of the design.
    """
    select = RowSelect(valids[1], beat.center)
    center_inst = delay(clk, 1, beat.center, select.center)
    top_inst = delay(clk, 1, beat.mask_top, select.top)
    bottom_inst = delay(clk, 1, beat.mask_bottom, select.bottom)
    left, right = Signal(bool(0)), Signal(bool(0))
    left_inst = delay(clk, 2 + reach, beat.mask_left, left)
    right_inst = delay(clk, 2 + reach, beat.mask_right, right)
    if active:
        lane_inst = delay(clk, 3 + reach, beat.lane, edges.lane)
    valid1, valid2 = valids[1 + reach], valids[2 + reach]

    @always(clk.posedge)
    def drive_shift():
        edges.shift.next = valid1 or valid2
        edges.left.next = left and (valid1 or valid2)
        edges.right.next = right and (valid1 or valid2)

    window_inst = window(clk, select, banks, edges, rows, taps, active, reach)
    return instances()
