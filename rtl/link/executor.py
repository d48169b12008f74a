"""Executes requests in order: the device's side of firmware/frames.py."""

from myhdl import Signal, always, always_comb, block, concat, enum, instances, intbv, modbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import HEADER, INFO, LEAST_DIVISOR, MAX_WORDS, RESPONSE, Command, Status
from volley.firmware.registers import REGION_SHIFT, Region, Register
from volley.rtl.link.bus import ENTRY_BITS
from volley.rtl.link.uart import DIVISOR_BITS

STATUS_BITS = max(Status).bit_length()
STEPS = enum(
    # converted to VHDL these names are global: no signal may be called the same
    "TAKE_HEADER", "TAKE_ADDRESS", "JUDGE_REQUEST", "TAKE_PAYLOAD", "WRITE_BUS",
    "SEND_HEADER", "SEND_INFO", "SEND_WORD", "READ_BUS", "FINISH_REQUEST",
)  # fmt: skip


class Request:
    """Header and address of a request: the fields of HEADER, and ``region``, bits 31..28 of its address."""

    def __init__(self):
        self.seq = Signal(intbv(0)[HEADER["seq"].width :])
        self.command = Signal(intbv(0)[HEADER["command"].width :])
        self.count = Signal(intbv(0)[HEADER["count"].width :])
        self.address = Signal(intbv(0)[HEADER["address"].width :])
        self.region = Signal(intbv(0)[HEADER["address"].width - REGION_SHIFT :])


@block
def request_check(request, expected, previous, running, verdict):
    """verdict = the Status that answers ``request``, STATUS_BITS wide, in the same cycle.

    expected, previous: the seq to come and the one before it. running: a program runs.
    """
    entry_limit, divisor_limit = 1 << ENTRY_BITS, 1 << DIVISOR_BITS
    identify, read, write = int(Command.IDENTIFY), int(Command.READ), int(Command.WRITE)
    run, state, baud = int(Command.RUN), int(Command.STATUS), int(Command.BAUD)
    ok, busy, bad_address = int(Status.OK), int(Status.BUSY), int(Status.BAD_ADDRESS)
    repeated, out_of_order = int(Status.REPEATED), int(Status.OUT_OF_ORDER)
    bad_command = int(Status.BAD_COMMAND)
    registers, image = int(Region.REGISTERS), int(Region.IMAGE)

    @always_comb
    def judge():
        verdict.next = ok
        if request.command != identify and request.seq != expected:
            verdict.next = out_of_order
            if request.seq == previous:
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
            if request.address < LEAST_DIVISOR or request.address >= divisor_limit:
                verdict.next = bad_address
        elif request.command != state:
            verdict.next = bad_command

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
    An address counts up inside its region.
    new_divisor: a ``Stream`` of the UART's divisors, DIVISOR_BITS wide, without ``ready`` and ``last``.

    ``info`` shows running in the answer to a RUN that starts a program.
    """
    step = Signal(STEPS.TAKE_HEADER)
    request = Request()
    expected = Signal(modbv(0)[HEADER["seq"].width :])
    previous = Signal(modbv(HEADER["seq"].largest)[HEADER["seq"].width :])  # expected - 1
    status = Signal(intbv(0)[STATUS_BITS:])
    left = Signal(intbv(0, min=0, max=MAX_WORDS + 1))  # words of payload, either way
    offset = Signal(modbv(0)[REGION_SHIFT:])  # of the next word, in the request's region

    verdict = Signal(intbv(0)[STATUS_BITS:])
    request_check_inst = request_check(request, expected, previous, bus.running, verdict)

    seq_msb, seq_lsb = HEADER["seq"].msb, HEADER["seq"].lsb
    command_msb, command_lsb = HEADER["command"].msb, HEADER["command"].lsb
    count_msb, count_lsb = HEADER["count"].msb, HEADER["count"].lsb
    expected_msb, expected_lsb = INFO["expected"].msb, INFO["expected"].lsb
    running_bit = INFO["running"].lsb
    identify, read, write = int(Command.IDENTIFY), int(Command.READ), int(Command.WRITE)
    run, baud, ok = int(Command.RUN), int(Command.BAUD), int(Status.OK)
    repeated, out_of_order = int(Status.REPEATED), int(Status.OUT_OF_ORDER)
    last_seq = HEADER["seq"].largest
    registers, results = int(Region.REGISTERS), int(Register.STATUS)

    @always(clk.posedge)
    def execute():
        reply = intbv(0)[WORD_BITS:]
        requests.ready.next = False
        bus.run.next = False
        new_divisor.valid.next = False
        if rst:
            step.next = STEPS.TAKE_HEADER
            expected.next = 0
            previous.next = last_seq
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
                request.region.next = requests.data[:REGION_SHIFT]
                offset.next = requests.data[REGION_SHIFT:]
                step.next = STEPS.JUDGE_REQUEST
        elif step == STEPS.JUDGE_REQUEST:
            left.next = 0
            if verdict != out_of_order and verdict != repeated:
                previous.next = request.seq
                expected.next = request.seq + 1
            if request.command == identify:
                request.region.next = registers
                offset.next = 0
            elif request.command == run:
                request.region.next = registers
                offset.next = results
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
                if status == ok:
                    bus.write.next = True
                    bus.write_data.next = requests.data
                    bus.address.next = concat(request.region, offset)
                    offset.next = offset + 1
                    step.next = STEPS.WRITE_BUS
        elif step == STEPS.WRITE_BUS:
            if bus.ready:
                bus.write.next = False
                step.next = STEPS.TAKE_PAYLOAD
        elif step == STEPS.SEND_HEADER:
            reply[seq_msb:seq_lsb] = request.seq
            reply[command_msb:command_lsb] = RESPONSE + status
            reply[count_msb:count_lsb] = left
            responses.data.next = reply
            responses.last.next = False
            responses.valid.next = True
            step.next = STEPS.SEND_INFO
        elif step == STEPS.SEND_INFO:
            if responses.ready:
                reply[expected_msb:expected_lsb] = expected
                reply[running_bit] = bus.running or (request.command == run and status == ok)
                responses.data.next = reply
                responses.last.next = left == 0
                step.next = STEPS.SEND_WORD
        elif step == STEPS.SEND_WORD:
            if responses.ready:
                responses.valid.next = False
                if left == 0:
                    step.next = STEPS.FINISH_REQUEST
                else:
                    bus.read.next = True
                    bus.address.next = concat(request.region, offset)
                    offset.next = offset + 1
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
