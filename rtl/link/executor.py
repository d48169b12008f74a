"""Executes requests in order: the device's side of firmware/frames.py."""

from myhdl import Signal, always, block, concat, enum, instances, intbv, modbv

from volley.firmware.frames import HEADER, INFO, MAX_WORDS, RESPONSE, Command, Status
from volley.firmware.registers import REGION_SHIFT, Region, Register
from volley.rtl.link.uart import DIVISOR_BITS, DIVISOR_MIN

ENTRY_BITS = 16
STEPS = enum(
    # converted to VHDL these names are global: no signal may be called the same
    "TAKE_HEADER", "TAKE_ADDRESS", "JUDGE_REQUEST", "TAKE_PAYLOAD", "WRITE_BUS",
    "SEND_HEADER", "SEND_INFO", "SEND_WORD", "READ_BUS", "FINISH_REQUEST",
)  # fmt: skip


@block
def executor(
    clk, rst, word, word_valid, take, out_data, out_last, out_valid, out_ready, quiet, bus, divisor,
    set_divisor,
):  # fmt: skip
    """Takes requests, works on the bus, answers; the loop of one request is

        take header and address; judge seq, command, address
        for each payload word: take it; write it to the bus, if the request is to be executed
        send header and info
        for each wanted word: read it from the bus; send it
        RUN: start the program; BAUD: wait until the answer has left, then change the divisor

    word, word_valid, take: words of whole requests, taken in a cycle in which both are set.
    out_data, out_last, out_valid, out_ready: words of responses, given in a cycle in which valid
    and ready are set.
    quiet: all that was given has left the device.
    bus: a ``volley.rtl.link.bus.Bus``, of which this is the master. An access to a region that does not exist,
    a read of one that can only be written and the other way round do not reach it: BAD_ADDRESS.
    An address counts up inside its region.
    divisor, set_divisor: one cycle, the UART's new divisor, DIVISOR_BITS wide.

    ``info`` shows running in the answer to a RUN that starts a program.
    """
    step = Signal(STEPS.TAKE_HEADER)
    seq = Signal(intbv(0)[HEADER["seq"].width :])
    command = Signal(intbv(0)[HEADER["command"].width :])
    count = Signal(intbv(0)[HEADER["count"].width :])
    argument = Signal(intbv(0)[HEADER["address"].width :])
    expected = Signal(modbv(0)[HEADER["seq"].width :])
    before = Signal(modbv(255)[HEADER["seq"].width :])  # expected - 1
    status = Signal(intbv(0)[3:])
    left = Signal(intbv(0, min=0, max=MAX_WORDS + 1))  # words of payload, either way
    region = Signal(intbv(0)[32 - REGION_SHIFT :])
    place = Signal(modbv(0)[REGION_SHIFT:])

    seq_msb, seq_lsb = HEADER["seq"].msb, HEADER["seq"].lsb
    command_msb, command_lsb = HEADER["command"].msb, HEADER["command"].lsb
    count_msb, count_lsb = HEADER["count"].msb, HEADER["count"].lsb
    expected_msb, expected_lsb = INFO["expected"].msb, INFO["expected"].lsb
    running_bit = INFO["running"].lsb
    entry_limit, divisor_limit = 1 << ENTRY_BITS, 1 << DIVISOR_BITS
    identify, read, write = int(Command.IDENTIFY), int(Command.READ), int(Command.WRITE)
    run, state, baud = int(Command.RUN), int(Command.STATUS), int(Command.BAUD)
    ok, busy, bad_address = int(Status.OK), int(Status.BUSY), int(Status.BAD_ADDRESS)
    repeated, out_of_order = int(Status.REPEATED), int(Status.OUT_OF_ORDER)
    bad_command = int(Status.BAD_COMMAND)
    registers, results = int(Region.REGISTERS), int(Register.STATUS)
    image = int(Region.IMAGE)

    @always(clk.posedge)
    def execute():
        verdict = intbv(0)[3:]
        reply = intbv(0)[32:]
        take.next = False
        bus.run.next = False
        set_divisor.next = False
        if rst:
            step.next = STEPS.TAKE_HEADER
            expected.next = 0
            before.next = 255
            out_valid.next = False
            bus.write.next = False
            bus.read.next = False
        elif step == STEPS.TAKE_HEADER:
            if word_valid and not take:
                take.next = True
                seq.next = word[seq_msb:seq_lsb]
                command.next = word[command_msb:command_lsb]
                count.next = word[count_msb:count_lsb]
                step.next = STEPS.TAKE_ADDRESS
        elif step == STEPS.TAKE_ADDRESS:
            if word_valid and not take:
                take.next = True
                argument.next = word
                region.next = word[:REGION_SHIFT]
                place.next = word[REGION_SHIFT:]
                step.next = STEPS.JUDGE_REQUEST
        elif step == STEPS.JUDGE_REQUEST:
            left.next = 0
            verdict[:] = ok
            if command != identify and seq != expected:
                verdict[:] = out_of_order
                if seq == before:
                    verdict[:] = repeated
            else:
                before.next = seq
                expected.next = seq + 1
                if command == identify:
                    region.next = registers
                    place.next = 0
                    if count > MAX_WORDS:
                        verdict[:] = bad_address
                elif command == read:
                    if count > MAX_WORDS or region >= image:
                        verdict[:] = bad_address
                    elif bus.running and region != registers:
                        verdict[:] = busy
                elif command == write:
                    if region > image:
                        verdict[:] = bad_address
                elif command == run:
                    region.next = registers
                    place.next = results
                    if count > MAX_WORDS or argument >= entry_limit:
                        verdict[:] = bad_address
                    elif bus.running:
                        verdict[:] = busy
                elif command == baud:
                    if argument < DIVISOR_MIN or argument >= divisor_limit:
                        verdict[:] = bad_address
                elif command != state:
                    verdict[:] = bad_command
            status.next = verdict
            step.next = STEPS.SEND_HEADER
            if command == write:
                if count != 0:
                    left.next = count
                    step.next = STEPS.TAKE_PAYLOAD
            elif command == identify or command == read or command == run:
                if verdict == ok:
                    left.next = count
        elif step == STEPS.TAKE_PAYLOAD:
            if left == 0:
                step.next = STEPS.SEND_HEADER
            elif word_valid and not take:
                take.next = True
                left.next = left - 1
                if status == ok:
                    bus.write.next = True
                    bus.write_data.next = word
                    bus.address.next = concat(region, place)
                    place.next = place + 1
                    step.next = STEPS.WRITE_BUS
        elif step == STEPS.WRITE_BUS:
            if bus.ready:
                bus.write.next = False
                step.next = STEPS.TAKE_PAYLOAD
        elif step == STEPS.SEND_HEADER:
            reply[seq_msb:seq_lsb] = seq
            reply[command_msb:command_lsb] = RESPONSE + status
            reply[count_msb:count_lsb] = left
            out_data.next = reply
            out_last.next = False
            out_valid.next = True
            step.next = STEPS.SEND_INFO
        elif step == STEPS.SEND_INFO:
            if out_ready:
                reply[expected_msb:expected_lsb] = expected
                reply[running_bit] = bus.running or (command == run and status == ok)
                out_data.next = reply
                out_last.next = left == 0
                step.next = STEPS.SEND_WORD
        elif step == STEPS.SEND_WORD:
            if out_ready:
                out_valid.next = False
                if left == 0:
                    step.next = STEPS.FINISH_REQUEST
                else:
                    bus.read.next = True
                    bus.address.next = concat(region, place)
                    place.next = place + 1
                    left.next = left - 1
                    step.next = STEPS.READ_BUS
        elif step == STEPS.READ_BUS:
            if bus.ready:
                bus.read.next = False
            if bus.read_valid:
                out_data.next = bus.read_data
                out_last.next = left == 0
                out_valid.next = True
                step.next = STEPS.SEND_WORD
        elif step == STEPS.FINISH_REQUEST:
            if command == run and status == ok:
                bus.run.next = True
                bus.entry.next = argument[ENTRY_BITS:]
                step.next = STEPS.TAKE_HEADER
            elif command == baud and status == ok:
                if quiet:
                    divisor.next = argument[DIVISOR_BITS:]
                    set_divisor.next = True
                    step.next = STEPS.TAKE_HEADER
            else:
                step.next = STEPS.TAKE_HEADER

    return instances()
