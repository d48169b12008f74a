"""Columns of an input row and of the output row, and the lanes of packed words."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import DESCRIPTOR, LANES
from volley.rtl.control.fields import field_signal
from volley.rtl.memory.ram import address_bits


class Columns:
    """Driven by ``column_counter``, and valid with the beat that ``Loops`` describes.

    column, start, full, lane   of ``volley.rtl.control.beat.Target``
    read_lane                   ``lane`` of ``volley.rtl.control.beat.Beat``
    read_next                   the next beat reads another word
    """

    def __init__(self):
        self.column = Signal(intbv(0)[DESCRIPTOR["out_width"].width :])
        self.start, self.full, self.read_next = (Signal(bool(0)) for _ in range(3))
        self.lane, self.read_lane = (Signal(modbv(0)[address_bits(LANES) :]) for _ in range(2))


@block
def column_counter(clk, loops, descriptor, columns, drops):
    """Counts the beats of a row; loops: ``volley.rtl.control.loop_nest.Loops``.

    drops: of packed words the last of a row may be dropped, then the one before it is full.
    """
    des = descriptor
    lane_bits = address_bits(LANES)
    count_bits = address_bits(2 * LANES)  # beats of an output word: packed pixels, pooled
    count, last_count = (Signal(intbv(0)[count_bits:]) for _ in range(2))
    lane_step, read_step = (Signal(modbv(0)[lane_bits:]) for _ in range(2))
    in_pairs, dense = Signal(bool(0)), Signal(bool(0))
    read_lane = columns.read_lane

    @always(clk.posedge)
    def copy_layer():
        if loops.load:
            dense.next = des.dense
            in_pairs.next = des.encode and des.pool
            last_count.next = des.pool
            lane_step.next = 0
            read_step.next = 0
            if des.encode and not des.dense:
                # several pixels, or pairs of them, make a word
                if des.pack == 1:
                    last_count.next = 1
                    if des.pool:
                        last_count.next = 3
                    lane_step.next = 4
                elif des.pack == 2:
                    last_count.next = 3
                    if des.pool:
                        last_count.next = 7
                    lane_step.next = 2
                elif des.pack == 3:
                    last_count.next = 7
                    if des.pool:
                        last_count.next = 15
                    lane_step.next = 1
            elif des.dense and not des.encode:
                if des.pack == 1:
                    read_step.next = 4
                elif des.pack == 2:
                    read_step.next = 2
                elif des.pack == 3:
                    read_step.next = 1
            elif des.pool and des.pack != 0:
                lane_step.next = 4  # a word's pooled pixels are half a word

    if drops:
        drop = Signal(bool(0))
        last_kept = field_signal(DESCRIPTOR["width"])

        @always(clk.posedge)
        def copy_drop():
            if loops.load:
                drop.next = des.drop_last
                last_kept.next = 0
                if des.drop_last:
                    last_kept.next = des.width - 2

        @always_comb
        def find_ends():
            columns.start.next = count == 0
            columns.full.next = (
                count == last_count or loops.row_end or (drop and loops.x == last_kept)
            )
            columns.read_next.next = (
                read_lane + read_step == 0 or read_lane + read_step == LANES or loops.row_end
            )

    else:

        @always_comb
        def find_ends():
            columns.start.next = count == 0
            columns.full.next = count == last_count or loops.row_end
            columns.read_next.next = (
                read_lane + read_step == 0 or read_lane + read_step == LANES or loops.row_end
            )

    @always(clk.posedge)
    def count_columns():
        if loops.load:
            count.next = 0
            columns.column.next = 0
            columns.lane.next = 0
            read_lane.next = 0
        elif loops.go:
            read_lane.next = read_lane + read_step
            if loops.row_end:
                count.next = 0
                columns.column.next = 0
                columns.lane.next = 0
                read_lane.next = 0
            elif count == last_count:
                count.next = 0
                columns.lane.next = 0
                if not dense:
                    columns.column.next = columns.column + 1
            else:
                count.next = count + 1
                if count[0] or not in_pairs:
                    columns.lane.next = columns.lane + lane_step

    return instances()
