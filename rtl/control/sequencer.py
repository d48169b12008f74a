"""The sequencer: walks a program's loop nests and issues one beat a cycle to the pipeline.

The loop nest is that of ``Opcode.ROWS`` in firmware/isa.py. A beat is one word of each spike bank
with the weights, masks and destination that belong to it.
"""

from myhdl import (
    Signal,
    always,
    always_comb,
    block,
    concat,
    enum,
    instances,
    intbv,
    modbv,
)

from volley.firmware.isa import BANKS, LANES, MAX_PASSES, PASS_CYCLES, TAPS, Opcode
from volley.rtl.control.column_counter import take_packing, walk_columns
from volley.rtl.memory.ram import address_bits


@block
def sequencer(
    clk, stop, run, running, valid, instruction, descriptor, step, beat, active, issuing, account,
    drain_cycles, design,
):  # fmt: skip
    """Runs what ``fetch`` brings until HALT.

    run, stop: one cycle. valid, instruction, descriptor, step: of ``volley.rtl.control.fetch``.
    beat, active: of ``volley.rtl.control.beat``. issuing: a beat is issued next cycle, or a pass waits. account: one
    cycle, an instruction's last result is written.
    """
    ins, des = instruction, descriptor
    states = enum("IDLE", "WAITING", "SETUP", "ISSUE", "HOLD", "DRAIN")
    state = Signal(states.IDLE)
    draining = Signal(intbv(0)[8:])

    # the loop nest, outermost first
    og_left = Signal(intbv(0)[12:])
    rows_left = Signal(intbv(0)[12:])
    ig_left = Signal(intbv(0)[12:])
    x = Signal(intbv(0)[12:])
    y = Signal(intbv(0)[12:])
    first_ig = Signal(bool(0))
    first_beat = Signal(bool(0))  # of a dense layer's psum
    part_bits = address_bits(MAX_PASSES)
    part = Signal(intbv(0)[part_bits + 1 :])  # number of the pass
    last_pass = Signal(bool(0))
    since = Signal(intbv(0)[address_bits(PASS_CYCLES) :])  # cycles since the pass began

    # copies of the descriptor, since fetch goes on to the next
    row, rows, in_groups = (Signal(intbv(0)[12:]) for _ in range(3))
    x_last, y_last, out_width = (Signal(intbv(0)[12:]) for _ in range(3))
    in_base, in_end, in_stride = (Signal(intbv(0)[20:]) for _ in range(3))
    out_base, out_end, out_stride = (Signal(intbv(0)[20:]) for _ in range(3))
    weight_step, out_pass = (Signal(intbv(0)[20:]) for _ in range(2))

    # input rows: the word address, in each bank, of the row that is under the kernel
    start0, start1, start2 = (Signal(intbv(0)[20:]) for _ in range(3))
    row0, row1, row2 = (Signal(intbv(0)[20:]) for _ in range(3))
    start_center, center = (Signal(intbv(0)[2:]) for _ in range(2))
    offset, part_offset = (Signal(intbv(0)[20:]) for _ in range(2))

    # output row
    start_out, out_row = (Signal(intbv(0)[20:]) for _ in range(2))
    start_out_bank, out_bank = (Signal(intbv(0)[2:]) for _ in range(2))
    group_base, group_offset = (Signal(intbv(0)[20:]) for _ in range(2))
    sub = Signal(intbv(0)[beat.target_layout.bits("sub") :])
    param = Signal(modbv(0)[beat.target_layout.bits("param") :])
    sub_last = design.ci // design.co - 1

    weight_row, weight = (Signal(intbv(0)[20:]) for _ in range(2))
    weight_tap = Signal(intbv(0)[4:])

    address0, address1, address2 = beat.addresses
    spike_limit = len(address0)
    column_limit = beat.target_layout.bits("column")
    pixel_limit = beat.target_layout.bits("pixel")

    row_end, row_over, part_over = (Signal(bool(0)) for _ in range(3))
    loading, going = Signal(bool(0)), Signal(bool(0))
    column = Signal(intbv(0)[12:])
    start, full, read_next = (Signal(bool(0)) for _ in range(3))
    lane, read_lane = (Signal(modbv(0)[address_bits(LANES) :]) for _ in range(2))
    packed_words = Signal(bool(0))  # a convolution reads and writes them
    columns = walk_columns(
        clk, loading, going, row_end, des, column, start, full, lane, read_lane, read_next
    )
    if design.pack:
        packing = take_packing(clk, loading, des, read_lane, beat, active)

    @always_comb
    def find_ends():
        loading.next = state == states.SETUP
        going.next = state == states.ISSUE
        row_end.next = x == x_last
        row_over.next = x == x_last and ig_left == 1
        part_over.next = x == x_last and ig_left == 1 and (not active.dense or rows_left == 1)

    @always(clk.posedge)
    def control():
        step.next = False
        account.next = False
        if stop:
            state.next = states.IDLE
            running.next = False
        elif state == states.IDLE:
            if run:
                running.next = True
                state.next = states.WAITING
        elif state == states.WAITING:
            if valid:
                if ins.opcode == Opcode.ROWS:
                    state.next = states.SETUP
                else:
                    running.next = False
                    state.next = states.IDLE
        elif state == states.SETUP:
            step.next = True
            state.next = states.ISSUE
        elif state == states.ISSUE:
            if row_over and og_left == 1 and rows_left == 1 and last_pass:
                draining.next = drain_cycles
                state.next = states.DRAIN
            elif part_over and not last_pass and not active.readout and since != PASS_CYCLES - 1:
                state.next = states.HOLD
        elif state == states.HOLD:
            if since == PASS_CYCLES - 1:
                state.next = states.ISSUE
        elif state == states.DRAIN:
            draining.next = draining - 1
            if draining == 1:
                account.next = True
                state.next = states.WAITING

    @always(clk.posedge)
    def copy_layer():
        if state == states.SETUP:
            active.kernel3.next = des.kernel3
            active.dense.next = des.dense
            active.encode.next = des.encode
            active.readout.next = des.readout
            active.soft.next = des.soft
            active.pool.next = des.pool
            active.passes.next = des.passes
            active.last_lanes.next = des.last_lanes
            active.scale.next = des.scale
            active.layer.next = ins.layer
            packed_words.next = des.pack != 0 and not des.dense and not des.encode
            row.next = ins.row
            rows.next = ins.rows
            in_groups.next = des.in_groups
            x_last.next = des.width - 1
            y_last.next = des.height - 1
            out_width.next = des.out_width
            in_base.next = des.in_base
            in_end.next = des.in_end
            in_stride.next = des.in_stride
            out_base.next = des.out_base
            out_end.next = des.out_end
            out_stride.next = des.out_stride
            weight_step.next = des.weight_step
            out_pass.next = des.out_pass
            start_out.next = ins.out_row
            start_out_bank.next = ins.out_bank

    @always(clk.posedge)
    def walk_loops():
        if state == states.SETUP:
            og_left.next = des.out_groups
            rows_left.next = ins.rows
            ig_left.next = des.in_groups
            x.next = 0
            y.next = ins.row
            first_ig.next = True
            first_beat.next = True
        elif state == states.ISSUE:
            first_beat.next = False
            if x != x_last:
                x.next = x + 1
            else:
                x.next = 0
                first_ig.next = False
                if ig_left != 1:
                    ig_left.next = ig_left - 1
                else:
                    ig_left.next = in_groups
                    first_ig.next = True
                    if active.dense or last_pass:
                        if rows_left != 1:
                            rows_left.next = rows_left - 1
                            y.next = y + 1
                        else:
                            rows_left.next = rows
                            y.next = row
                            first_beat.next = last_pass or not active.readout
                            if last_pass:
                                og_left.next = og_left - 1

    @always(clk.posedge)
    def walk_passes():
        if state == states.SETUP:
            part.next = 0
            last_pass.next = des.passes == 1
            since.next = 0
        elif state == states.ISSUE or state == states.HOLD:
            if since != PASS_CYCLES - 1:
                since.next = since + 1
            elif state == states.HOLD:
                since.next = 0
            if state == states.ISSUE and part_over:
                if last_pass or active.readout or since == PASS_CYCLES - 1:
                    since.next = 0
                if last_pass:
                    part.next = 0
                    last_pass.next = active.passes == 1
                else:
                    part.next = part + 1
                    last_pass.next = part + 2 == active.passes

    @always(clk.posedge)
    def walk_input():
        wrapped = intbv(0)[21:]
        if state == states.SETUP:
            # the ring's next rows after in_row, one in each of the other banks
            wrapped[:] = ins.in_row + des.in_stride
            if wrapped == des.in_end:
                wrapped[:] = des.in_base
            row0.next = wrapped[20:]
            start0.next = wrapped[20:]
            row1.next = wrapped[20:]
            start1.next = wrapped[20:]
            row2.next = ins.in_row
            start2.next = ins.in_row
            if ins.in_bank == 0:
                row0.next = ins.in_row
                start0.next = ins.in_row
            if ins.in_bank != 2:
                row1.next = ins.in_row
                start1.next = ins.in_row
            if ins.in_bank == 2:
                center.next = 0
                start_center.next = 0
            else:
                center.next = ins.in_bank + 1
                start_center.next = ins.in_bank + 1
            offset.next = 0
            part_offset.next = 0
        elif state == states.ISSUE:
            # the passes of a row follow each other, but for a picture, which is the same in each
            if read_next:
                offset.next = offset + 1
            if row_over:
                if not part_over:
                    offset.next = part_offset
                elif last_pass or active.encode:
                    offset.next = 0
                    part_offset.next = 0
                else:
                    part_offset.next = offset + 1
            if row_over and (active.dense or last_pass):
                if rows_left == 1:
                    row0.next = start0
                    row1.next = start1
                    row2.next = start2
                    center.next = start_center
                elif center == 1:
                    # the kernel moves down: the bank of the row above gets the row after next
                    wrapped[:] = row0 + in_stride
                    if wrapped == in_end:
                        wrapped[:] = in_base
                    row0.next = wrapped[20:]
                    center.next = 2
                elif center == 2:
                    wrapped[:] = row1 + in_stride
                    if wrapped == in_end:
                        wrapped[:] = in_base
                    row1.next = wrapped[20:]
                    center.next = 0
                else:
                    wrapped[:] = row2 + in_stride
                    if wrapped == in_end:
                        wrapped[:] = in_base
                    row2.next = wrapped[20:]
                    center.next = 1

    @always(clk.posedge)
    def walk_weights():
        if state == states.SETUP:
            weight.next = des.weight_base
            weight_row.next = des.weight_base
            weight_tap.next = 0
        elif state == states.ISSUE:
            if row_over and rows_left == 1 and last_pass:
                weight.next = weight_row + weight_step
                weight_row.next = weight_row + weight_step
                weight_tap.next = 0
            elif part_over:
                weight.next = weight_row
                weight_tap.next = 0
            elif x == x_last or active.dense:
                if active.kernel3:
                    weight.next = weight + 1
                elif weight_tap == TAPS - 1:
                    weight.next = weight + 1
                    weight_tap.next = 0
                else:
                    weight_tap.next = weight_tap + 1

    @always(clk.posedge)
    def walk_output():
        if state == states.SETUP:
            out_row.next = ins.out_row
            out_bank.next = ins.out_bank
            group_base.next = 0
            group_offset.next = 0
            sub.next = 0
            param.next = des.param_base
        elif state == states.ISSUE:
            if part_over and not last_pass:
                group_offset.next = group_offset + out_pass
            elif part_over:
                group_offset.next = group_base
                if rows_left == 1:
                    out_row.next = start_out
                    out_bank.next = start_out_bank
                    param.next = param + 1
                    if sub == sub_last:
                        sub.next = 0
                        group_base.next = group_base + out_width
                        group_offset.next = group_base + out_width
                    else:
                        sub.next = sub + 1
                elif not active.dense and (not active.pool or y[0]):
                    if out_bank != BANKS - 1:
                        out_bank.next = out_bank + 1
                    else:
                        out_bank.next = 0
                        if out_row + out_stride == out_end:
                            out_row.next = out_base
                        else:
                            out_row.next = out_row + out_stride

    @always(clk.posedge)
    def issue():
        where = intbv(0)[22:]
        pixel = intbv(0)[pixel_limit:]
        cut = intbv(0)[1:]
        beat.valid.next = False
        if state == states.ISSUE:
            beat.valid.next = True
            address0.next = row0 + offset
            address1.next = row1 + offset
            address2.next = row2 + offset
            beat.center.next = center
            beat.mask_top.next = y == 0 or not active.kernel3
            beat.mask_bottom.next = y == y_last or not active.kernel3
            beat.mask_left.next = x == 0 or not active.kernel3
            beat.mask_right.next = x == x_last or not active.kernel3
            beat.weight_address.next = weight
            beat.weight_tap.next = weight_tap
            if active.dense:
                beat.first.next = first_beat
                beat.last.next = part_over and (last_pass or not active.readout)
                beat.pixel.next = 0
            else:
                beat.first.next = first_ig
                beat.last.next = ig_left == 1
                beat.pixel.next = x
                pixel[:] = x[pixel_limit:]
            # of packed words only the last is cut
            cut[:] = 0
            if last_pass and (row_end or not packed_words):
                cut[:] = 1
            where[:] = out_row + group_offset + column
            beat.target.next = concat(
                param, where[spike_limit:], out_bank, sub, lane, cut, pixel, part[part_bits:],
                column[column_limit:], full, start, y[0],
            )  # fmt: skip

    @always(clk.posedge)
    def tell():
        issuing.next = state == states.ISSUE or state == states.HOLD

    return instances()
