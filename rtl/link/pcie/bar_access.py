"""Executes reads and writes of BAR0 on the bus: the device's side of firmware/pcie.py."""

from myhdl import Signal, always, always_comb, block, concat, enum, instances, intbv, modbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import SESSION_BITS
from volley.firmware.pcie import (
    CONTROL_PLACE,
    PAGE,
    PLACE_BITS,
    RUN,
    WINDOW_PLACE,
    WINDOW_SHIFT,
    Control,
)
from volley.firmware.registers import IMAGE_BUFFER_SHIFT, REGION_SHIFT, Region, Register
from volley.firmware.registers import address as address_of
from volley.rtl.link.bus import ENTRY_BITS
from volley.rtl.link.pcie.error_flags import ErrorEvents, error_flags
from volley.rtl.link.pcie.run_queue import WaitingRun, run_queue
from volley.rtl.link.pcie.tlp_format import BE_BITS, LENGTH_BITS

STEPS = enum("JUDGE_WORD", "READ_BUS", "GIVE_WORD", "AWAIT_ANSWER")
VERDICTS = enum("DENIED", "ON_CONTROL", "ON_BUS", "BROKEN_STREAM", "MEMORY_IN_RUN")


class Word:
    """A word of a request; driven by ``word_taker``.

    valid    there is one, until it moves on
    place    in the BAR
    address  of the bus, if it is one
    data     to be written
    enables  of its bytes
    last     of its request
    """

    def __init__(self):
        self.valid, self.last = Signal(bool(0)), Signal(bool(0))
        self.place = Signal(intbv(0)[PLACE_BITS:])
        self.address = Signal(intbv(0)[WORD_BITS:])
        self.data = Signal(intbv(0)[WORD_BITS:])
        self.enables = Signal(intbv(0)[BE_BITS:])


@block
def word_taker(clk, rst, request, payload, page, moves, word):
    """Takes the words of a request one behind another, one a cycle where ``word`` moves on in each.

    request, payload: as in ``bar_access``. page: the control word PAGE. A packet that writes PAGE is too short to reach
    the window behind it. moves: ``word`` moves on in this cycle.
    """
    index = Signal(intbv(0)[LENGTH_BITS:])  # of the next word in the request
    ended = Signal(bool(0))  # the last word was taken
    free = Signal(bool(0))
    all_bytes, window_bit, place_span = (1 << BE_BITS) - 1, PLACE_BITS - 1, 1 << PLACE_BITS
    address_spare = WORD_BITS - PLACE_BITS

    @always_comb
    def drive_free():
        free.next = request.valid and (not ended) and (moves or not word.valid)

    @always_comb
    def drive_ready():
        payload.ready.next = free and request.write

    @always(clk.posedge)
    def take():
        here = intbv(0)[PLACE_BITS:]
        if moves:
            word.valid.next = False
        if rst or request.ready:
            index.next = 0
            ended.next = False
        if rst:
            word.valid.next = False
        elif free and (request.read or (request.write and payload.valid)):
            here[:] = (request.place + index) % place_span
            word.place.next = here
            word.address.next = concat(intbv(0)[address_spare:], here)
            if here[window_bit]:
                word.address.next = concat(page, here[WINDOW_SHIFT:])
            word.enables.next = all_bytes
            if index == 0:
                word.enables.next = request.first_be
            elif index == request.length - 1:
                word.enables.next = request.last_be
            word.data.next = payload.data
            if request.write:
                word.last.next = payload.last
                ended.next = payload.last
            else:
                word.last.next = index == request.length - 1
                ended.next = index == request.length - 1
            word.valid.next = True
            index.next = index + 1

    return instances()


@block
def word_check(place, address, writes, running, follows, armed, verdict):
    """verdict = what is to be done with a word, one of VERDICTS, in the same cycle.

    place: in the BAR. address: of the bus, if it is one. writes: or it is a read. follows: the address
    behind the last word of a stream. armed: SPIKES may begin anywhere.
    """
    image, spikes = int(Region.IMAGE), int(Region.SPIKES)
    registers = int(Region.REGISTERS)
    control, end_of_control = CONTROL_PLACE, CONTROL_PLACE + max(Control) + 1
    window = WINDOW_PLACE

    @always_comb
    def judge():
        region = intbv(0)[WORD_BITS - REGION_SHIFT :]
        region[:] = address[:REGION_SHIFT]
        verdict.next = VERDICTS.ON_BUS
        if place < window and place >= control:
            verdict.next = VERDICTS.DENIED
            if place < end_of_control:
                verdict.next = VERDICTS.ON_CONTROL
        elif writes:
            if region > image:
                verdict.next = VERDICTS.DENIED
            elif region == image:
                if address != follows and address[IMAGE_BUFFER_SHIFT:] != 0:
                    verdict.next = VERDICTS.BROKEN_STREAM
            elif region == spikes:
                if address != follows and not armed:
                    verdict.next = VERDICTS.BROKEN_STREAM
        elif region > spikes:
            verdict.next = VERDICTS.DENIED
        elif running and region != registers:
            verdict.next = VERDICTS.MEMORY_IN_RUN

    return instances()


@block
def bar_access(clk, rst, request, payload, words, bus, link_errors, done):
    """Takes requests for words of the BAR one after another; the loop of a word is

        take it from the payload; judge place, byte enables and order
        write it to the bus, or read it from there and give it to the answer

    Of a write the three steps overlap: a word a cycle, if the bus is ready. A word is judged when the one
    before it is written, so RUN and every read come behind all writes before them.

    request: a ``TlpRequest``; only those with ``write`` or ``read`` matter here. payload: a ``Stream`` of
    the words of a write, with ``last``. words: a ``Stream`` of the words of a read, without ``last``.
    bus: a ``volley.rtl.link.bus.Bus``, of which this is the master. link_errors: the ``LinkErrors`` that
    ERRORS counts. done: one cycle, all of a write was executed, or is on the bus.
    """
    step = Signal(STEPS.JUDGE_WORD)
    data = Signal(intbv(0)[WORD_BITS:])
    page = Signal(intbv(0)[PAGE["page"].width :])
    follows = Signal(modbv(0)[WORD_BITS:])
    armed = Signal(bool(0))
    word, judged, moves = Word(), Signal(bool(0)), Signal(bool(0))
    word_taker_inst = word_taker(clk, rst, request, payload, page, moves, word)
    verdict = Signal(VERDICTS.DENIED)
    word_check_inst = word_check(
        word.place, word.address, request.write, bus.running, follows, armed, verdict
    )
    events, errors = ErrorEvents(), Signal(intbv(0)[WORD_BITS:])
    error_flags_inst = error_flags(clk, rst, link_errors, events, errors)
    queue = WaitingRun()
    run_queue_inst = run_queue(clk, rst, queue, bus)

    all_bytes, entry_limit = (1 << BE_BITS) - 1, 1 << ENTRY_BITS
    run, page_word, page_bits = CONTROL_PLACE + Control.RUN, CONTROL_PLACE + Control.PAGE, len(page)
    errors_word, session_word = CONTROL_PLACE + Control.ERRORS, CONTROL_PLACE + Control.SESSION
    image, spikes = int(Region.IMAGE), int(Region.SPIKES)
    stop_word = address_of(Region.REGISTERS, Register.CONTROL)
    running_bit, waiting_bit = RUN["running"].lsb, RUN["waiting"].lsb

    @always_comb
    def drive_judged():
        judged.next = (
            step == STEPS.JUDGE_WORD
            and word.valid
            and request.valid
            and (bus.ready or not bus.write)
        )

    @always_comb
    def drive_moves():
        moves.next = (judged and request.write) or (step == STEPS.GIVE_WORD and words.ready)

    @always_comb
    def drive_handshakes():
        words.valid.next = step == STEPS.GIVE_WORD
        words.data.next = data
        done.next = judged and request.write and word.last

    @always(clk.posedge)
    def access():
        region = intbv(0)[WORD_BITS - REGION_SHIFT :]
        queue.ask.next = False
        queue.cancel.next = False
        events.clear.next = False
        events.partial_word.next = False
        events.out_of_stream.next = False
        events.read_in_run.next = False
        events.bad_address.next = False
        events.run_in_run.next = False
        if bus.ready:
            bus.write.next = False
        if rst:
            step.next = STEPS.JUDGE_WORD
            bus.write.next = False
            bus.read.next = False
            page.next = 0
            bus.session.next = 0
            follows.next = 0
            armed.next = False
        elif judged:
            region[:] = word.address[:REGION_SHIFT]
            data.next = 0
            bus.address.next = word.address
            bus.write_data.next = word.data
            if request.read:
                step.next = STEPS.GIVE_WORD
                if verdict == VERDICTS.ON_BUS:
                    bus.read.next = True
                    step.next = STEPS.READ_BUS
                elif verdict == VERDICTS.MEMORY_IN_RUN:
                    events.read_in_run.next = True
                elif verdict == VERDICTS.ON_CONTROL:
                    if word.place == run:
                        data.next[running_bit] = queue.under_way
                        data.next[waiting_bit] = queue.waiting
                    elif word.place == page_word:
                        data.next = page
                    elif word.place == session_word:
                        data.next = bus.session
                    else:
                        data.next = errors
                else:
                    events.bad_address.next = True
            elif word.enables != all_bytes:
                events.partial_word.next = word.enables != 0
            elif verdict == VERDICTS.ON_BUS:
                bus.write.next = True
                queue.cancel.next = word.address == stop_word and word.data[0]
                if region == image or region == spikes:
                    follows.next = word.address + 1
                    armed.next = False
            elif verdict == VERDICTS.BROKEN_STREAM:
                events.out_of_stream.next = True
            elif verdict == VERDICTS.ON_CONTROL:
                if word.place == errors_word:
                    events.clear.next = True
                elif word.place == page_word:
                    page.next = word.data[page_bits:]
                    armed.next = True
                elif word.place == session_word:
                    bus.session.next = word.data[SESSION_BITS:]
                elif queue.waiting:
                    events.run_in_run.next = True
                elif word.data >= entry_limit:
                    events.bad_address.next = True
                else:
                    queue.ask.next = True
                    queue.entry.next = word.data[ENTRY_BITS:]
            else:
                events.bad_address.next = True
        elif step == STEPS.READ_BUS:
            if bus.ready:
                bus.read.next = False
            if bus.read_valid:
                data.next = bus.read_data
                step.next = STEPS.GIVE_WORD
        elif step == STEPS.GIVE_WORD:
            if words.ready:
                step.next = STEPS.JUDGE_WORD
                if word.last:
                    step.next = STEPS.AWAIT_ANSWER
        elif step == STEPS.AWAIT_ANSWER:
            if request.ready:
                step.next = STEPS.JUDGE_WORD

    return instances()
