"""From received packets to requests."""

from myhdl import Signal, always, always_comb, block, concat, enum, instances, intbv

from volley.firmware.pcie import PLACE_BITS
from volley.rtl.link.pcie.tlp_format import (
    BESIDE,
    FOUR_DW,
    LENGTH_BITS,
    PREFIX,
    REQUEST,
    TYPE_CAS,
    TYPE_CONFIG_0,
    TYPE_CONFIG_1,
    TYPE_FETCH_ADD,
    TYPE_IO,
    TYPE_LOCKED,
    TYPE_MEMORY,
    TYPE_SWAP,
    WITH_DATA,
)

STEPS = enum(
    "TAKE_BESIDE", "TAKE_FIRST", "TAKE_SECOND", "TAKE_HIGH", "TAKE_LOW", "JUDGE_KIND",
    "PASS_PAYLOAD", "AWAIT_END", "SKIP_REST",
)  # fmt: skip


@block
def tlp_kind(fmt, kind, request, answered):
    """What ``fmt`` and ``kind`` (the type of a header) and ``request.place`` make of a request.

    answered: the request is non-posted, so it gets a completion.
    """

    @always_comb
    def judge():
        memory = kind == TYPE_MEMORY
        locked = kind == TYPE_LOCKED
        atomic = kind == TYPE_FETCH_ADD or kind == TYPE_SWAP or kind == TYPE_CAS
        other = kind == TYPE_IO or kind == TYPE_CONFIG_0 or kind == TYPE_CONFIG_1
        request.locked.next = locked
        request.spans.next = memory or locked
        request.compare.next = kind == TYPE_CAS
        request.atomic.next = atomic
        answered.next = (not fmt[PREFIX]) and (
            ((memory or locked) and not fmt[WITH_DATA]) or (atomic and fmt[WITH_DATA]) or other
        )

    return instances()


@block
def tlp_rx(clk, rst, dwords, request, payload, poisoned, unsupported):
    """Takes packets apart; ends a payload by the header's length, so that a digest is passed over.

    dwords: a ``Stream`` of DW with ``last``: packets, each behind a DW of BESIDE.
    request: a ``TlpRequest``. Posted requests that are no write of the BAR, completions, packets that are
    poisoned or shorter than their header are dropped.
    payload: a ``Stream`` of words of a write, in the byte order of the bus, with ``last``.
    poisoned, unsupported: one cycle, such a packet came; the second one will be answered.
    """
    step = Signal(STEPS.TAKE_BESIDE)
    fmt = Signal(intbv(0)[REQUEST["fmt"].width :])
    kind = Signal(intbv(0)[REQUEST["type"].width :])
    bar, ep, ended, answered = (Signal(bool(0)) for _ in range(4))
    left = Signal(intbv(0)[LENGTH_BITS:])  # DW of payload
    tlp_kind_inst = tlp_kind(fmt, kind, request, answered)

    completer_msb, bar_bit = BESIDE["completer"].msb, BESIDE["bar"].lsb
    length_msb, poisoned_bit = REQUEST["length"].msb, REQUEST["poisoned"].lsb
    attr_msb, attr_lsb, attr_high = (
        REQUEST["attr"].msb,
        REQUEST["attr"].lsb,
        REQUEST["attr_high"].lsb,
    )
    tc_msb, tc_lsb = REQUEST["tc"].msb, REQUEST["tc"].lsb
    type_msb, type_lsb = REQUEST["type"].msb, REQUEST["type"].lsb
    fmt_msb, fmt_lsb = REQUEST["fmt"].msb, REQUEST["fmt"].lsb
    first_msb = REQUEST["first_be"].msb
    last_msb, last_lsb = REQUEST["last_be"].msb, REQUEST["last_be"].lsb
    tag_msb, tag_lsb = REQUEST["tag"].msb, REQUEST["tag"].lsb
    requester_msb, requester_lsb = REQUEST["requester"].msb, REQUEST["requester"].lsb
    place_msb, longest = PLACE_BITS + 2, 1 << REQUEST["length"].width

    @always_comb
    def pass_payload():
        word = dwords.data
        payload.data.next = concat(word[8:], word[16:8], word[24:16], word[32:24])
        payload.valid.next = dwords.valid and step == STEPS.PASS_PAYLOAD
        payload.last.next = left == 1 or dwords.last

    @always_comb
    def drive_ready():
        dwords.ready.next = (
            step != STEPS.JUDGE_KIND
            and step != STEPS.AWAIT_END
            and (step != STEPS.PASS_PAYLOAD or payload.ready)
        )

    @always(clk.posedge)
    def parse():
        poisoned.next = False
        unsupported.next = False
        if rst:
            step.next = STEPS.TAKE_BESIDE
            request.valid.next = False
        elif step == STEPS.JUDGE_KIND:
            step.next = STEPS.SKIP_REST
            if ended:
                step.next = STEPS.TAKE_BESIDE
            request.write.next = False
            request.read.next = False
            if ep:
                poisoned.next = True
            elif kind == TYPE_MEMORY and fmt[WITH_DATA] and not fmt[PREFIX]:
                if bar and not ended:
                    request.write.next = True
                    request.valid.next = True
                    step.next = STEPS.PASS_PAYLOAD
            elif answered:
                request.read.next = kind == TYPE_MEMORY and bar
                unsupported.next = not (kind == TYPE_MEMORY and bar)
                request.valid.next = True
                step.next = STEPS.AWAIT_END
        elif step == STEPS.AWAIT_END:
            if request.ready:
                request.valid.next = False
                step.next = STEPS.SKIP_REST
                if ended:
                    step.next = STEPS.TAKE_BESIDE
        elif dwords.valid and dwords.ready:
            ended.next = dwords.last
            if step == STEPS.PASS_PAYLOAD:
                left.next = left - 1
                if left == 1 or dwords.last:
                    step.next = STEPS.AWAIT_END
            elif step == STEPS.TAKE_LOW:
                request.place.next = dwords.data[place_msb:2]
                step.next = STEPS.JUDGE_KIND
            elif dwords.last:
                step.next = STEPS.TAKE_BESIDE  # the rest was skipped, or the header is too short
            elif step == STEPS.TAKE_BESIDE:
                request.completer.next = dwords.data[completer_msb:]
                bar.next = dwords.data[bar_bit]
                step.next = STEPS.TAKE_FIRST
            elif step == STEPS.TAKE_FIRST:
                request.length.next = dwords.data[length_msb:]
                left.next = dwords.data[length_msb:]
                if dwords.data[length_msb:] == 0:
                    request.length.next = longest
                    left.next = longest
                request.attr.next = concat(dwords.data[attr_high], dwords.data[attr_msb:attr_lsb])
                request.tc.next = dwords.data[tc_msb:tc_lsb]
                ep.next = dwords.data[poisoned_bit]
                kind.next = dwords.data[type_msb:type_lsb]
                fmt.next = dwords.data[fmt_msb:fmt_lsb]
                step.next = STEPS.TAKE_SECOND
            elif step == STEPS.TAKE_SECOND:
                request.first_be.next = dwords.data[first_msb:]
                request.last_be.next = dwords.data[last_msb:last_lsb]
                request.tag.next = dwords.data[tag_msb:tag_lsb]
                request.requester.next = dwords.data[requester_msb:requester_lsb]
                step.next = STEPS.TAKE_LOW
                if fmt[FOUR_DW]:
                    step.next = STEPS.TAKE_HIGH
            elif step == STEPS.TAKE_HIGH:
                step.next = STEPS.TAKE_LOW

    return instances()
