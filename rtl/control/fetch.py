"""Fetches an instruction and its layer descriptor into registers, a Signal for each field."""

from myhdl import Signal, always, block, enum, instances, intbv

from volley.firmware.isa import DESCRIPTOR_WORDS, INSTRUCTION_WORDS, Opcode


class Fields:
    """A Signal for every field of a table of fields, as an attribute of the field's name."""

    def __init__(self, table):
        self.table = table
        for name, field in table.items():
            initial = bool(0) if field.width == 1 else intbv(0)[field.width :]
            setattr(self, name, Signal(initial))

    def signals(self):
        """(Field, Signal) pairs."""
        return [(field, getattr(self, name)) for name, field in self.table.items()]


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
def fetch(
    clk, stop, start, entry, step, valid, program_read, program_address, program_data,
    descriptor_read, descriptor_address, descriptor_data, instruction, descriptor,
):  # fmt: skip
    """Fetches the instruction at ``entry`` after ``start``, and the next one after each ``step``.

    valid: all fields of ``instruction`` and ``descriptor`` (Fields) hold; falls with ``step``.
    ``stop`` ends it. The memories answer a read in the next cycle; their addresses are modbv.
    """
    state_type = enum("IDLE", "INSTRUCTION", "DECODE", "DESCRIPTOR", "READY")
    state = Signal(state_type.IDLE)
    pc = Signal(intbv(0)[16:])
    word = Signal(intbv(0)[5:])
    arrives = Signal(intbv(0)[5:])  # number of the word that the memory shows
    instruction_load = Signal(bool(0))
    descriptor_load = Signal(bool(0))
    load_instruction = load_fields(clk, instruction_load, arrives, program_data, instruction)
    load_descriptor = load_fields(clk, descriptor_load, arrives, descriptor_data, descriptor)

    @always(clk.posedge)
    def walk():
        program_read.next = False
        descriptor_read.next = False
        if stop:
            state.next = state_type.IDLE
            valid.next = False
        elif start:
            pc.next = entry
            word.next = 0
            valid.next = False
            state.next = state_type.INSTRUCTION
        elif state == state_type.INSTRUCTION:
            program_address.next = pc + word
            program_read.next = True
            word.next = word + 1
            if word == INSTRUCTION_WORDS - 1:
                state.next = state_type.DECODE
                word.next = 0
        elif state == state_type.DECODE:
            # the last word is on its way: read, memory, field
            word.next = word + 1
            if word == 3:
                word.next = 0
                if instruction.opcode == Opcode.ROWS:
                    state.next = state_type.DESCRIPTOR
                else:
                    valid.next = True
                    state.next = state_type.READY
        elif state == state_type.DESCRIPTOR:
            if word < DESCRIPTOR_WORDS:
                descriptor_address.next = instruction.layer * DESCRIPTOR_WORDS + word
                descriptor_read.next = True
            word.next = word + 1
            if word == DESCRIPTOR_WORDS + 3:
                valid.next = True
                state.next = state_type.READY
        elif state == state_type.READY:
            if step:
                pc.next = pc + INSTRUCTION_WORDS
                word.next = 0
                valid.next = False
                state.next = state_type.INSTRUCTION

    read_before = Signal(bool(0))

    @always(clk.posedge)
    def follow():
        instruction_load.next = program_read
        descriptor_load.next = descriptor_read
        read_before.next = program_read or descriptor_read
        if read_before:
            arrives.next = arrives + 1
        if not read_before:
            arrives.next = 0

    return instances()
