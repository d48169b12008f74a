"""Columns of an input row and of the output row, and the lanes of packed words."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import LANES
from volley.rtl.memory.ram import address_bits


@block
def walk_columns(
    clk, load, go, row_end, descriptor, column, start, full, lane, read_lane, read_next
):  # fmt: skip
    """Counts the beats of a row; load: of an instruction, go: a beat, row_end: the row's last.

    column, start, full, lane: of ``volley.rtl.control.beat.Target``. read_lane: of ``volley.rtl.control.beat.Beat``; read_next: the
    next beat reads another word.
    """
    des = descriptor
    lane_bits = address_bits(LANES)
    count, last_count = (Signal(intbv(0)[4:]) for _ in range(2))
    lane_step, read_step = (Signal(modbv(0)[lane_bits:]) for _ in range(2))
    in_pairs, dense = Signal(bool(0)), Signal(bool(0))

    @always(clk.posedge)
    def take_layer():
        if load:
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

    @always_comb
    def tell():
        start.next = count == 0
        full.next = count == last_count or row_end
        read_next.next = read_lane + read_step == 0 or read_lane + read_step == LANES or row_end

    @always(clk.posedge)
    def walk():
        if load:
            count.next = 0
            column.next = 0
            lane.next = 0
            read_lane.next = 0
        elif go:
            read_lane.next = read_lane + read_step
            if row_end:
                count.next = 0
                column.next = 0
                lane.next = 0
                read_lane.next = 0
            elif count == last_count:
                count.next = 0
                lane.next = 0
                if not dense:
                    column.next = column + 1
            else:
                count.next = count + 1
                if count[0] or not in_pairs:
                    lane.next = lane + lane_step

    return instances()


@block
def take_packing(clk, load, descriptor, read_lane, beat, active):
    """The parts of ``beat`` and ``active`` that only a design with lane packing has."""
    des = descriptor
    beat_lane = beat.lane

    @always(clk.posedge)
    def take_layer():
        if load:
            active.window_pack.next = 0
            active.select_pack.next = 0
            active.place_pack.next = 0
            active.restart.next = 0
            if des.dense:
                if not des.encode:
                    active.select_pack.next = des.pack
            elif not des.encode:
                if des.kernel3:
                    active.window_pack.next = des.pack
                if des.pool:
                    active.place_pack.next = des.pack
                if des.pack == 1:
                    active.restart.next = 0b00010000
                elif des.pack == 2:
                    active.restart.next = 0b01010100
                elif des.pack == 3:
                    active.restart.next = 0b11111110

    @always(clk.posedge)
    def pass_on():
        beat_lane.next = read_lane

    return instances()
