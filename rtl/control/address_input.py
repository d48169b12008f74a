"""Addresses of the input: the word of each spike bank that a beat reads.

A map is a ring of rows in three banks; each bank has one of the three rows under the kernel.
"""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import BANKS, DESCRIPTOR, INSTRUCTION
from volley.rtl.control.fields import field_signal


class Ring:
    """The words of a map in each bank: from ``base`` on, ``stride`` from row y to y + 3, and from ``last`` to base.

    bits: of a word's address; one more, beyond: of the end of the memory, as far as a field names it.
    """

    def __init__(self, bits):
        self.beyond = min(bits + 1, DESCRIPTOR["in_end"].width)
        self.base, self.stride, self.last = (Signal(modbv(0)[bits:]) for _ in range(3))


@block
def ring_row(clk, load, first, restart, advance, ring, row):
    """row = word address, in one bank, of the row that is under the kernel.

    load: row becomes ``first``, and again at ``restart``. advance: a row of the ring further.
    """
    start = Signal(intbv(0)[len(row) :])

    @always(clk.posedge)
    def move_row():
        if load:
            start.next = first
            row.next = first
        elif restart:
            row.next = start
        elif advance:
            if row == ring.last:
                row.next = ring.base
            else:
                row.next = row + ring.stride

    return instances()


@block
def input_address(clk, loops, active, read_next, instruction, descriptor, beat):
    """Drives ``beat.addresses`` and ``beat.center``, a cycle after ``loops.go``.

    loops: ``volley.rtl.control.loop_nest.Loops``. read_next: the next beat reads another word.
    """
    ins, des = instruction, descriptor
    bits = len(beat.addresses[0])
    ring = Ring(bits)
    beyond = ring.beyond
    following = Signal(intbv(0)[bits:])
    first0, first1, first2 = (Signal(intbv(0)[bits:]) for _ in range(3))
    row0, row1, row2 = rows = [Signal(modbv(0)[bits:]) for _ in range(BANKS)]
    advance0, advance1, advance2 = advances = [Signal(bool(0)) for _ in range(BANKS)]
    row_done, restart = (Signal(bool(0)) for _ in range(2))
    start_center, center = (field_signal(INSTRUCTION["in_bank"]) for _ in range(2))
    offset, pass_offset = (Signal(modbv(0)[bits:]) for _ in range(2))
    address0, address1, address2 = beat.addresses
    rows_inst = [
        ring_row(clk, loops.load, first, restart, advance, ring, row)
        for first, advance, row in zip((first0, first1, first2), advances, rows)
    ]

    @always(clk.posedge)
    def copy_ring():
        if loops.load:
            ring.base.next = des.in_base[bits:]
            ring.stride.next = des.in_stride[bits:]
            ring.last.next = des.in_end[beyond:] - des.in_stride[beyond:]

    @always(clk.posedge)
    def find_following():
        next_row = intbv(0)[bits + 2 :]
        # the ring's next rows after in_row; the instruction is there a cycle before ``load``
        next_row[:] = ins.in_row[bits:] + des.in_stride[beyond:]
        if next_row == des.in_end[beyond:]:
            following.next = des.in_base[bits:]
        else:
            following.next = next_row[bits:]

    @always_comb
    def find_first_rows():
        # banks before in_bank begin with the ring's next rows; bank 2 never does
        first0.next = following
        first1.next = following
        first2.next = ins.in_row[bits:]
        if ins.in_bank == 0:
            first0.next = ins.in_row[bits:]
        if ins.in_bank != 2:
            first1.next = ins.in_row[bits:]

    @always_comb
    def find_moves():
        # the kernel moves down: the bank of the row above gets the row after next
        row_done.next = loops.go and loops.row_over and (active.dense or loops.last_pass)
        restart.next = row_done and loops.last_row
        advance0.next = row_done and center == 1
        advance1.next = row_done and center == 2
        advance2.next = row_done and center == 0

    @always(clk.posedge)
    def move_center():
        if loops.load:
            if ins.in_bank == 2:
                center.next = 0
                start_center.next = 0
            else:
                center.next = ins.in_bank + 1
                start_center.next = ins.in_bank + 1
        elif restart:
            center.next = start_center
        elif row_done:
            if center == 1:
                center.next = 2
            elif center == 2:
                center.next = 0
            else:
                center.next = 1

    @always(clk.posedge)
    def count_offset():
        if loops.load:
            offset.next = 0
            pass_offset.next = 0
        elif loops.go:
            # the passes of a row follow each other, but for a picture, which is the same in each
            if read_next:
                offset.next = offset + 1
            if loops.row_over:
                if not loops.pass_over:
                    offset.next = pass_offset
                elif loops.last_pass or active.encode:
                    offset.next = 0
                    pass_offset.next = 0
                else:
                    pass_offset.next = offset + 1

    @always(clk.posedge)
    def drive_addresses():
        if loops.go:
            address0.next = row0 + offset
            address1.next = row1 + offset
            address2.next = row2 + offset
            beat.center.next = center

    return instances()
