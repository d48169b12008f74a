"""The slave side of the bus: decodes addresses, writes registers and memories, answers reads."""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv, modbv

from volley.firmware.registers import (
    BANK_SHIFT,
    IDENTITY_WORDS,
    IMAGE_BUFFER_SHIFT,
    Region,
    Register,
)
from volley.rtl.memory.ram import address_bits
from volley.rtl.memory.read_mux import choose


class HostPort:
    """What the host writes and reads, apart from the memories' own write ports.

    program_write, descriptor_write   with ``place`` and ``data``
    image_accept, image_start, image_base, image_shape, image_stride   of ``image_writer``
    word_accept, word_column, word_bank, word_address   of ``image_writer``: SPIKES
    stop                              one cycle
    read_*                            level: that memory is to show the word of ``row``
    bank, row                         of the word that is read
    """

    def __init__(self, design):
        row_bits = max(
            address_bits(words)
            for words in (
                design.spike_words, design.weight_words, design.param_words,
                design.program_words, design.layers * 16, design.scores,
            )
        )  # fmt: skip
        self.place = Signal(modbv(0)[row_bits:])
        self.data = Signal(intbv(0)[32:])
        self.program_write = Signal(bool(0))
        self.descriptor_write = Signal(bool(0))
        self.image_accept = Signal(bool(0))
        self.image_start = Signal(bool(0))
        self.image_base = Signal(intbv(0)[20:])
        self.image_shape = Signal(intbv(0)[32:])
        self.image_stride = Signal(intbv(0)[20:])
        self.word_accept = Signal(bool(0))
        self.word_column = Signal(modbv(0)[4:])
        self.word_bank = Signal(intbv(0)[2:])
        self.word_address = Signal(modbv(0)[address_bits(design.spike_words) :])
        self.stop = Signal(bool(0))
        self.read_program = Signal(bool(0))
        self.read_descriptor = Signal(bool(0))
        self.read_weights = Signal(bool(0))
        self.read_params = Signal(bool(0))
        self.read_spikes = Signal(bool(0))
        self.read_scores = Signal(bool(0))
        self.read_counters = Signal(bool(0))
        self.bank = Signal(modbv(0)[4:])
        self.row = Signal(modbv(0)[row_bits:])


class HostData:
    """What the memories show to the host; lists of words of up to 32 bits."""

    def __init__(self, program, descriptor, weights, params, spikes, scores, cycles, spike_counts):
        self.program = program
        self.descriptor = descriptor
        self.weights = weights
        self.params = params
        self.spikes = spikes
        self.scores = scores
        self.cycles = cycles
        self.spike_counts = spike_counts


def read_cycles(design):
    """Cycles from a read to its answer: address, memory, bank, then one per word to choose from."""
    return 8 + max(design.spike_columns, design.weight_columns, 4 * design.co)


@block
def host_access(
    clk, bus, running, total_cycles, runs, image_ready, host, weight_port, param_port, data,
    identity, design,
):  # fmt: skip
    """Connects ``bus`` with the ports. identity: the constants of registers MAGIC to BOARD.

    A write takes effect within five cycles; a read is answered after ``read_cycles(design)``.
    """
    columns_spike = address_bits(design.spike_columns) if design.spike_columns > 1 else 0
    columns_weight = address_bits(design.weight_columns) if design.weight_columns > 1 else 0
    columns_param = address_bits(design.co) if design.co > 1 else 0
    design_weight_columns, design_spike_columns = design.weight_columns, design.spike_columns
    design_co, scores_row = design.co, int(Register.SCORES) >> columns_param
    weight_bits = len(weight_port.data)
    weight_column_bits, param_channel_bits = len(weight_port.column), len(param_port.channel)
    region_image, region_spikes = int(Region.IMAGE), int(Region.SPIKES)
    word_bits = len(host.word_address)
    wait = read_cycles(design)

    reading = Signal(bool(0))
    waited = Signal(intbv(0)[8:])
    region = Signal(intbv(0)[4:])
    place = Signal(intbv(0)[12:])
    column = Signal(modbv(0)[8:])
    base_0, base_1 = (Signal(intbv(0)[20:]) for _ in range(2))
    write, address, write_data = bus.write, bus.address, bus.write_data

    identity_words = tuple(identity)
    register_word = Signal(intbv(0)[32:])
    weight_word, param_word, spike_word, score_word = (
        Signal(intbv(0)[width:]) for width in (weight_bits, 32, 32, 32)
    )
    pick_weight = choose(clk, host.read_weights, column, data.weights, weight_word)
    pick_param = choose(clk, host.read_params, column, data.params, param_word)
    pick_spikes = choose(clk, host.read_spikes, column, data.spikes, spike_word)
    pick_score = choose(clk, host.read_scores, column, data.scores, score_word)
    program_word, descriptor_word = data.program, data.descriptor
    cycles_word, spikes_word = data.cycles, data.spike_counts

    @always_comb
    def grant():
        bus.running.next = running
        bus.ready.next = (not reading) and (
            image_ready
            or not write
            or (address[32:28] != region_image and address[32:28] != region_spikes)
        )
        host.word_accept.next = write and image_ready and address[32:28] == region_spikes
        host.image_accept.next = write and image_ready and address[32:28] == region_image
        host.image_start.next = address[IMAGE_BUFFER_SHIFT:] == 0

    @always_comb
    def choose_buffer():
        if address[IMAGE_BUFFER_SHIFT]:
            host.image_base.next = base_1
        else:
            host.image_base.next = base_0

    @always_comb
    def place_word():
        host.word_column.next = address[4:] & (design_spike_columns - 1)
        host.word_bank.next = address[BANK_SHIFT + 2 : BANK_SHIFT]
        host.word_address.next = address[word_bits + columns_spike : columns_spike]

    taken = Signal(bool(0))

    @always_comb
    def take():
        taken.next = write and not reading

    @always(clk.posedge)
    def write_memories():
        weight_port.write.next = taken and address[32:28] == Region.WEIGHTS
        param_port.write.next = taken and address[32:28] == Region.PARAMS
        host.program_write.next = taken and address[32:28] == Region.PROGRAM
        host.descriptor_write.next = taken and address[32:28] == Region.DESCRIPTORS
        if write:
            weight_port.tap.next = address[BANK_SHIFT + 4 : BANK_SHIFT]
            weight_port.column.next = address[weight_column_bits:] & (design_weight_columns - 1)
            weight_port.address.next = address[BANK_SHIFT:columns_weight]
            weight_port.data.next = write_data[weight_bits:]
            param_port.kind.next = address[BANK_SHIFT + 2 : BANK_SHIFT]
            param_port.channel.next = address[param_channel_bits:] & (design_co - 1)
            param_port.address.next = address[BANK_SHIFT:columns_param]
            param_port.data.next = write_data
            host.place.next = address[BANK_SHIFT:]
            host.data.next = write_data

    # what the host moves, counted since power-up
    count_image, count_model, count_written, count_read = (Signal(modbv(0)[32:]) for _ in range(4))

    @always(clk.posedge)
    def count_words():
        if host.image_accept:
            count_image.next = count_image + 1
        if host.word_accept:
            count_written.next = count_written + 1
        if taken and address[32:28] >= Region.PROGRAM and address[32:28] <= Region.PARAMS:
            count_model.next = count_model + 1
        if bus.read and not reading and address[32:28] == Region.SPIKES:
            count_read.next = count_read + 1

    @always(clk.posedge)
    def write_registers():
        host.stop.next = False
        if taken and address[32:28] == Region.REGISTERS:
            if address[BANK_SHIFT:] == Register.CONTROL:
                host.stop.next = write_data[0]
            elif address[BANK_SHIFT:] == Register.IMAGE_BASE_0:
                base_0.next = write_data[20:]
            elif address[BANK_SHIFT:] == Register.IMAGE_BASE_1:
                base_1.next = write_data[20:]
            elif address[BANK_SHIFT:] == Register.IMAGE_SHAPE:
                host.image_shape.next = write_data
            elif address[BANK_SHIFT:] == Register.IMAGE_STRIDE:
                host.image_stride.next = write_data[20:]

    @always(clk.posedge)
    def start_read():
        channel = intbv(0)[6:]
        if bus.read and not reading:
            region.next = address[32:28]
            place.next = address[12:]
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
                channel[:] = address[6:] & (design_co - 1)
                column.next = concat(channel, address[BANK_SHIFT + 2 : BANK_SHIFT])
                host.row.next = address[BANK_SHIFT:columns_param]
            elif address[32:28] == Region.REGISTERS:
                # SCORES is a multiple of every co
                column.next = address[8:] & (design_co - 1)
                host.row.next = address[12:columns_param] - scores_row
        elif waited == wait:
            host.read_program.next = False
            host.read_descriptor.next = False
            host.read_weights.next = False
            host.read_params.next = False
            host.read_spikes.next = False
            host.read_scores.next = False
            host.read_counters.next = False

    @always(clk.posedge)
    def wait_for_it():
        bus.read_valid.next = False
        if reading:
            waited.next = waited + 1
            if waited == wait:
                reading.next = False
                bus.read_valid.next = True
        elif bus.read:
            reading.next = True
            waited.next = 0

    @always(clk.posedge)
    def read_register():
        if reading and region == Region.REGISTERS:
            if place < IDENTITY_WORDS:
                register_word.next = identity_words[place]
            elif place == Register.STATUS:
                register_word.next = running
            elif place == Register.CYCLES:
                register_word.next = total_cycles
            elif place == Register.RUNS:
                register_word.next = runs
            elif place == Register.IMAGE_WORDS:
                register_word.next = count_image
            elif place == Register.MODEL_WORDS:
                register_word.next = count_model
            elif place == Register.SPIKES_WRITTEN:
                register_word.next = count_written
            elif place == Register.SPIKES_READ:
                register_word.next = count_read
            elif place >= Register.SCORES:
                register_word.next = score_word
            elif place >= Register.LAYERS:
                if place[0]:
                    register_word.next = spikes_word
                else:
                    register_word.next = cycles_word
            elif place == Register.IMAGE_BASE_0:
                register_word.next = base_0
            elif place == Register.IMAGE_BASE_1:
                register_word.next = base_1
            elif place == Register.IMAGE_SHAPE:
                register_word.next = host.image_shape
            elif place == Register.IMAGE_STRIDE:
                register_word.next = host.image_stride
            else:
                register_word.next = 0

    @always(clk.posedge)
    def answer():
        if reading and waited == wait:
            if region == Region.REGISTERS:
                bus.read_data.next = register_word
            elif region == Region.PROGRAM:
                bus.read_data.next = program_word
            elif region == Region.DESCRIPTORS:
                bus.read_data.next = descriptor_word
            elif region == Region.WEIGHTS:
                bus.read_data.next = weight_word
            elif region == Region.PARAMS:
                bus.read_data.next = param_word
            elif region == Region.SPIKES:
                bus.read_data.next = spike_word
            else:
                bus.read_data.next = 0

    return instances()
