"""From the words of responses to the bytes of the line."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.fields import WORD_BITS
from volley.rtl.link.cobs import cobs_encode
from volley.rtl.link.crc32 import CRC_BITS, crc32
from volley.rtl.link.stream import BYTE_BITS, WORD_BYTES, Stream


@block
def frame_tx(clk, rst, responses, sent, busy):
    """Sends frames: the words, their CRC-32, byte stuffing, delimiter.

    responses: a ``Stream`` of words. sent: a ``Stream`` of bytes for the line, without ``last``.
    busy: the last word of a frame was taken, and not all of its bytes have been given.
    """
    plain = Stream(BYTE_BITS)
    stuffing = Signal(bool(0))
    cobs_encode_inst = cobs_encode(clk, rst, plain, sent, stuffing)

    crc = Signal(intbv(0)[CRC_BITS:])
    clear = Signal(bool(0))
    in_crc = Signal(bool(0))  # plain.data belongs into the CRC, in its first cycle
    crc32_inst = crc32(clk, clear, in_crc, plain.data, crc)

    shift = Signal(intbv(0)[WORD_BITS:])
    remaining = Signal(intbv(0, min=0, max=WORD_BYTES + 1))  # bytes of shift
    closing = Signal(bool(0))  # shift is the frame's last word
    summing = Signal(bool(0))  # shift is the CRC

    @always(clk.posedge)
    def send_bytes():
        clear.next = False
        in_crc.next = False
        if rst:
            clear.next = True
            responses.ready.next = False
            plain.valid.next = False
            remaining.next = 0
            closing.next = False
            summing.next = False
        elif plain.valid:
            if plain.ready:
                plain.valid.next = False
        elif remaining != 0:
            plain.data.next = shift[BYTE_BITS:]
            plain.last.next = False
            plain.valid.next = True
            in_crc.next = not summing
            shift.next = shift >> BYTE_BITS
            remaining.next = remaining - 1
        elif closing:
            shift.next = crc
            remaining.next = WORD_BYTES
            closing.next = False
            summing.next = True
        elif summing:
            plain.last.next = True
            plain.valid.next = True
            clear.next = True
            summing.next = False
        elif not responses.ready:
            responses.ready.next = True
        elif responses.valid:
            responses.ready.next = False
            shift.next = responses.data
            remaining.next = WORD_BYTES
            closing.next = responses.last

    @always_comb
    def drive_busy():
        busy.next = plain.valid or remaining != 0 or closing or summing or stuffing

    return instances()
