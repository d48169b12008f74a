"""From requests and words to completions."""

from myhdl import Signal, always, always_comb, block, concat, enum, instances, intbv

from volley.rtl.link.pcie.tlp_format import (
    BOUNDARY_DW,
    COMPLETION,
    COUNT_BITS,
    DW_BITS,
    LENGTH_BITS,
    REQUEST,
    STATUS_SUCCESS,
    STATUS_UNSUPPORTED,
    TYPE_COMPLETION,
    TYPE_COMPLETION_LOCKED,
    WITH_DATA,
)

STEPS = enum(
    "AWAIT_REQUEST", "SIZE_PACKET", "SEND_FIRST", "SEND_SECOND", "SEND_THIRD", "SEND_DATA",
    "END_REQUEST",
)  # fmt: skip


@block
def completion_span(request, skipped, count):
    """skipped: bytes before the first enabled one, 0..3. count: bytes of the whole completion.

    From the first to the last enabled byte; 1 if none is enabled. An atomic operation counts its operand;
    any request but those and memory reads counts 4.
    """

    @always_comb
    def measure():
        last = intbv(0)[4:]
        ahead = intbv(0)[3:]
        behind = intbv(0)[3:]
        last[:] = request.last_be
        if request.length == 1:
            last[:] = request.first_be
        if request.first_be[0] or request.first_be == 0:
            ahead[:] = 0
        elif request.first_be[1]:
            ahead[:] = 1
        elif request.first_be[2]:
            ahead[:] = 2
        else:
            ahead[:] = 3
        if last[3]:
            behind[:] = 0
        elif last[2]:
            behind[:] = 1
        elif last[1]:
            behind[:] = 2
        else:
            behind[:] = 3
        skipped.next = 0
        count.next = 4
        if request.valid and request.spans:
            skipped.next = ahead
            count.next = (request.length << 2) - ahead - behind
        elif request.valid and request.compare:
            count.next = request.length << 1
        elif request.valid and request.atomic:
            count.next = request.length << 2

    return instances()


@block
def tlp_tx(clk, rst, request, words, dwords, sent):
    """Answers a request that is no write: with its words, or "unsupported".

    request: a ``TlpRequest``. words: a ``Stream`` of the words of a read, without ``last``.
    dwords: a ``Stream`` of DW with ``last``: the packets. A read that crosses a multiple of 128 bytes
    is answered by several, split there.
    sent: one cycle, the last DW of the request has passed.
    """
    step = Signal(STEPS.AWAIT_REQUEST)
    skipped = Signal(intbv(0)[2:])
    span = Signal(intbv(0)[COUNT_BITS:])
    completion_span_inst = completion_span(request, skipped, span)

    left = Signal(intbv(0)[LENGTH_BITS:])  # DW of the request that are not in a packet yet
    count = Signal(intbv(0)[COUNT_BITS:])  # bytes from this packet on
    lower = Signal(intbv(0)[COMPLETION["lower_address"].width :])
    size = Signal(intbv(0)[LENGTH_BITS:])  # DW of the packet that are to come
    status_bits, count_bits = COMPLETION["status"].width, COMPLETION["byte_count"].width
    boundary_bits = BOUNDARY_DW.bit_length() - 1
    length_msb, attr_msb, attr_lsb = REQUEST["length"].msb, REQUEST["attr"].msb, REQUEST["attr"].lsb
    attr_bits, attr_high = REQUEST["attr"].width, REQUEST["attr_high"].lsb
    tc_msb, tc_lsb = REQUEST["tc"].msb, REQUEST["tc"].lsb
    type_msb, type_lsb = REQUEST["type"].msb, REQUEST["type"].lsb
    data_bit = REQUEST["fmt"].lsb + WITH_DATA
    second_spare = COMPLETION["status"].lsb - count_bits
    third_spare = COMPLETION["tag"].lsb - COMPLETION["lower_address"].width

    @always_comb
    def drive_dword():
        first = intbv(0)[DW_BITS:]
        state = intbv(0)[status_bits:]
        word = intbv(0)[DW_BITS:]
        state[:] = STATUS_UNSUPPORTED
        first[type_msb:type_lsb] = TYPE_COMPLETION
        if request.locked:
            first[type_msb:type_lsb] = TYPE_COMPLETION_LOCKED
        if request.read:
            state[:] = STATUS_SUCCESS
            first[data_bit] = 1
            first[length_msb:] = size[length_msb:]
        first[attr_msb:attr_lsb] = request.attr[attr_bits:]
        first[attr_high] = request.attr[attr_bits]
        first[tc_msb:tc_lsb] = request.tc
        word[:] = words.data
        dwords.valid.next = False
        dwords.last.next = False
        dwords.data.next = first
        if step == STEPS.SEND_FIRST:
            dwords.valid.next = True
        elif step == STEPS.SEND_SECOND:
            dwords.valid.next = True
            dwords.data.next = concat(
                request.completer, state, intbv(0)[second_spare:], count[count_bits:]
            )
        elif step == STEPS.SEND_THIRD:
            dwords.valid.next = True
            dwords.last.next = not request.read
            dwords.data.next = concat(request.requester, request.tag, intbv(0)[third_spare:], lower)
        elif step == STEPS.SEND_DATA:
            dwords.valid.next = words.valid
            dwords.last.next = size == 1
            dwords.data.next = concat(word[8:], word[16:8], word[24:16], word[32:24])

    @always_comb
    def drive_ready():
        words.ready.next = dwords.ready and step == STEPS.SEND_DATA
        sent.next = step == STEPS.END_REQUEST

    @always(clk.posedge)
    def send():
        room = intbv(0)[LENGTH_BITS:]
        if rst:
            step.next = STEPS.AWAIT_REQUEST
        elif step == STEPS.AWAIT_REQUEST:
            left.next = request.length
            count.next = span
            lower.next = 0
            if request.spans:
                lower.next = concat(request.place[boundary_bits:], skipped)
            if request.valid and not request.write:
                step.next = STEPS.SIZE_PACKET
        elif step == STEPS.SIZE_PACKET:
            room[:] = BOUNDARY_DW - lower[boundary_bits + 2 : 2]
            size.next = room
            if left < room:
                size.next = left
            step.next = STEPS.SEND_FIRST
        elif step == STEPS.SEND_FIRST:
            if dwords.ready:
                left.next = left - size
                step.next = STEPS.SEND_SECOND
        elif step == STEPS.SEND_SECOND:
            if dwords.ready:
                step.next = STEPS.SEND_THIRD
        elif step == STEPS.SEND_THIRD:
            if dwords.ready:
                if left != 0:
                    count.next = count - (size << 2) + lower[2:]
                step.next = STEPS.SEND_DATA
                if not request.read:
                    step.next = STEPS.END_REQUEST
        elif step == STEPS.SEND_DATA:
            if words.valid and dwords.ready:
                size.next = size - 1
                if size == 1:
                    lower.next = 0
                    step.next = STEPS.SIZE_PACKET
                    if left == 0:
                        step.next = STEPS.END_REQUEST
        elif step == STEPS.END_REQUEST:
            step.next = STEPS.AWAIT_REQUEST

    return instances()
