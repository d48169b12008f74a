"""Executes requests in order: the device's side of firmware/frames.py."""

from myhdl import Signal, always, always_comb, block, concat, enum, instances, intbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import HEADER, INFO, MAX_WORDS, RESPONSE, Command, Status
from volley.firmware.registers import REGION_SHIFT, Region, Register
from volley.rtl.link.bus import ENTRY_BITS
from volley.rtl.link.request import STATUS_BITS, Numbers, Request, request_check, request_numbers
from volley.rtl.link.uart import DIVISOR_BITS

STEPS = enum(
    # converted to VHDL these names are global: no signal may be called the same
    "TAKE_HEADER", "TAKE_ADDRESS", "JUDGE_REQUEST", "TAKE_PAYLOAD", "WRITE_BUS",
    "SEND_HEADER", "SEND_INFO", "SEND_WORD", "READ_BUS", "FINISH_REQUEST",
)  # fmt: skip


class Work:
    """How far the executor is with a request; driven by it.

    step     one of STEPS
    status   of the response
    left     words of payload that are still to come, either way
    access   level: the next word's access to the bus begins in this cycle
    """

    def __init__(self):
        self.step = Signal(STEPS.TAKE_HEADER)
        self.status = Signal(intbv(0)[STATUS_BITS:])
        self.left = Signal(intbv(0, min=0, max=MAX_WORDS + 1))
        self.access = Signal(bool(0))


@block
def bus_address(clk, requests, work, request, address):
    """address = that of the access that begins; counts up inside its region.

    requests: as in ``executor``; its word is the request's address in step TAKE_ADDRESS. Drives
    ``request.region`` and ``request.offset``.
    """
    identify, run = int(Command.IDENTIFY), int(Command.RUN)
    registers, results = int(Region.REGISTERS), int(Register.STATUS)

    @always(clk.posedge)
    def count_address():
        if work.step == STEPS.TAKE_ADDRESS:
            request.region.next = requests.data[:REGION_SHIFT]
            request.offset.next = requests.data[REGION_SHIFT:]
        elif work.step == STEPS.JUDGE_REQUEST:
            if request.command == identify:
                request.region.next = registers
                request.offset.next = 0
            elif request.command == run:
                request.region.next = registers
                request.offset.next = results
        elif work.access:
            address.next = concat(request.region, request.offset)
            request.offset.next = request.offset + 1

    return instances()


@block
def response_head(request, work, numbers, running, header, info):
    """header, info = the first two words of the response, in the same cycle.

    ``info`` shows running in the answer to a RUN that starts a program.
    """
    seq_msb, seq_lsb = HEADER["seq"].msb, HEADER["seq"].lsb
    command_msb, command_lsb = HEADER["command"].msb, HEADER["command"].lsb
    count_msb, count_lsb = HEADER["count"].msb, HEADER["count"].lsb
    expected_msb, expected_lsb = INFO["expected"].msb, INFO["expected"].lsb
    session_msb, session_lsb = INFO["session"].msb, INFO["session"].lsb
    running_bit = INFO["running"].lsb
    run, ok = int(Command.RUN), int(Status.OK)

    @always_comb
    def assemble_header():
        word = intbv(0)[WORD_BITS:]
        word[seq_msb:seq_lsb] = request.seq
        word[command_msb:command_lsb] = RESPONSE + work.status
        word[count_msb:count_lsb] = work.left
        header.next = word

    @always_comb
    def assemble_info():
        word = intbv(0)[WORD_BITS:]
        word[expected_msb:expected_lsb] = numbers.expected
        word[running_bit] = running or (request.command == run and work.status == ok)
        word[session_msb:session_lsb] = numbers.session
        info.next = word

    return instances()


@block
def executor(clk, rst, requests, responses, quiet, bus, new_divisor):
    """Takes requests, works on the bus, answers; the loop of one request is

        take header and address; judge seq, command, address
        for each payload word: take it; write it to the bus, if the request is to be executed
        send header and info
        for each wanted word: read it from the bus; send it
        RUN: start the program; BAUD: wait until the answer has left, then change the divisor

    requests: a ``Stream`` of the words of whole requests, without ``last``.
    responses: a ``Stream`` of words.
    quiet: all that was given has left the device.
    bus: a ``volley.rtl.link.bus.Bus``, of which this is the master. An access to a region that does not exist,
    a read of one that can only be written and the other way round do not reach it: BAD_ADDRESS.
    new_divisor: a ``Stream`` of the UART's divisors, DIVISOR_BITS wide, without ``ready`` and ``last``.
    """
    request, work, numbers = Request(), Work(), Numbers(bus.session)
    step, status, left = work.step, work.status, work.left
    verdict, judged = Signal(intbv(0)[STATUS_BITS:]), Signal(bool(0))
    header, info = (Signal(intbv(0)[WORD_BITS:]) for _ in range(2))
    request_check_inst = request_check(request, numbers, bus.running, verdict)
    request_numbers_inst = request_numbers(clk, rst, request, judged, verdict, numbers)
    bus_address_inst = bus_address(clk, requests, work, request, bus.address)
    response_head_inst = response_head(request, work, numbers, bus.running, header, info)

    seq_msb, seq_lsb = HEADER["seq"].msb, HEADER["seq"].lsb
    command_msb, command_lsb = HEADER["command"].msb, HEADER["command"].lsb
    count_msb, count_lsb = HEADER["count"].msb, HEADER["count"].lsb
    identify, read, write = int(Command.IDENTIFY), int(Command.READ), int(Command.WRITE)
    run, baud, ok = int(Command.RUN), int(Command.BAUD), int(Status.OK)

    @always_comb
    def drive_work():
        judged.next = step == STEPS.JUDGE_REQUEST
        work.access.next = left != 0 and (
            (step == STEPS.TAKE_PAYLOAD and requests.valid and not requests.ready and status == ok)
            or (step == STEPS.SEND_WORD and responses.ready)
        )

    @always(clk.posedge)
    def execute():
        requests.ready.next = False
        bus.run.next = False
        new_divisor.valid.next = False
        if rst:
            step.next = STEPS.TAKE_HEADER
            responses.valid.next = False
            bus.write.next = False
            bus.read.next = False
        elif step == STEPS.TAKE_HEADER:
            if requests.valid and not requests.ready:
                requests.ready.next = True
                request.seq.next = requests.data[seq_msb:seq_lsb]
                request.command.next = requests.data[command_msb:command_lsb]
                request.count.next = requests.data[count_msb:count_lsb]
                step.next = STEPS.TAKE_ADDRESS
        elif step == STEPS.TAKE_ADDRESS:
            if requests.valid and not requests.ready:
                requests.ready.next = True
                request.address.next = requests.data
                step.next = STEPS.JUDGE_REQUEST
        elif step == STEPS.JUDGE_REQUEST:
            left.next = 0
            status.next = verdict
            step.next = STEPS.SEND_HEADER
            if request.command == write:
                if request.count != 0:
                    left.next = request.count
                    step.next = STEPS.TAKE_PAYLOAD
            elif request.command == identify or request.command == read or request.command == run:
                if verdict == ok:
                    left.next = request.count
        elif step == STEPS.TAKE_PAYLOAD:
            if left == 0:
                step.next = STEPS.SEND_HEADER
            elif requests.valid and not requests.ready:
                requests.ready.next = True
                left.next = left - 1
                if work.access:
                    bus.write.next = True
                    bus.write_data.next = requests.data
                    step.next = STEPS.WRITE_BUS
        elif step == STEPS.WRITE_BUS:
            if bus.ready:
                bus.write.next = False
                step.next = STEPS.TAKE_PAYLOAD
        elif step == STEPS.SEND_HEADER:
            responses.data.next = header
            responses.last.next = False
            responses.valid.next = True
            step.next = STEPS.SEND_INFO
        elif step == STEPS.SEND_INFO:
            if responses.ready:
                responses.data.next = info
                responses.last.next = left == 0
                step.next = STEPS.SEND_WORD
        elif step == STEPS.SEND_WORD:
            if responses.ready:
                responses.valid.next = False
                step.next = STEPS.FINISH_REQUEST
                if work.access:
                    bus.read.next = True
                    left.next = left - 1
                    step.next = STEPS.READ_BUS
        elif step == STEPS.READ_BUS:
            if bus.ready:
                bus.read.next = False
            if bus.read_valid:
                responses.data.next = bus.read_data
                responses.last.next = left == 0
                responses.valid.next = True
                step.next = STEPS.SEND_WORD
        elif step == STEPS.FINISH_REQUEST:
            if request.command == run and status == ok:
                bus.run.next = True
                bus.entry.next = request.address[ENTRY_BITS:]
                step.next = STEPS.TAKE_HEADER
            elif request.command == baud and status == ok:
                if quiet:
                    new_divisor.data.next = request.address[DIVISOR_BITS:]
                    new_divisor.valid.next = True
                    step.next = STEPS.TAKE_HEADER
            else:
                step.next = STEPS.TAKE_HEADER

    return instances()
