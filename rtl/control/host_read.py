"""Reads of the host: a word of a memory, a counter or a register, some cycles later."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv, modbv

from volley.firmware.registers import BANK_SHIFT, IDENTITY_WORDS, Region, Register
from volley.rtl.delay import delay
from volley.rtl.memory.ram import column_bits
from volley.rtl.memory.read_mux import choose


def read_cycles(design):
    """Cycles from a read to its answer: address, memory, bank, then one per word to choose from; with
    ``reach`` seven, and one more for what was chosen."""
    words = max(design.spike_columns, design.weight_columns, 4 * design.neurons)
    return 8 + words + design.reach * (9 + words)


@block
def host_read(clk, bus, reading, host, registers, data, design):
    """Answers a read after ``read_cycles(design)``; drives ``reading`` meanwhile.

    host: HostPort; registers: RegisterWords; data: HostData.
    """
    wait, reach = read_cycles(design), design.reach
    waited = Signal(intbv(0)[max(8, wait.bit_length()) :])
    asked = ReadAddress()
    region, column = asked.region, asked.column
    register_word = Signal(intbv(0)[32:])
    weight_word, param_word, spike_word, score_word = (
        Signal(intbv(0)[width:]) for width in (len(data.weights[0]), 32, 32, 32)
    )
    weight_inst = choose(clk, host.read_weights, column, data.weights, weight_word, reach)
    param_inst = choose(clk, host.read_params, column, data.params, param_word, reach)
    spike_inst = choose(clk, host.read_spikes, column, data.spikes, spike_word, reach)
    score_inst = choose(clk, host.read_scores, column, data.scores, score_word, reach)
    program_word, descriptor_word = data.program, data.descriptor
    cycles_word, spikes_word = data.cycles, data.spike_counts
    done = Signal(bool(0))
    address_inst = read_address(clk, bus, reading, done, host, asked, design)
    register_inst = register_read(
        clk, reading, asked, (score_word, cycles_word, spikes_word), host, registers, register_word
    )

    @always_comb
    def drive_done():
        done.next = waited == wait

    @always(clk.posedge)
    def count_wait():
        bus.read_valid.next = False
        if reading:
            waited.next = waited + 1
            if done:
                reading.next = False
                bus.read_valid.next = True
        elif bus.read:
            reading.next = True
            waited.next = 0

    answer = Signal(intbv(0)[32:])
    show = show_later if reach else show_now
    show_inst = show(clk, reading, done, answer, bus.read_data)

    @always_comb
    def find_answer():
        if region == Region.REGISTERS:
            answer.next = register_word
        elif region == Region.PROGRAM:
            answer.next = program_word
        elif region == Region.DESCRIPTORS:
            answer.next = descriptor_word
        elif region == Region.WEIGHTS:
            answer.next = weight_word
        elif region == Region.PARAMS:
            answer.next = param_word
        elif region == Region.SPIKES:
            answer.next = spike_word
        else:
            answer.next = 0

    return instances()


@block
def show_now(clk, reading, done, answer, read_data):
    """read_data = answer, from when the read is ``done``."""

    @always(clk.posedge)
    def show():
        if reading and done:
            read_data.next = answer

    return instances()


@block
def show_later(clk, reading, done, answer, read_data):
    """``show_now`` of the answer of the cycle before."""
    chosen = Signal(intbv(0)[32:])
    chosen_inst = delay(clk, 1, answer, chosen)
    show_inst = show_now(clk, reading, done, chosen, read_data)
    return instances()


class ReadAddress:
    """The address of a read: its region, the index of a register, the column of a memory's word."""

    def __init__(self):
        self.region = Signal(intbv(0)[4:])
        self.index = Signal(intbv(0)[12:])
        self.column = Signal(modbv(0)[8:])


@block
def read_address(clk, bus, reading, done, host, asked, design):
    """Takes the address of a read apart: drives ``asked``, and the read side of ``host`` until ``done``."""
    columns_spike = column_bits(design.spike_columns)
    columns_weight = column_bits(design.weight_columns)
    columns_param = column_bits(design.neurons)
    design_weight_columns, design_spike_columns = design.weight_columns, design.spike_columns
    design_neurons, scores_row = design.neurons, int(Register.SCORES) >> columns_param
    address = bus.address
    region, index, column = asked.region, asked.index, asked.column

    @always(clk.posedge)
    def start_read():
        channel = intbv(0)[6:]
        if bus.read and not reading:
            region.next = address[32:28]
            index.next = address[12:]
            host.bank.next = address[BANK_SHIFT + 4 : BANK_SHIFT]
            host.read_program.next = address[32:28] == Region.PROGRAM
            host.read_descriptor.next = address[32:28] == Region.DESCRIPTORS
            host.read_weights.next = address[32:28] == Region.WEIGHTS
            host.read_params.next = address[32:28] == Region.PARAMS
            host.read_spikes.next = address[32:28] == Region.SPIKES
            host.read_scores.next = address[32:28] == Region.REGISTERS
            host.read_counters.next = address[32:28] == Region.REGISTERS
            column.next = 0
            host.row.next = address[BANK_SHIFT:]
            if address[32:28] == Region.WEIGHTS:
                column.next = address[8:] & (design_weight_columns - 1)
                host.row.next = address[BANK_SHIFT:columns_weight]
            elif address[32:28] == Region.SPIKES:
                column.next = address[8:] & (design_spike_columns - 1)
                host.row.next = address[BANK_SHIFT:columns_spike]
            elif address[32:28] == Region.PARAMS:
                channel[:] = address[6:] & (design_neurons - 1)
                column.next = concat(channel, address[BANK_SHIFT + 2 : BANK_SHIFT])
                host.row.next = address[BANK_SHIFT:columns_param]
            elif address[32:28] == Region.REGISTERS:
                # SCORES is a multiple of every co
                column.next = address[8:] & (design_neurons - 1)
                host.row.next = address[12:columns_param] - scores_row
        elif done:
            host.read_program.next = False
            host.read_descriptor.next = False
            host.read_weights.next = False
            host.read_params.next = False
            host.read_spikes.next = False
            host.read_scores.next = False
            host.read_counters.next = False

    return instances()


@block
def register_read(clk, reading, asked, words, host, shown, register_word):
    """register_word = the register that is asked for.

    words: of the scores and of the layers' counters. shown: RegisterWords, of all the others.
    """
    identity_words, running, session = shown.identity, shown.running, shown.session
    identity_word, counter_word, own_word = (Signal(intbv(0)[32:]) for _ in range(3))
    is_identity, is_counter, is_score, is_layer, of_spikes = (Signal(bool(0)) for _ in range(5))
    registers, counters, run_counters = shown.registers, shown.counters, shown.run_counters
    score_word, cycles_word, spikes_word = words
    region, index = asked.region, asked.index

    clock_hz = identity_words[Register.CLOCK_HZ]
    if isinstance(clock_hz, int):

        @always(clk.posedge)
        def read_identity():
            if reading and index < IDENTITY_WORDS:
                identity_word.next = identity_words[index]

    else:
        constants = tuple(0 if word is clock_hz else word for word in identity_words)

        @always(clk.posedge)
        def read_identity_and_clock():
            if reading and index < IDENTITY_WORDS:
                identity_word.next = constants[index]
                if index == Register.CLOCK_HZ:
                    identity_word.next = clock_hz

    @always(clk.posedge)
    def read_counter():
        if reading:
            if index == Register.CYCLES:
                counter_word.next = run_counters.cycles
            elif index == Register.RUNS:
                counter_word.next = run_counters.runs
            elif index == Register.IMAGE_WORDS:
                counter_word.next = counters.image
            elif index == Register.MODEL_WORDS:
                counter_word.next = counters.model
            elif index == Register.SPIKES_WRITTEN:
                counter_word.next = counters.written
            elif index == Register.SPIKES_READ:
                counter_word.next = counters.read
            else:
                counter_word.next = session

    @always(clk.posedge)
    def sort():
        is_identity.next = index < IDENTITY_WORDS
        is_counter.next = index >= Register.CYCLES and index <= Register.SPIKES_READ
        is_score.next = index >= Register.SCORES
        is_layer.next = index >= Register.LAYERS
        of_spikes.next = index[0]

    @always(clk.posedge)
    def read_own():
        if index == Register.STATUS:
            own_word.next = running
        elif index == Register.IMAGE_BASE_0:
            own_word.next = registers.image_base_0
        elif index == Register.IMAGE_BASE_1:
            own_word.next = registers.image_base_1
        elif index == Register.IMAGE_SHAPE:
            own_word.next = host.image_shape
        elif index == Register.IMAGE_STRIDE:
            own_word.next = host.image_stride
        else:
            own_word.next = 0

    @always(clk.posedge)
    def read_register():
        if reading and region == Region.REGISTERS:
            if is_identity:
                register_word.next = identity_word
            elif is_counter:
                register_word.next = counter_word
            elif is_score:
                register_word.next = score_word
            elif not is_layer:
                register_word.next = own_word
            elif of_spikes:
                register_word.next = spikes_word
            else:
                register_word.next = cycles_word

    return instances()
