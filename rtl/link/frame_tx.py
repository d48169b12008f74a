"""From the words of responses to the bytes of the line."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.rtl.link.cobs import cobs_encode
from volley.rtl.link.crc32 import crc32

WORD_BYTES = 4


@block
def frame_tx(clk, rst, word, last, valid, ready, out_data, out_valid, out_ready, busy):
    """Sends frames: the words, their CRC-32, byte stuffing, delimiter.

    word, last, valid, ready: a word of a frame, the last one or not, taken in a cycle in which
    ``valid`` and ``ready`` are set.
    out_data, out_valid, out_ready: bytes for the line, given in a cycle in which both are set.
    busy: the last word of a frame was taken, and not all of its bytes have been given.
    """
    octet = Signal(intbv(0)[8:])
    frame_end = Signal(bool(0))
    byte_valid = Signal(bool(0))
    byte_ready = Signal(bool(0))
    coder_busy = Signal(bool(0))
    coder = cobs_encode(
        clk, rst, octet, frame_end, byte_valid, byte_ready,
        out_data, out_valid, out_ready, coder_busy,
    )  # fmt: skip

    crc = Signal(intbv(0)[32:])
    clear = Signal(bool(0))
    count_in = Signal(bool(0))  # byte belongs into the CRC, in the first cycle that shows it
    summer = crc32(clk, clear, count_in, octet, crc)

    shift = Signal(intbv(0)[32:])
    left = Signal(intbv(0, min=0, max=WORD_BYTES + 1))  # bytes of shift
    closing = Signal(bool(0))  # shift is the frame's last word
    summing = Signal(bool(0))  # shift is the CRC

    @always(clk.posedge)
    def send():
        clear.next = False
        count_in.next = False
        if rst:
            clear.next = True
            ready.next = False
            byte_valid.next = False
            left.next = 0
            closing.next = False
            summing.next = False
        elif byte_valid:
            if byte_ready:
                byte_valid.next = False
        elif left != 0:
            octet.next = shift[8:]
            frame_end.next = False
            byte_valid.next = True
            count_in.next = not summing
            shift.next = shift >> 8
            left.next = left - 1
        elif closing:
            shift.next = crc
            left.next = WORD_BYTES
            closing.next = False
            summing.next = True
        elif summing:
            frame_end.next = True
            byte_valid.next = True
            clear.next = True
            summing.next = False
        elif not ready:
            ready.next = True
        elif valid:
            ready.next = False
            shift.next = word
            left.next = WORD_BYTES
            closing.next = last

    @always_comb
    def tell_busy():
        busy.next = byte_valid or left != 0 or closing or summing or coder_busy

    return instances()
