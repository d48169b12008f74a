"""Transaction layer packets: fields of their headers, as double words (DW) in the order of the packet."""

from myhdl import Signal, intbv

from volley.firmware.fields import Field
from volley.firmware.pcie import PLACE_BITS

DW_BITS = 32
BEAT_BITS = 64
ID_BITS = 16
BE_BITS = 4
LENGTH_BITS = 11  # of a length in DW, 1..1024
COUNT_BITS = 13  # of a length in bytes, 1..4096
BOUNDARY_DW = 32  # completions are split at multiples of 128 bytes

REQUEST = {
    "length": Field(0, 0, 10),
    "attr": Field(0, 12, 2),
    "poisoned": Field(0, 14, 1),
    "attr_high": Field(0, 18, 1),
    "tc": Field(0, 20, 3),
    "type": Field(0, 24, 5),
    "fmt": Field(0, 29, 3),
    "first_be": Field(1, 0, BE_BITS),
    "last_be": Field(1, BE_BITS, BE_BITS),
    "tag": Field(1, 8, 8),
    "requester": Field(1, 16, ID_BITS),
}

COMPLETION = {
    "byte_count": Field(1, 0, 12),
    "status": Field(1, 13, 3),
    "completer": Field(1, 16, ID_BITS),
    "lower_address": Field(2, 0, 7),
    "tag": Field(2, 8, 8),
    "requester": Field(2, 16, ID_BITS),
}

# bits of fmt
FOUR_DW, WITH_DATA, PREFIX = 0, 1, 2

TYPE_MEMORY, TYPE_LOCKED, TYPE_IO = 0x00, 0x01, 0x02
TYPE_CONFIG_0, TYPE_CONFIG_1 = 0x04, 0x05
TYPE_COMPLETION, TYPE_COMPLETION_LOCKED = 0x0A, 0x0B
TYPE_FETCH_ADD, TYPE_SWAP, TYPE_CAS = 0x0C, 0x0D, 0x0E

STATUS_SUCCESS, STATUS_UNSUPPORTED = 0, 1

# a received packet inside the engine begins with a DW of its own: what the hard block said beside it
BESIDE = {
    "completer": Field(0, 0, ID_BITS),
    "bar": Field(0, ID_BITS, 1),
}


class TlpRequest:
    """A request and what its completion must repeat; stable while ``valid``.

    Driven by ``tlp_rx``:
        valid       a request; stays until ``ready``
        write, read a memory write or read of the BAR; if neither, the answer is "unsupported"
        locked      a locked read; the type of its completion differs
        spans       byte enables and address count for the completion: memory reads, locked or not
        compare     a compare and swap: its operand is half of its payload
        atomic      an atomic operation
        length      DW, 1..1024
        place       word of the BAR
        first_be, last_be, requester, tag, tc, attr: as in the header
        completer   ID of the device when the request came
    Driven by those who execute it:
        ready       it is executed and answered
    """

    def __init__(self):
        self.valid, self.ready = Signal(bool(0)), Signal(bool(0))
        self.write, self.read, self.locked = (Signal(bool(0)) for _ in range(3))
        self.spans, self.compare, self.atomic = (Signal(bool(0)) for _ in range(3))
        self.length = Signal(intbv(0)[LENGTH_BITS:])
        self.place = Signal(intbv(0)[PLACE_BITS:])
        self.first_be = Signal(intbv(0)[BE_BITS:])
        self.last_be = Signal(intbv(0)[BE_BITS:])
        self.requester = Signal(intbv(0)[ID_BITS:])
        self.completer = Signal(intbv(0)[ID_BITS:])
        self.tag = Signal(intbv(0)[REQUEST["tag"].width :])
        self.tc = Signal(intbv(0)[REQUEST["tc"].width :])
        self.attr = Signal(intbv(0)[REQUEST["attr"].width + 1 :])
