"""The loop nest of ``Opcode.ROWS`` in firmware/isa.py, as counters that move on with every beat."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.isa import DESCRIPTOR, INSTRUCTION, MAX_PASSES
from volley.rtl.control.fields import descriptor_signals, field_signal
from volley.rtl.control.flush import flush_counter, no_flush
from volley.rtl.memory.ram import address_bits


class Loops:
    """Where the loop nest is; what is said of a beat holds in the cycle in which ``go`` is set.

    Driven by the sequencer:
        load         one cycle: an instruction and its descriptor are taken
        go           one beat is issued
        hold         none is, since the next pass must not begin yet
    Driven by ``loop_nest``:
        x, y         of the beat, in the input map
        first_group, last_group   the beat is of the first, of the last input group
        first_beat   the first of a dense layer's psum
        last_row     of the instruction's rows
        row_end      the last beat of a row of one input group
        row_over     the last beat of a row
        pass_over    the last beat of a pass: of a row or, in a dense layer, of the map
        last_pass    the beat is of the last one
        all_over     the last beat of the instruction
    Driven by ``pass_counter``:
        part         number of the pass
        pass_ready   the membranes of this pass are stored: the next one may begin
    Of a design with ``share``, see ``volley.rtl.control.flush``:
        flush        driven by the sequencer: shared neurons take the second half of their channels
        flush_beat   a beat of it is issued
        flush_end    its last cycle
        flush_moves  x and row_end go through its row
        flush_due    it follows the beat
        owing        the first group of a row takes the second half of the row before
    """

    def __init__(self):
        self.load, self.go, self.hold = (Signal(bool(0)) for _ in range(3))
        self.x = field_signal(DESCRIPTOR["width"])
        self.y = field_signal(INSTRUCTION["row"])
        self.first_group, self.last_group = (Signal(bool(0)) for _ in range(2))
        self.first_beat = Signal(bool(0))
        self.last_row = Signal(bool(0))
        self.row_end, self.row_over, self.pass_over = (Signal(bool(0)) for _ in range(3))
        self.last_pass, self.all_over = (Signal(bool(0)) for _ in range(2))
        self.part = Signal(intbv(0)[address_bits(MAX_PASSES) + 1 :])
        self.pass_ready = Signal(bool(0))
        self.flush, self.flush_beat, self.flush_end = (Signal(bool(0)) for _ in range(3))
        self.flush_due, self.owing, self.flush_moves = (Signal(bool(0)) for _ in range(3))


@block
def loop_nest(clk, loops, active, instruction, descriptor, pass_cycles, share=0):
    """The loops over output groups, rows, input groups and columns; drives ``Loops``.

    Whether a count is at its last is a register beside it, not a comparison before all that depends on it.

    pass_cycles: that a pass takes at least. share: of the design.
    """
    ins, des = instruction, descriptor
    out_groups_left, in_groups, in_groups_left = descriptor_signals(
        "out_groups", "in_groups", "in_groups"
    )
    row, rows, rows_left = (field_signal(INSTRUCTION[name]) for name in ("row", "rows", "rows"))
    (x_before_last,) = descriptor_signals("width")
    one_column, last_out_group = (Signal(bool(0)) for _ in range(2))
    passes_inst = pass_counter(clk, loops, active, descriptor, pass_cycles, share)
    if share:
        flush_inst = flush_counter(clk, loops, active, descriptor)
    else:
        flush_inst = no_flush(clk, loops)

    @always_comb
    def find_ends():
        loops.row_over.next = loops.row_end and loops.last_group
        loops.pass_over.next = (
            loops.row_end and loops.last_group and (not active.dense or loops.last_row)
        )
        loops.all_over.next = (
            loops.row_end
            and loops.last_group
            and last_out_group
            and loops.last_row
            and loops.last_pass
        )

    @always(clk.posedge)
    def copy_layer():
        if loops.load:
            row.next = ins.row
            rows.next = ins.rows
            in_groups.next = des.in_groups
            one_column.next = des.width == 1
            if des.width > 1:
                x_before_last.next = des.width - 2

    @always(clk.posedge)
    def count_columns():
        if loops.load:
            loops.x.next = 0
            loops.row_end.next = des.width == 1
        elif loops.go or loops.flush_moves:
            if loops.row_end:
                loops.x.next = 0
                loops.row_end.next = one_column
            else:
                loops.x.next = loops.x + 1
                loops.row_end.next = loops.x == x_before_last

    @always(clk.posedge)
    def count_in_groups():
        if loops.load:
            in_groups_left.next = des.in_groups
            loops.first_group.next = True
            loops.last_group.next = des.in_groups == 1
        elif loops.go and loops.row_end:
            loops.first_group.next = loops.last_group
            if loops.last_group:
                in_groups_left.next = in_groups
                loops.last_group.next = in_groups == 1
            else:
                in_groups_left.next = in_groups_left - 1
                loops.last_group.next = in_groups_left == 2

    @always(clk.posedge)
    def count_rows():
        if loops.load:
            rows_left.next = ins.rows
            loops.last_row.next = ins.rows == 1
            loops.y.next = ins.row
        elif loops.go and loops.row_over and (active.dense or loops.last_pass):
            if loops.last_row:
                rows_left.next = rows
                loops.last_row.next = rows == 1
                loops.y.next = row
            else:
                rows_left.next = rows_left - 1
                loops.last_row.next = rows_left == 2
                loops.y.next = loops.y + 1

    @always(clk.posedge)
    def count_out_groups():
        if loops.load:
            out_groups_left.next = des.out_groups
            last_out_group.next = des.out_groups == 1
        elif loops.go and loops.row_over and loops.last_row and loops.last_pass:
            out_groups_left.next = out_groups_left - 1
            last_out_group.next = out_groups_left == 2

    @always(clk.posedge)
    def mark_first_beat():
        if loops.load:
            loops.first_beat.next = True
        elif loops.go:
            loops.first_beat.next = False
            if loops.row_over and loops.last_row and (active.dense or loops.last_pass):
                loops.first_beat.next = loops.last_pass or not active.readout

    return instances()


@block
def pass_counter(clk, loops, active, descriptor, pass_cycles, share):
    """The loop over the passes of ``LANES`` ticks, and the cycles that a pass must take at least.

    With ``share`` those of its flush are among them; where passes need their membranes it always has one.
    """
    elapsed = Signal(intbv(0)[address_bits(pass_cycles) :])  # cycles since the pass began

    @always_comb
    def find_end():
        loops.pass_ready.next = elapsed == pass_cycles - 1

    @always(clk.posedge)
    def count_passes():
        if loops.load:
            loops.part.next = 0
            loops.last_pass.next = descriptor.passes == 1
        elif loops.go and loops.pass_over:
            if loops.last_pass:
                loops.part.next = 0
                loops.last_pass.next = active.passes == 1
            else:
                loops.part.next = loops.part + 1
                loops.last_pass.next = loops.part + 2 == active.passes

    if share:
        ended = Signal(bool(0))  # the last pass is over, or one of a readout

        @always(clk.posedge)
        def note_end():
            if loops.go and loops.pass_over:
                ended.next = loops.last_pass or active.readout

        @always(clk.posedge)
        def count_flushed_cycles():
            if loops.load:
                elapsed.next = 0
            elif loops.go or loops.hold or loops.flush:
                if not loops.pass_ready:
                    elapsed.next = elapsed + 1
                elif loops.hold:
                    elapsed.next = 0
                if loops.flush_end and (ended or loops.pass_ready):
                    elapsed.next = 0

    else:
        count_inst = count_pass_cycles(clk, loops, active, elapsed)

    return instances()


@block
def count_pass_cycles(clk, loops, active, elapsed):
    """elapsed = cycles since the pass began, up to those that it takes at least."""

    @always(clk.posedge)
    def count_cycles():
        if loops.load:
            elapsed.next = 0
        elif loops.go or loops.hold:
            if not loops.pass_ready:
                elapsed.next = elapsed + 1
            elif loops.hold:
                elapsed.next = 0
            if loops.go and loops.pass_over:
                if loops.last_pass or active.readout or loops.pass_ready:
                    elapsed.next = 0

    return instances()
