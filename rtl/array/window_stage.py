"""The window with the delays of what it needs of a beat."""

from myhdl import Signal, always, block, instances, intbv

from volley.rtl.array.window import window
from volley.rtl.delay import delay


class WindowEdges:
    """What the columns of the window and of the spike counts share; driven by ``window_stage``.

    shift: the columns move. left, right: the column is outside of the map. lane: first lane of the
    pixel that a packed dense layer takes.
    """

    def __init__(self, beat):
        self.shift, self.left, self.right = (Signal(bool(0)) for _ in range(3))
        self.lane = Signal(intbv(0)[len(beat.lane) :])


@block
def window_stage(clk, beat, valids, banks, rows, taps, edges, packing):
    """Nine taps of CI bytes from the words of the three banks; valids[k]: ``beat.valid`` k cycles later.

    rows: the three rows under the kernel, masked. packing: as ``window`` takes it, None without.
    """
    center = Signal(intbv(0)[len(beat.center) :])
    top, bottom = (Signal(bool(0)) for _ in range(2))
    center_inst = delay(clk, 1, beat.center, center)
    top_inst = delay(clk, 1, beat.mask_top, top)
    bottom_inst = delay(clk, 1, beat.mask_bottom, bottom)
    left_inst = delay(clk, 3, beat.mask_left, edges.left)
    right_inst = delay(clk, 3, beat.mask_right, edges.right)
    if packing:
        lane_inst = delay(clk, 3, beat.lane, edges.lane)
    valid1, valid2 = valids[1], valids[2]

    @always(clk.posedge)
    def drive_shift():
        edges.shift.next = valid1 or valid2

    window_inst = window(
        clk, valid1, banks, center, top, bottom, edges.shift, edges.left, edges.right, rows, taps,
        packing,
    )  # fmt: skip
    return instances()
