"""From the bytes of the line to the words of whole, undamaged requests."""

from myhdl import Signal, always, block, concat, instances, intbv, modbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import (
    CRC_RESIDUE,
    CRC_WORDS,
    HEADER,
    HEADER_WORDS,
    MAX_BYTES,
    Command,
)
from volley.rtl.link.cobs import FrameEnd, cobs_decode
from volley.rtl.link.crc32 import CRC_BITS, crc32
from volley.rtl.link.stream import BYTE_BITS, WORD_BYTES, Stream

RING_WORDS = 512
RING_BITS = (RING_WORDS - 1).bit_length()
FRAME_WORDS = MAX_BYTES // WORD_BYTES
ENVELOPE_WORDS = HEADER_WORDS + CRC_WORDS


class FrameEvents:
    """What became of the frames on the line, for one cycle each.

    intact    a frame ended and its CRC is right
    damaged   a frame ended and its byte stuffing or its CRC is wrong
    """

    def __init__(self):
        self.intact = Signal(bool(0))
        self.damaged = Signal(bool(0))


@block
def frame_rx(clk, rst, received, lost, requests, events):
    """Checks requests and keeps their header and payload in a ring of RING_WORDS words.

    received: a ``Stream`` of bytes from the line, without ``ready`` and ``last``.
    lost: one cycle, a byte could not be received.
    requests: a ``Stream`` of words from the ring, without ``last``. A frame's words become visible
    together, after its CRC and its length were found right.
    events: ``FrameEvents``.

    The length is right if the payload has ``count`` words for a WRITE and none for other commands.
    A frame that is damaged, of a wrong length, or finds the ring full leaves no trace. The byte
    after a delimiter always begins a frame.
    """
    plain, frame_end = Stream(BYTE_BITS), FrameEnd()
    cobs_decode_inst = cobs_decode(clk, rst, received, plain, frame_end)

    crc = Signal(intbv(0)[CRC_BITS:])
    clear = Signal(bool(0))
    crc32_inst = crc32(clk, clear, plain.valid, plain.data, crc)

    ring = [Signal(intbv(0)[WORD_BITS:]) for _ in range(RING_WORDS)]
    write = Signal(bool(0))
    write_data = Signal(intbv(0)[WORD_BITS:])
    head = Signal(modbv(0)[RING_BITS:])  # where the frame's next word goes
    write_address = Signal(modbv(0)[RING_BITS:])
    base = Signal(modbv(0)[RING_BITS:])  # where the frame began: what lies before is visible
    tail = Signal(modbv(0)[RING_BITS:])  # the next word to fetch

    gathered_bits = WORD_BITS - BYTE_BITS
    gathered = Signal(intbv(0)[gathered_bits:])  # the first bytes of a word
    byte_index = Signal(intbv(0, min=0, max=WORD_BYTES))
    length = Signal(intbv(0, min=0, max=FRAME_WORDS + 1))  # words of the frame so far
    payload = Signal(intbv(0)[HEADER["count"].width :])  # words of payload that the header promises
    refused = Signal(bool(0))  # too long, or the ring is full
    hurt = Signal(bool(0))  # a byte was lost

    command_msb, command_lsb = HEADER["command"].msb, HEADER["command"].lsb
    count_msb, count_lsb = HEADER["count"].msb, HEADER["count"].lsb
    write_command = int(Command.WRITE)

    @always(clk.posedge)
    def assemble_words():
        whole = intbv(0)[WORD_BITS:]
        room = modbv(0)[RING_BITS:]
        write.next = False
        events.intact.next = False
        events.damaged.next = False
        clear.next = False
        if rst:
            clear.next = True
            byte_index.next = 0
            length.next = 0
            refused.next = False
            hurt.next = False
            base.next = 0
            head.next = 0
        elif plain.valid:
            if byte_index != WORD_BYTES - 1:
                byte_index.next = byte_index + 1
                gathered.next = concat(plain.data, gathered[gathered_bits:BYTE_BITS])
            else:
                byte_index.next = 0
                whole[:] = concat(plain.data, gathered)
                if length == 0:
                    payload.next = 0
                    if whole[command_msb:command_lsb] == write_command:
                        payload.next = whole[count_msb:count_lsb]
                room[:] = tail - head
                if length == FRAME_WORDS or room == 1:
                    refused.next = True
                else:
                    length.next = length + 1
                    write.next = True
                    write_data.next = whole
                    write_address.next = head
                    head.next = head + 1
        elif frame_end.valid:
            clear.next = True
            byte_index.next = 0
            length.next = 0
            refused.next = False
            hurt.next = False
            head.next = base
            if not frame_end.empty:
                if frame_end.broken or hurt or crc != CRC_RESIDUE:
                    events.damaged.next = True
                else:
                    events.intact.next = True
                    if byte_index == 0 and length == payload + ENVELOPE_WORDS and not refused:
                        base.next = head - CRC_WORDS
                        head.next = head - CRC_WORDS
        if lost:
            hurt.next = True

    @always(clk.posedge)
    def write_ring():
        if write:
            ring[write_address].next = write_data

    @always(clk.posedge)
    def read_ring():
        if rst:
            tail.next = 0
            requests.valid.next = False
        elif requests.valid:
            if requests.ready:
                requests.valid.next = False
        elif tail != base:
            requests.data.next = ring[tail]
            tail.next = tail + 1
            requests.valid.next = True

    return instances()
