"""A request of the link: its fields, whether it is to be executed, and what it makes of the numbers."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.frames import (
    DIVISOR_UNIT,
    HEADER,
    LEAST_DIVISOR,
    MAX_WORDS,
    SESSION_BITS,
    Command,
    Status,
)
from volley.firmware.registers import REGION_SHIFT, Region
from volley.rtl.link.bus import ENTRY_BITS
from volley.rtl.link.uart import DIVISOR_BITS

STATUS_BITS = max(Status).bit_length()


class Request:
    """Header and address of a request: the fields of HEADER, and the address for the bus.

    region   bits 31..28 of the address, or that of the registers for IDENTIFY and RUN
    offset   of the next word, in that region
    """

    def __init__(self):
        self.seq = Signal(intbv(0)[HEADER["seq"].width :])
        self.command = Signal(intbv(0)[HEADER["command"].width :])
        self.count = Signal(intbv(0)[HEADER["count"].width :])
        self.address = Signal(intbv(0)[HEADER["address"].width :])
        self.region = Signal(intbv(0)[HEADER["address"].width - REGION_SHIFT :])
        self.offset = Signal(modbv(0)[REGION_SHIFT:])


class Numbers:
    """Which request comes next, and of which session; driven by ``request_numbers``.

    expected   the seq to come
    previous   the seq before it
    session    the session's number, a signal of the bus
    """

    def __init__(self, session):
        self.expected = Signal(modbv(0)[HEADER["seq"].width :])
        self.previous = Signal(modbv(HEADER["seq"].largest)[HEADER["seq"].width :])
        self.session = session


@block
def request_check(request, numbers, running, verdict):
    """verdict = the Status that answers ``request``, STATUS_BITS wide, in the same cycle.

    numbers: ``Numbers``. running: a program runs.
    """
    entry_limit, divisor_limit = 1 << ENTRY_BITS, 1 << DIVISOR_BITS
    least_divisor = LEAST_DIVISOR * DIVISOR_UNIT
    identify, read, write = int(Command.IDENTIFY), int(Command.READ), int(Command.WRITE)
    run, state, baud = int(Command.RUN), int(Command.STATUS), int(Command.BAUD)
    ok, busy, bad_address = int(Status.OK), int(Status.BUSY), int(Status.BAD_ADDRESS)
    repeated, out_of_order = int(Status.REPEATED), int(Status.OUT_OF_ORDER)
    bad_command = int(Status.BAD_COMMAND)
    registers, image = int(Region.REGISTERS), int(Region.IMAGE)

    @always_comb
    def judge():
        verdict.next = ok
        if request.command != identify and request.seq != numbers.expected:
            verdict.next = out_of_order
            if request.seq == numbers.previous:
                verdict.next = repeated
        elif request.command == identify:
            if request.count > MAX_WORDS:
                verdict.next = bad_address
        elif request.command == read:
            if request.count > MAX_WORDS or request.region >= image:
                verdict.next = bad_address
            elif running and request.region != registers:
                verdict.next = busy
        elif request.command == write:
            if request.region > image:
                verdict.next = bad_address
        elif request.command == run:
            if request.count > MAX_WORDS or request.address >= entry_limit:
                verdict.next = bad_address
            elif running:
                verdict.next = busy
        elif request.command == baud:
            if request.address < least_divisor or request.address >= divisor_limit:
                verdict.next = bad_address
        elif request.command != state:
            verdict.next = bad_command

    return instances()


@block
def request_numbers(clk, rst, request, judged, verdict, numbers):
    """Counts the requests that came in order, and takes the session's number from IDENTIFY.

    judged: one cycle, ``verdict`` is that of ``request``. numbers: ``Numbers``.
    """
    repeated, out_of_order = int(Status.REPEATED), int(Status.OUT_OF_ORDER)
    identify, last_seq = int(Command.IDENTIFY), HEADER["seq"].largest

    @always(clk.posedge)
    def number_requests():
        if rst:
            numbers.expected.next = 0
            numbers.previous.next = last_seq
            numbers.session.next = 0
        elif judged and verdict != out_of_order and verdict != repeated:
            numbers.previous.next = request.seq
            numbers.expected.next = request.seq + 1
            if request.command == identify:
                numbers.session.next = request.address[SESSION_BITS:]

    return instances()
