"""Packets for the tests, by cocotbext-pcie's independent codec, and a strict checker of completions."""

import random
import struct

from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpAttr, TlpFmt, TlpTc, TlpType
from cocotbext.pcie.core.utils import PcieId

BOUNDARY = 128
READS = (TlpType.MEM_READ, TlpType.MEM_READ_64)
WRITES = (TlpType.MEM_WRITE, TlpType.MEM_WRITE_64)
LOCKED = (TlpType.MEM_READ_LOCKED, TlpType.MEM_READ_LOCKED_64)
COMPARE = (TlpType.CAS, TlpType.CAS_64)


def request(kind, address, length=1, first_be=15, last_be=None, data=None, seed=0, **fields):
    """A ``Tlp`` of ``kind`` with random tag, requester, TC and attributes. data: bytes in memory order."""
    chance = random.Random(f"{seed} {kind} {address} {length}")
    tlp = Tlp()
    tlp.fmt_type = kind
    tlp.address, tlp.length = address, length
    tlp.first_be = first_be
    tlp.last_be = (15 if length > 1 else 0) if last_be is None else last_be
    tlp.tag = chance.randrange(256)
    tlp.requester_id = PcieId.from_int(chance.randrange(1 << 16))
    tlp.tc = TlpTc(chance.randrange(8))
    tlp.attr = TlpAttr(chance.randrange(8))
    if data is not None:
        tlp.data = bytearray(data)
    for name, value in fields.items():
        setattr(tlp, name, value)
    return tlp


def dwords(tlp, digest=None):
    """The DW of a packet as numbers of the specification; digest: a DW behind it, if any."""
    if digest is not None:
        tlp = Tlp(tlp)
        tlp.td = True
    packed = bytes(tlp.pack())
    words = [word for (word,) in struct.iter_unpack(">I", packed)]
    return words + ([digest] if digest is not None else [])


def parse(words):
    """The ``Tlp`` of a completion's DW; AssertionError if its length is not its payload's."""
    packed = b"".join(struct.pack(">I", word) for word in words)
    tlp = Tlp.unpack_header(packed)
    tlp.data = bytearray(packed[tlp.get_header_size() :])
    promised = tlp.length if tlp.fmt in (TlpFmt.THREE_DW_DATA, TlpFmt.FOUR_DW_DATA) else 0
    assert len(tlp.data) == 4 * promised, f"{len(tlp.data)} bytes of payload, length {promised} DW"
    return tlp


def enabled(asked):
    """Whether each byte of a memory request's DW is enabled."""
    flags = []
    for index in range(asked.length):
        be = 15
        if index == 0:
            be = asked.first_be
        elif index == asked.length - 1:
            be = asked.last_be
        flags += [bool(be >> lane & 1) for lane in range(4)]
    return flags


def check_completions(asked, answers, completer, data=None):
    """AssertionError unless ``answers`` (lists of DW) are the completions of the request ``asked``.

    completer: its ID as a number. data: bytes of all DW that were asked for; ``None``: the answer must be
    "unsupported request". Everything is derived from the bytes that are enabled, one by one.
    """
    flags = enabled(asked)
    places = [place for place, flag in enumerate(flags) if flag] or [0]
    position, end = places[0], places[-1] + 1  # bytes from the first DW's address on
    if data is None and asked.fmt_type not in (*READS, *LOCKED):
        operand = asked.length * 4 // (2 if asked.fmt_type in COMPARE else 1)
        atomic = asked.fmt_type.name.startswith(("FETCH_ADD", "SWAP", "CAS"))
        position, end = -asked.address, (operand if atomic else 4) - asked.address
    assert answers, "no completion"
    for number, words in enumerate(answers):
        tlp = parse(words)
        kind = TlpType.CPL_DATA if data is not None else TlpType.CPL
        if asked.fmt_type in LOCKED:
            kind = TlpType.CPL_LOCKED
        status = CplStatus.UR if data is None else CplStatus.SC
        first, rest = words[0], words[2]
        assert first >> 24 == kind.value[0] << 5 | kind.value[1], "format or type"
        assert tlp.status == status, f"status {tlp.status!r}"
        assert tlp.completer_id == PcieId.from_int(completer), f"completer {tlp.completer_id}"
        assert tlp.requester_id == asked.requester_id, f"requester {tlp.requester_id}"
        assert tlp.tag == asked.tag, f"tag {tlp.tag}"
        assert tlp.tc == asked.tc, f"TC {tlp.tc}"
        assert tlp.attr == asked.attr, f"attributes {tlp.attr!r}"
        assert tlp.byte_count == end - position, f"byte count {tlp.byte_count}"
        assert tlp.lower_address == (asked.address + position) % BOUNDARY, "lower address"
        reserved = 1 << 23 | 1 << 19 | 3 << 16 | 3 << 14 | 3 << 10
        assert not first & reserved and not words[1] >> 12 & 1 and not rest >> 7 & 1, (
            "reserved bits"
        )
        if data is None:
            assert tlp.length == 0 and len(answers) == 1, "payload or a second packet"
            return
        start = position // 4 * 4
        to_boundary = BOUNDARY - (asked.address + start) % BOUNDARY
        stop = min(start + to_boundary, len(data))
        assert tlp.length * 4 == stop - start, f"split: {tlp.length} DW from byte {start} on"
        for place in range(start, stop):
            if flags[place]:
                assert tlp.data[place - start] == data[place], f"byte {place}"
        position = stop
        assert (position == len(data)) == (number == len(answers) - 1), "number of packets"
