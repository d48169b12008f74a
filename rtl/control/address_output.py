"""Addresses of the output: where the spikes or scores of a beat go."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv, modbv

from volley.firmware.isa import BANKS, DESCRIPTOR, INSTRUCTION
from volley.rtl.control.fields import descriptor_signals, field_signal


@block
def complete_beat(loops, active, complete):
    """complete = a beat is issued that completes a psum: no other's target is used."""

    @always_comb
    def find():
        if active.dense:
            complete.next = loops.go and loops.pass_over and (loops.last_pass or not active.readout)
        else:
            complete.next = loops.go and loops.last_group

    return instances()


@block
def output_address(clk, loops, active, columns, instruction, descriptor, beat, design):
    """Drives ``beat.target``, a cycle after ``loops.go``.

    loops: ``volley.rtl.control.loop_nest.Loops``. columns: ``volley.rtl.control.column_counter.Columns``.
    """
    ins, des = instruction, descriptor
    layout = beat.target_layout
    base, stride, width, pass_words = descriptor_signals(
        "out_base", "out_stride", "out_width", "out_pass"
    )
    last = Signal(modbv(0)[len(base) :])  # where a ring's last row begins
    start_row, row = (field_signal(INSTRUCTION["out_row"]) for _ in range(2))
    start_bank, bank = (field_signal(INSTRUCTION["out_bank"]) for _ in range(2))
    # of a row, where the output group begins, and the pass of it
    group, offset = (Signal(intbv(0)[DESCRIPTOR["out_base"].width :]) for _ in range(2))
    sub = Signal(intbv(0)[layout.bits("sub") :])
    param = Signal(modbv(0)[layout.bits("param") :])
    packed_words = Signal(bool(0))  # a convolution reads and writes them
    sub_last = design.ci // design.co - 1
    word_bits = len(row) + 2
    address_limit, column_limit = layout.bits("address"), layout.bits("column")
    pixel_limit, part_limit = layout.bits("pixel"), layout.bits("part")

    @always(clk.posedge)
    def copy_layer():
        if loops.load:
            base.next = des.out_base
            last.next = des.out_end - des.out_stride
            stride.next = des.out_stride
            width.next = des.out_width
            pass_words.next = des.out_pass
            start_row.next = ins.out_row
            start_bank.next = ins.out_bank
            packed_words.next = des.pack != 0 and not des.dense and not des.encode

    @always(clk.posedge)
    def move_row():
        if loops.load:
            row.next = ins.out_row
            bank.next = ins.out_bank
        elif loops.go and loops.pass_over and loops.last_pass:
            if loops.last_row:
                row.next = start_row
                bank.next = start_bank
            elif not active.dense and (not active.pool or loops.y[0]):
                if bank != BANKS - 1:
                    bank.next = bank + 1
                else:
                    bank.next = 0
                    if row == last:
                        row.next = base
                    else:
                        row.next = row + stride

    @always(clk.posedge)
    def move_group():
        if loops.load:
            group.next = 0
            offset.next = 0
            sub.next = 0
            param.next = des.param_base
        elif loops.go and loops.pass_over:
            if not loops.last_pass:
                offset.next = offset + pass_words
            else:
                offset.next = group
                if loops.last_row:
                    param.next = param + 1
                    if sub == sub_last:
                        sub.next = 0
                        group.next = group + width
                        offset.next = group + width
                    else:
                        sub.next = sub + 1

    wanted = loops.go
    if design.gate:
        wanted = Signal(bool(0))
        wanted_inst = complete_beat(loops, active, wanted)

    @always(clk.posedge)
    def drive_target():
        word = intbv(0)[word_bits:]
        column = intbv(0)[column_limit:]
        pixel = intbv(0)[pixel_limit:]
        cut = intbv(0)[1:]
        if wanted:
            if not active.dense:
                pixel[:] = loops.x[pixel_limit:]
            # of packed words only the last is cut
            if loops.last_pass and (loops.row_end or not packed_words):
                cut[:] = 1
            word[:] = row + offset + columns.column
            column[:] = columns.column[column_limit:]
            beat.target.next = concat(
                param, word[address_limit:], bank, sub, columns.lane, cut, pixel,
                loops.part[part_limit:], column, columns.full, columns.start, loops.y[0],
            )  # fmt: skip

    return instances()
