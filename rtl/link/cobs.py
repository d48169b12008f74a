"""Consistent overhead byte stuffing: frames without zero bytes, ended by one."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.frames import COBS_BLOCK, DELIMITER

RAM_BYTES = 512  # an open block of COBS_BLOCK bytes, and as much that waits to leave
RAM_BITS = (RAM_BYTES - 1).bit_length()
RAM_SPARE = 4  # places that stay free, so that a step never has to look


@block
def cobs_decode(clk, rst, data, valid, out_data, out_valid, frame_end, broken, empty):
    """Undoes byte stuffing. A byte a cycle, latency 1.

    data, valid: bytes as they come from the line.
    out_data, out_valid: the bytes of a frame.
    frame_end: one cycle, later than the frame's last byte, a delimiter came. With it:
    broken: the frame ended inside a block;
    empty: no byte came between this delimiter and the one before.
    """
    left = Signal(intbv(0)[8:])  # bytes of the block that are still to come
    zero_due = Signal(bool(0))  # a zero lies between this block and the next
    started = Signal(bool(0))

    @always(clk.posedge)
    def decode():
        out_valid.next = False
        frame_end.next = False
        if rst:
            left.next = 0
            zero_due.next = False
            started.next = False
        elif valid:
            if data == DELIMITER:
                frame_end.next = True
                broken.next = left != 0
                empty.next = not started
                left.next = 0
                zero_due.next = False
                started.next = False
            else:
                started.next = True
                if left == 0:
                    left.next = data - 1
                    out_data.next = 0
                    out_valid.next = zero_due
                    zero_due.next = data <= COBS_BLOCK
                else:
                    left.next = left - 1
                    out_data.next = data
                    out_valid.next = True

    return instances()


@block
def cobs_encode(clk, rst, data, frame_end, valid, ready, out_data, out_valid, out_ready, busy):
    """Stuffs the bytes of a frame and puts the delimiter behind them.

    data, frame_end, valid, ready: taken in a cycle in which ``valid`` and ``ready`` are set: a byte
    of the frame, or, with ``frame_end``, the end of the frame and no byte.
    out_data, out_valid, out_ready: bytes for the line, given in a cycle in which both are set.
    busy: something was taken that has not been given.

    A block's bytes go into a RAM behind a reserved place for its code byte. When the block ends,
    its code is written to that place and all of it becomes readable.
    """
    ram = [Signal(intbv(0)[8:]) for _ in range(RAM_BYTES)]
    code_place = Signal(modbv(0)[RAM_BITS:])  # reserved for the open block's code
    head = Signal(modbv(1)[RAM_BITS:])  # where the next byte of the open block goes
    tail = Signal(modbv(0)[RAM_BITS:])  # where the next byte leaves; code_place: nothing can leave
    length = Signal(intbv(0)[8:])  # bytes of the open block
    after_full = Signal(bool(0))  # the open block follows a full one, and is needed for bytes only
    ending = Signal(bool(0))
    write = Signal(bool(0))
    write_place = Signal(modbv(0)[RAM_BITS:])
    write_data = Signal(intbv(0)[8:])
    readable = Signal(modbv(0)[RAM_BITS:])  # as code_place, when the code is in the RAM

    @always(clk.posedge)
    def encode():
        used = modbv(0)[RAM_BITS:]
        write.next = False
        readable.next = code_place
        if rst:
            ready.next = False
            code_place.next = 0
            head.next = 1
            length.next = 0
            after_full.next = False
            ending.next = False
            readable.next = 0
        elif ending and after_full and length == 0:
            # no block is open: the delimiter takes the place of the code
            write.next = True
            write_place.next = code_place
            write_data.next = DELIMITER
            code_place.next = head
            head.next = head + 1
            after_full.next = False
            ending.next = False
        elif ending or length == COBS_BLOCK:
            write.next = True
            write_place.next = code_place
            write_data.next = length + 1
            code_place.next = head
            head.next = head + 1
            length.next = 0
            after_full.next = True
        elif ready and valid:
            ready.next = False
            if frame_end:
                ending.next = True
            else:
                write.next = True
                head.next = head + 1
                if data == 0:
                    write_place.next = code_place
                    write_data.next = length + 1
                    code_place.next = head
                    length.next = 0
                    after_full.next = False
                else:
                    write_place.next = head
                    write_data.next = data
                    length.next = length + 1
        elif not ready:
            used[:] = head - tail
            ready.next = used < RAM_BYTES - RAM_SPARE

    @always(clk.posedge)
    def keep():
        if write:
            ram[write_place].next = write_data

    @always_comb
    def tell_busy():
        busy.next = tail != code_place or length != 0 or ending or out_valid

    @always(clk.posedge)
    def fetch():
        if rst:
            tail.next = 0
            out_valid.next = False
        elif out_valid:
            if out_ready:
                out_valid.next = False
        elif tail != readable:
            out_data.next = ram[tail]
            tail.next = tail + 1
            out_valid.next = True

    return instances()
