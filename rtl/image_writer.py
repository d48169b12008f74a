"""Takes a picture, byte by byte, into the spike memory: each byte is a pixel's bit planes."""

from myhdl import Signal, always, block, instances, intbv

from firmware.isa import BANKS
from firmware.registers import IMAGE_SHAPE
from rtl.memory import address_bits


@block
def byte_slot(clk, take, place, this, byte, clear, held):
    """Byte ``this`` of the word that is being gathered."""

    @always(clk.posedge)
    def gather():
        if take and place == this:
            held.next = byte
        elif clear:
            held.next = 0

    return instances()


@block
def image_writer(
    clk, start, base, shape, stride, data, accept, ready, request, grant, bank, address, slots, design
):
    """Gathers words of the spike memory from a stream of bytes in the order row, column, channel.

    start: with ``accept``, the word is the first of a picture at word address ``base``.
    shape: register IMAGE_SHAPE; stride: words from row y to row y + 3.
    data, accept: a 32-bit word, four bytes, taken in a cycle in which ``ready`` is set.
    request: the bytes in ``slots`` are to be written to ``bank`` at ``address`` (modbv), until ``grant``; the
    slots keep their values for one more cycle. Bytes after the last pixel are ignored.
    """
    fields = IMAGE_SHAPE
    w_msb, w_lsb = fields["width"].msb, fields["width"].lsb
    h_msb, h_lsb = fields["height"].msb, fields["height"].lsb
    c_msb, c_lsb = fields["channels"].msb, fields["channels"].lsb
    ci = design.ci

    pending = Signal(intbv(0)[32:])
    left = Signal(intbv(0)[3:])  # bytes of pending
    byte = Signal(intbv(0)[8:])
    take = Signal(bool(0))
    clear = Signal(bool(0))
    done = Signal(bool(1))
    place = Signal(intbv(0)[address_bits(ci) :])
    channel = Signal(intbv(0)[c_msb - c_lsb :])
    column = Signal(intbv(0)[w_msb - w_lsb :])
    row = Signal(intbv(0)[h_msb - h_lsb :])
    row_bank = Signal(intbv(0)[2:])
    row_base = Signal(intbv(0)[20:])
    group_offset = Signal(intbv(0)[20:])
    gather = [byte_slot(clk, take, place, k, byte, clear, slots[k]) for k in range(ci)]

    @always(clk.posedge)
    def step():
        take.next = False
        clear.next = False
        ready.next = left == 0 and not accept and not take and not request
        if accept:
            pending.next = data
            left.next = 4
            if start:
                place.next = 0
                channel.next = 0
                column.next = 0
                row.next = 0
                row_bank.next = 0
                row_base.next = base
                group_offset.next = 0
                clear.next = True
                done.next = False
        elif take:
            # the byte that is being taken: does it end a word, a pixel, a row, the picture?
            if place == ci - 1 or channel == shape[c_msb:c_lsb] - 1:
                request.next = True
            else:
                place.next = place + 1
                channel.next = channel + 1
        elif request:
            if grant:
                request.next = False
                clear.next = True
                place.next = 0
                if channel != shape[c_msb:c_lsb] - 1:
                    channel.next = channel + 1
                    group_offset.next = group_offset + shape[w_msb:w_lsb]
                else:
                    channel.next = 0
                    group_offset.next = 0
                    if column != shape[w_msb:w_lsb] - 1:
                        column.next = column + 1
                    else:
                        column.next = 0
                        row.next = row + 1
                        if row == shape[h_msb:h_lsb] - 1:
                            done.next = True
                        if row_bank == BANKS - 1:
                            row_bank.next = 0
                            row_base.next = row_base + stride
                        else:
                            row_bank.next = row_bank + 1
        elif left != 0 and not clear:
            byte.next = pending[8:]
            pending.next = pending >> 8
            left.next = left - 1
            take.next = not done

    @always(clk.posedge)
    def show():
        if take:
            address.next = row_base + group_offset + column
            bank.next = row_bank

    return instances()
