"""Addresses of the weights: the word of the weight banks, and the tap of a kernel of one tap."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import DESCRIPTOR, TAPS
from volley.rtl.control.fields import descriptor_signals


@block
def weight_address(clk, loops, active, descriptor, beat):
    """Drives ``beat.weight_address`` and ``beat.weight_tap``, a cycle after ``loops.go``.

    A 3x3 kernel has a word for each input group. Of a kernel of one tap the nine banks hold one
    input group each. Output groups are ``weight_step`` words apart.
    """
    des = descriptor
    (step,) = descriptor_signals("weight_step")
    group, word = (Signal(intbv(0)[DESCRIPTOR["weight_base"].width :]) for _ in range(2))
    tap = Signal(intbv(0)[len(beat.weight_tap) :])

    @always(clk.posedge)
    def copy_step():
        if loops.load:
            step.next = des.weight_step

    @always(clk.posedge)
    def move_word():
        if loops.load:
            word.next = des.weight_base
            group.next = des.weight_base
            tap.next = 0
        elif loops.go:
            if loops.row_over and loops.last_row and loops.last_pass:
                word.next = group + step
                group.next = group + step
                tap.next = 0
            elif loops.pass_over:
                word.next = group
                tap.next = 0
            elif loops.row_end or active.dense:
                if active.kernel3:
                    word.next = word + 1
                elif tap == TAPS - 1:
                    word.next = word + 1
                    tap.next = 0
                else:
                    tap.next = tap + 1

    @always(clk.posedge)
    def drive_address():
        if loops.go:
            beat.weight_address.next = word
            beat.weight_tap.next = tap

    return instances()
