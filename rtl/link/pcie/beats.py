"""Between the beats of 64 bits of the hard block and double words."""

from myhdl import Signal, always, always_comb, block, concat, enum, instances, intbv

from volley.firmware.fields import Field
from volley.rtl.link.pcie.tlp_format import BEAT_BITS, BESIDE, DW_BITS, ID_BITS

# a beat inside the engine: two DW, the first in the low bits, and what is beside them
BEAT = {
    "data": Field(0, 0, BEAT_BITS),
    "both": Field(0, BEAT_BITS, 1),  # the second DW is there
    "damaged": Field(0, BEAT_BITS + 1, 1),
    "bar": Field(0, BEAT_BITS + 2, 1),
    "completer": Field(0, BEAT_BITS + 3, ID_BITS),
}
TX_BITS = BEAT["both"].msb
RX_BITS = BEAT["completer"].msb
PARTS = enum("SEND_BESIDE", "SEND_LOW", "SEND_HIGH")


@block
def beats_to_dwords(clk, rst, beats, dwords, damaged):
    """A packet of beats becomes its DW behind a DW of BESIDE. A DW a cycle, latency 0.

    beats: a ``Stream`` of RX_BITS with ``last``: the fields of BEAT. dwords: a ``Stream`` of DW with
    ``last``. damaged: counts with the last DW: a beat of the packet was marked.
    """
    part = Signal(PARTS.SEND_BESIDE)
    marked = Signal(bool(0))
    ends = Signal(bool(0))  # the DW ends the packet
    passes = Signal(bool(0))  # the DW is the last of its beat
    both, mark, bar = BEAT["both"].lsb, BEAT["damaged"].lsb, BEAT["bar"].lsb
    completer_msb, completer_lsb = BEAT["completer"].msb, BEAT["completer"].lsb
    beside_bits = BESIDE["bar"].msb

    @always_comb
    def drive_ends():
        passes.next = part == PARTS.SEND_HIGH or (part == PARTS.SEND_LOW and not beats.data[both])
        ends.next = beats.last and (
            part == PARTS.SEND_HIGH or (part == PARTS.SEND_LOW and not beats.data[both])
        )

    @always_comb
    def drive_dword():
        beside = intbv(0)[DW_BITS:]
        beside[beside_bits:] = concat(beats.data[bar], beats.data[completer_msb:completer_lsb])
        dwords.valid.next = beats.valid
        dwords.last.next = ends
        damaged.next = marked or beats.data[mark]
        beats.ready.next = dwords.ready and passes
        if part == PARTS.SEND_BESIDE:
            dwords.data.next = beside
        elif part == PARTS.SEND_LOW:
            dwords.data.next = beats.data[DW_BITS:]
        else:
            dwords.data.next = beats.data[BEAT_BITS:DW_BITS]

    @always(clk.posedge)
    def count_parts():
        if rst:
            part.next = PARTS.SEND_BESIDE
            marked.next = False
        elif beats.valid and dwords.ready:
            marked.next = (marked or beats.data[mark]) and not ends
            if ends:
                part.next = PARTS.SEND_BESIDE
            elif part == PARTS.SEND_LOW and beats.data[both]:
                part.next = PARTS.SEND_HIGH
            else:
                part.next = PARTS.SEND_LOW

    return instances()


@block
def dwords_to_beats(clk, rst, dwords, beats):
    """A packet of DW becomes beats. A DW a cycle, latency 1.

    dwords: a ``Stream`` of DW with ``last``. beats: a ``Stream`` of TX_BITS with ``last``.
    """
    low = Signal(intbv(0)[DW_BITS:])
    low_held = Signal(bool(0))

    @always_comb
    def drive_ready():
        dwords.ready.next = beats.ready or not beats.valid

    @always(clk.posedge)
    def pair_dwords():
        if rst:
            low_held.next = False
            beats.valid.next = False
        elif beats.ready or not beats.valid:
            beats.valid.next = False
            if dwords.valid:
                if low_held:
                    beats.valid.next = True
                    beats.data.next = concat(True, dwords.data, low)
                    beats.last.next = dwords.last
                    low_held.next = False
                elif dwords.last:
                    beats.valid.next = True
                    beats.data.next = dwords.data
                    beats.last.next = True
                else:
                    low.next = dwords.data
                    low_held.next = True

    return instances()
