"""Fetches an instruction and its layer descriptor into registers, a Signal for each field."""

from myhdl import Signal, always, block, enum, instances, intbv, modbv

from volley.firmware.isa import (
    DESCRIPTOR_WORDS,
    INSTRUCTION,
    INSTRUCTION_WORDS,
    Opcode,
)
from volley.rtl.control.fields import Fields
from volley.rtl.delay import delay
from volley.rtl.memory.ram import address_bits

IN_FLIGHT = 3
"""Cycles from a request of a word to its fields: read, memory, field; with ``reach`` one more."""


class ReadPort:
    """A read of a memory: ``data`` is the word at ``address`` in the cycle after ``read``.

    The reader drives read and address (modbv), the memory data.
    """

    def __init__(self, words, bits=32):
        self.read = Signal(bool(0))
        self.address = Signal(modbv(0)[address_bits(words) :])
        self.data = Signal(intbv(0)[bits:])


class Fetched:
    """An instruction and its layer's descriptor.

    Driven by ``fetch``: instruction, descriptor   Fields
                         valid                     all of them hold; falls with ``step``
    Driven by the sequencer: step                  one cycle: the next instruction is wanted
    """

    def __init__(self, design):
        self.instruction, self.descriptor = Fields(INSTRUCTION), Fields(design.descriptor)
        self.valid, self.step = Signal(bool(0)), Signal(bool(0))


@block
def load_bit(clk, load, index, data, word, bit, target):
    """Loads one bit of word ``word`` of a record."""

    @always(clk.posedge)
    def load_field():
        if load and index == word:
            target.next = data[bit]

    return instances()


@block
def load_bits(clk, load, index, data, word, msb, lsb, target):
    """Loads bits lsb .. msb - 1 of word ``word`` of a record."""

    @always(clk.posedge)
    def load_field():
        if load and index == word:
            target.next = data[msb:lsb]

    return instances()


@block
def load_fields(clk, load, index, data, fields):
    """Loads every field of a record whose words pass by as ``data``, numbered by ``index``."""
    loaders = []
    for field, target in fields.signals():
        if field.width == 1:
            loaders.append(load_bit(clk, load, index, data, field.word, field.lsb, target))
        else:
            loaders.append(
                load_bits(clk, load, index, data, field.word, field.msb, field.lsb, target)
            )
    return loaders


@block
def fetch(clk, run, fetched, program, descriptors, reach=0):
    """Fetches the instruction at ``run.entry`` after ``run.start``, and the next one after each step.

    run: ``volley.rtl.control.sequencer.RunControl``; its stop ends it. program, descriptors: ReadPorts.
    reach: of the design: words come a cycle later.
    """
    instruction, descriptor = fetched.instruction, fetched.descriptor
    state_type = enum("IDLE", "INSTRUCTION", "DECODE", "DESCRIPTOR", "READY")
    state = Signal(state_type.IDLE)
    pc = Signal(intbv(0)[len(run.entry) :])
    in_flight = IN_FLIGHT + reach
    last_step = DESCRIPTOR_WORDS + in_flight
    word = Signal(intbv(0)[address_bits(last_step + 1) :])
    arrives = Signal(intbv(0)[len(word) :])  # number of the word that the memory shows
    instruction_load, descriptor_load = Signal(bool(0)), Signal(bool(0))
    instruction_inst = load_fields(clk, instruction_load, arrives, program.data, instruction)
    descriptor_inst = load_fields(clk, descriptor_load, arrives, descriptors.data, descriptor)

    @always(clk.posedge)
    def request_words():
        program.read.next = False
        descriptors.read.next = False
        if run.stop:
            state.next = state_type.IDLE
            fetched.valid.next = False
        elif run.start:
            pc.next = run.entry
            word.next = 0
            fetched.valid.next = False
            state.next = state_type.INSTRUCTION
        elif state == state_type.INSTRUCTION:
            program.address.next = pc + word
            program.read.next = True
            word.next = word + 1
            if word == INSTRUCTION_WORDS - 1:
                state.next = state_type.DECODE
                word.next = 0
        elif state == state_type.DECODE:
            word.next = word + 1
            if word == in_flight:
                word.next = 0
                if instruction.opcode == Opcode.ROWS:
                    state.next = state_type.DESCRIPTOR
                else:
                    fetched.valid.next = True
                    state.next = state_type.READY
        elif state == state_type.DESCRIPTOR:
            if word < DESCRIPTOR_WORDS:
                descriptors.address.next = instruction.layer * DESCRIPTOR_WORDS + word
                descriptors.read.next = True
            word.next = word + 1
            if word == last_step:
                fetched.valid.next = True
                state.next = state_type.READY
        elif state == state_type.READY:
            if fetched.step:
                pc.next = pc + INSTRUCTION_WORDS
                word.next = 0
                fetched.valid.next = False
                state.next = state_type.INSTRUCTION

    read_before = Signal(bool(0))
    program_read, descriptor_read = program.read, descriptors.read
    if reach:
        program_read, descriptor_read = (Signal(bool(0)) for _ in range(2))
        later_insts = [
            delay(clk, 1, program.read, program_read),
            delay(clk, 1, descriptors.read, descriptor_read),
        ]

    @always(clk.posedge)
    def number_arrivals():
        instruction_load.next = program_read
        descriptor_load.next = descriptor_read
        read_before.next = program_read or descriptor_read
        if read_before:
            arrives.next = arrives + 1
        if not read_before:
            arrives.next = 0

    return instances()
