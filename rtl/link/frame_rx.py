"""From the bytes of the line to the words of whole, undamaged requests."""

from myhdl import Signal, always, block, concat, instances, intbv, modbv

from volley.firmware.frames import (
    CRC_RESIDUE,
    CRC_WORDS,
    HEADER,
    HEADER_WORDS,
    MAX_BYTES,
    Command,
)
from volley.rtl.link.cobs import cobs_decode
from volley.rtl.link.crc32 import crc32

RING_WORDS = 512
RING_BITS = (RING_WORDS - 1).bit_length()
WORD_BYTES = 4
FRAME_WORDS = MAX_BYTES // WORD_BYTES
ENVELOPE_WORDS = HEADER_WORDS + CRC_WORDS


@block
def frame_rx(clk, rst, data, valid, lost, word, word_valid, take, intact, damaged):
    """Checks requests and keeps their header and payload in a ring of RING_WORDS words.

    data, valid: bytes from the line. lost: a byte could not be received.
    word, word_valid, take: the oldest word of the ring, which leaves in a cycle in which both are
    set. A frame's words become visible together, after its CRC and its length were found right.
    intact: one cycle, a frame ended and its CRC is right.
    damaged: one cycle, a frame ended and its byte stuffing or its CRC is wrong.

    The length is right if the payload has ``count`` words for a WRITE and none for other commands.
    A frame that is damaged, of a wrong length, or finds the ring full leaves no trace. The byte
    after a delimiter always begins a frame.
    """
    octet = Signal(intbv(0)[8:])
    byte_valid = Signal(bool(0))
    frame_end = Signal(bool(0))
    broken = Signal(bool(0))
    empty = Signal(bool(0))
    decoder = cobs_decode(clk, rst, data, valid, octet, byte_valid, frame_end, broken, empty)

    crc = Signal(intbv(0)[32:])
    clear = Signal(bool(0))
    checker = crc32(clk, clear, byte_valid, octet, crc)

    ring = [Signal(intbv(0)[32:]) for _ in range(RING_WORDS)]
    write = Signal(bool(0))
    write_data = Signal(intbv(0)[32:])
    head = Signal(modbv(0)[RING_BITS:])  # where the frame's next word goes
    write_place = Signal(modbv(0)[RING_BITS:])
    base = Signal(modbv(0)[RING_BITS:])  # where the frame began: what lies before is visible
    tail = Signal(modbv(0)[RING_BITS:])  # the next word to fetch

    gathered = Signal(intbv(0)[24:])  # the first bytes of a word
    place = Signal(intbv(0, min=0, max=WORD_BYTES))
    length = Signal(intbv(0, min=0, max=FRAME_WORDS + 1))  # words of the frame so far
    payload = Signal(intbv(0)[16:])  # words of payload that the header promises
    refused = Signal(bool(0))  # too long, or the ring is full
    hurt = Signal(bool(0))  # a byte was lost

    command_msb, command_lsb = HEADER["command"].msb, HEADER["command"].lsb
    count_msb, count_lsb = HEADER["count"].msb, HEADER["count"].lsb
    write_command = int(Command.WRITE)

    @always(clk.posedge)
    def gather():
        whole = intbv(0)[32:]
        room = modbv(0)[RING_BITS:]
        write.next = False
        intact.next = False
        damaged.next = False
        clear.next = False
        if rst:
            clear.next = True
            place.next = 0
            length.next = 0
            refused.next = False
            hurt.next = False
            base.next = 0
            head.next = 0
        elif byte_valid:
            if place != WORD_BYTES - 1:
                place.next = place + 1
                gathered.next = concat(octet, gathered[24:8])
            else:
                place.next = 0
                whole[:] = concat(octet, gathered)
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
                    write_place.next = head
                    head.next = head + 1
        elif frame_end:
            clear.next = True
            place.next = 0
            length.next = 0
            refused.next = False
            hurt.next = False
            head.next = base
            if not empty:
                if broken or hurt or crc != CRC_RESIDUE:
                    damaged.next = True
                else:
                    intact.next = True
                    if place == 0 and length == payload + ENVELOPE_WORDS and not refused:
                        base.next = head - CRC_WORDS
                        head.next = head - CRC_WORDS
        if lost:
            hurt.next = True

    @always(clk.posedge)
    def keep():
        if write:
            ring[write_place].next = write_data

    @always(clk.posedge)
    def fetch():
        if rst:
            tail.next = 0
            word_valid.next = False
        elif word_valid:
            if take:
                word_valid.next = False
        elif tail != base:
            word.next = ring[tail]
            tail.next = tail + 1
            word_valid.next = True

    return instances()
