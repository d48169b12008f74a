"""What the host writes and reads inside the accelerator, as bundles of signals."""

from myhdl import Signal, intbv, modbv

from volley.rtl.memory.param import ParamWrite
from volley.rtl.memory.ram import address_bits
from volley.rtl.memory.weight import WeightWrite


class HostPort:
    """What the host writes and reads.

    weights, params                   write ports of these memories: WeightWrite, ParamWrite
    program_write, descriptor_write   with ``index`` and ``data``
    image_accept, image_start, image_base, image_shape, image_stride   of ``image_writer``
    word_accept, word_column, word_bank, word_address   of ``image_writer``: SPIKES
    image_ready                       level: the image writer takes a word; driven by it
    stop                              one cycle
    read_*                            level: that memory is to show the word of ``row``
    bank, row                         of the word that is read
    """

    def __init__(self, design):
        row_bits = max(
            address_bits(words)
            for words in (
                design.spike_words, design.weight_words, design.neuron_words,
                design.program_words, design.layers * 16, design.scores,
            )
        )  # fmt: skip
        self.weights, self.params = WeightWrite(design), ParamWrite(design)
        self.index = Signal(modbv(0)[row_bits:])
        self.data = Signal(intbv(0)[32:])
        self.program_write = Signal(bool(0))
        self.descriptor_write = Signal(bool(0))
        self.image_ready = Signal(bool(0))
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


class HostRegisters:
    """Registers that the host writes and reads back: the input buffers' first words."""

    def __init__(self, port):
        self.image_base_0, self.image_base_1 = (
            Signal(intbv(0)[len(port.image_base) :]) for _ in range(2)
        )


class HostCounters:
    """Words that the host moved, counted since power-up: pictures, program and weights, spikes."""

    def __init__(self):
        self.image, self.model, self.written, self.read = (Signal(modbv(0)[32:]) for _ in range(4))


class RegisterWords:
    """What the region REGISTERS shows.

    identity: the constants of registers MAGIC to BOARD. running: level. session: of the bus. registers,
    counters: HostRegisters, HostCounters. run_counters: ``volley.rtl.control.perf_counters.RunCounters``.
    """

    def __init__(self, identity, running, session, registers, counters, run_counters):
        self.identity, self.running, self.session = tuple(identity), running, session
        self.registers, self.counters, self.run_counters = registers, counters, run_counters
