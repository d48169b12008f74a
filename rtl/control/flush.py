"""The flush: cycles in which neurons that two output channels share take the second one's psums.

A channel and the one ``design.neurons`` above it complete their psums together. The neuron takes the first's at
once, and a pass later the second's, which stay in their row buffer: in a beat of a row's first input group the
buffer is read, but the psum that begins there does not need it. So the first group of a row takes what the
row before has left, and only where there is no such row, or a row has one group alone, cycles are spent:

    G input groups, G > 1     row 0: 0 1 .. G-1   row 1: 0 1 .. G-1   flush
    first half is taken                      ^                   ^
    second half is taken                                 ^            ^
"""

from myhdl import Signal, always, always_comb, block, instances


@block
def flush_counter(clk, loops, active, descriptor):
    """Drives what ``volley.rtl.control.loop_nest.Loops`` has of the flush, but ``flush`` itself.

    A flush goes through the columns of a row as the beats do. Of a single pixel the psum is stored first: such
    a flush, ``short``, has a beat in the second of its two cycles.
    """
    always_due, short, second = (Signal(bool(0)) for _ in range(3))
    des = descriptor

    @always(clk.posedge)
    def copy_layer():
        if loops.load:
            short.next = des.dense or des.width == 1
            always_due.next = des.in_groups == 1 or des.width == 1 or des.dense or des.passes != 1

    @always(clk.posedge)
    def count_short():
        second.next = loops.flush and short and not second

    @always_comb
    def find():
        loops.flush_due.next = (
            loops.pass_over
            and (always_due or loops.all_over)
            and (loops.last_pass or not active.readout)
        )
        loops.flush_moves.next = loops.flush and not short
        loops.flush_beat.next = loops.flush and (second or not short)
        loops.flush_end.next = loops.flush and (second or (loops.row_end and not short))

    @always(clk.posedge)
    def note_row():
        if loops.load:
            loops.owing.next = False
        elif loops.go and loops.pass_over:
            loops.owing.next = not always_due

    return instances()


@block
def no_flush(clk, loops):
    """Ties what ``flush_counter`` drives and others read, in a design whose neurons are not shared."""

    @always(clk.posedge)
    def tie_low():
        loops.flush_due.next = False
        loops.flush_beat.next = False
        loops.flush_moves.next = False
        loops.flush_end.next = False

    return instances()


@block
def owed_beats(clk, loops, beat):
    """Drives ``beat.owed``, a cycle after the beat is issued."""

    @always(clk.posedge)
    def mark():
        beat.owed.next = loops.flush_beat or (loops.go and loops.owing and loops.first_group)

    return instances()
