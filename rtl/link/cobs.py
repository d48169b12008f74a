"""Consistent overhead byte stuffing: frames without zero bytes, ended by one."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.frames import COBS_BLOCK, DELIMITER
from volley.rtl.link.stream import BYTE_BITS

RAM_BYTES = 512  # an open block of COBS_BLOCK bytes, and as much that waits to leave
RAM_BITS = (RAM_BYTES - 1).bit_length()
RAM_SPARE = 4  # bytes that stay free, so that a step never has to look


class FrameEnd:
    """The end of a frame of bytes.

    valid    one cycle, later than the frame's last byte: a delimiter came; with it
    broken   the frame ended inside a block
    empty    no byte came between this delimiter and the one before
    """

    def __init__(self):
        self.valid = Signal(bool(0))
        self.broken = Signal(bool(0))
        self.empty = Signal(bool(0))


@block
def cobs_decode(clk, rst, stuffed, plain, frame_end):
    """Undoes byte stuffing. A byte a cycle, latency 1.

    stuffed, plain: ``Streams`` of bytes, as they come from the line and as they are in the frame,
    both without ``ready`` and ``last``. frame_end: a ``FrameEnd``.
    """
    left = Signal(intbv(0)[BYTE_BITS:])  # bytes of the block that are still to come
    zero_due = Signal(bool(0))  # a zero lies between this block and the next
    started = Signal(bool(0))

    @always(clk.posedge)
    def decode():
        plain.valid.next = False
        frame_end.valid.next = False
        if rst:
            left.next = 0
            zero_due.next = False
            started.next = False
        elif stuffed.valid:
            if stuffed.data == DELIMITER:
                frame_end.valid.next = True
                frame_end.broken.next = left != 0
                frame_end.empty.next = not started
                left.next = 0
                zero_due.next = False
                started.next = False
            else:
                started.next = True
                if left == 0:
                    left.next = stuffed.data - 1
                    plain.data.next = 0
                    plain.valid.next = zero_due
                    zero_due.next = stuffed.data <= COBS_BLOCK
                else:
                    left.next = left - 1
                    plain.data.next = stuffed.data
                    plain.valid.next = True

    return instances()


@block
def cobs_encode(clk, rst, plain, stuffed, busy):
    """Stuffs the bytes of a frame and puts the delimiter behind them.

    plain: a ``Stream`` of bytes; an item with ``last`` is the end of the frame and no byte.
    stuffed: a ``Stream`` of bytes for the line, without ``last``.
    busy: something was taken that has not been given.

    A block's bytes go into a RAM behind a reserved address for its code byte. When the block ends,
    its code is written there, and all of it becomes readable.
    """
    ram = [Signal(intbv(0)[BYTE_BITS:]) for _ in range(RAM_BYTES)]
    code_address = Signal(modbv(0)[RAM_BITS:])  # reserved for the open block's code
    head = Signal(modbv(1)[RAM_BITS:])  # where the next byte of the open block goes
    tail = Signal(
        modbv(0)[RAM_BITS:]
    )  # where the next byte leaves; code_address: nothing can leave
    length = Signal(intbv(0)[BYTE_BITS:])  # bytes of the open block
    after_full = Signal(bool(0))  # the open block follows a full one, and is needed for bytes only
    ending = Signal(bool(0))
    write = Signal(bool(0))
    write_address = Signal(modbv(0)[RAM_BITS:])
    write_data = Signal(intbv(0)[BYTE_BITS:])
    readable = Signal(modbv(0)[RAM_BITS:])  # as code_address, when the code is in the RAM

    @always(clk.posedge)
    def encode():
        used = modbv(0)[RAM_BITS:]
        write.next = False
        readable.next = code_address
        if rst:
            plain.ready.next = False
            code_address.next = 0
            head.next = 1
            length.next = 0
            after_full.next = False
            ending.next = False
            readable.next = 0
        elif ending and after_full and length == 0:
            # no block is open: the delimiter replaces the code
            write.next = True
            write_address.next = code_address
            write_data.next = DELIMITER
            code_address.next = head
            head.next = head + 1
            after_full.next = False
            ending.next = False
        elif ending or length == COBS_BLOCK:
            write.next = True
            write_address.next = code_address
            write_data.next = length + 1
            code_address.next = head
            head.next = head + 1
            length.next = 0
            after_full.next = True
        elif plain.ready and plain.valid:
            plain.ready.next = False
            if plain.last:
                ending.next = True
            else:
                write.next = True
                head.next = head + 1
                if plain.data == 0:
                    write_address.next = code_address
                    write_data.next = length + 1
                    code_address.next = head
                    length.next = 0
                    after_full.next = False
                else:
                    write_address.next = head
                    write_data.next = plain.data
                    length.next = length + 1
        elif not plain.ready:
            used[:] = head - tail
            plain.ready.next = used < RAM_BYTES - RAM_SPARE

    @always(clk.posedge)
    def write_ram():
        if write:
            ram[write_address].next = write_data

    @always_comb
    def drive_busy():
        busy.next = tail != code_address or length != 0 or ending or stuffed.valid

    @always(clk.posedge)
    def read_ram():
        if rst:
            tail.next = 0
            stuffed.valid.next = False
        elif stuffed.valid:
            if stuffed.ready:
                stuffed.valid.next = False
        elif tail != readable:
            stuffed.data.next = ram[tail]
            tail.next = tail + 1
            stuffed.valid.next = True

    return instances()
