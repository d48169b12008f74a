"""The accelerator: memories, sequencer, pipeline, and the bus that reaches all of them."""

from myhdl import Signal, always, always_comb, block, instances, intbv, modbv

from volley.firmware.isa import (
    BANKS,
    DESCRIPTOR_WORDS,
    LANES,
    TAPS,
)
from volley.rtl.control.active import Active
from volley.rtl.control.beat import Beat
from volley.rtl.control.fetch import Fetched, ReadPort, fetch
from volley.rtl.control.host_access import HostData, HostPort, host_access
from volley.rtl.control.perf_counters import COUNT_BITS, layer_counter
from volley.rtl.control.sequencer import RunControl, sequencer
from volley.rtl.delay import delay
from volley.rtl.memory.image_writer import image_writer
from volley.rtl.memory.param import ParamWrite, param_memory, param_signals
from volley.rtl.memory.ram import address_bits, ram
from volley.rtl.memory.spike import (
    SpikeWrite,
    select_columns,
    spike_memory,
    spike_outputs,
)
from volley.rtl.memory.weight import CENTER, WeightWrite, weight_memory
from volley.rtl.neuron.scale import signed
from volley.rtl.pipeline import depth, pipeline


@block
def program_memory(
    clk, write, write_address, data, read, read_address, host_read, host_address, word, words
):
    """32-bit words, read by ``fetch`` or, while no program runs, by the host. Latency of a read: 1."""
    reading = Signal(bool(0))
    address = Signal(modbv(0)[address_bits(words) :])
    place = Signal(modbv(0)[address_bits(words) :])
    memory = ram(clk, write, place, data, reading, address, word, words)

    @always_comb
    def share():
        place.next = write_address
        reading.next = read or host_read
        if host_read:
            address.next = host_address
        else:
            address.next = read_address

    return instances()


@block
def spike_readout(clk, enable, bank, words, columns):
    """The word of ``bank`` as 32-bit columns, for the host. Latency 1."""
    word0, word1, word2 = words
    word = Signal(intbv(0)[len(word0) :])
    parts = [word(32 * (k + 1), 32 * k) if len(word) > 32 else word for k in range(len(columns))]

    @always(clk.posedge)
    def choose_bank():
        if enable:
            if bank == 0:
                word.next = word0
            elif bank == 1:
                word.next = word1
            else:
                word.next = word2

    connections = [connect(parts[k], columns[k]) for k in range(len(columns))]
    return instances()


@block
def connect(source, target):
    """target = source, in the same cycle."""

    @always_comb
    def wire():
        target.next = source

    return instances()


@block
def bits_of(source, target):
    """target = the bits of the signed ``source``, in the same cycle."""
    bits = len(source)

    @always_comb
    def wire():
        target.next = source[bits:]

    return instances()


@block
def score_memory(clk, write, write_address, scores, read, read_address, shown, design):
    """The scores of CO outputs a word. Latency of a read: 1."""
    rows = -(-design.scores // design.co)
    return [
        score_column(clk, write, write_address, scores[k], read, read_address, shown[k], rows)
        for k in range(design.co)
    ]


@block
def score_column(clk, write, write_address, score, read, read_address, shown, rows):
    """The scores of one of the CO channels."""
    bits = len(shown)
    words = [Signal(intbv(0)[bits:]) for _ in range(rows)]

    @always(clk.posedge)
    def write_port():
        if write:
            words[write_address].next = score[bits:]

    @always(clk.posedge)
    def read_port():
        if read:
            shown.next = words[read_address]

    return instances()


@block
def later_beat(clk, beat, later, packing):
    """later = what the pipeline needs of ``beat``, a cycle later; packing: of packed words too."""
    names = [
        "valid", "center", "mask_top", "mask_bottom", "mask_left", "mask_right", "first", "last",
        "pixel", "target",
    ]  # fmt: skip
    if packing:
        names.append("lane")
    return [delay(clk, 1, getattr(beat, name), getattr(later, name)) for name in names]


def drain_cycles(design):
    """Cycles that the sequencer waits for the last result of an instruction; firmware/compiler/cycle_model.py
    counts with them."""
    return 1 + depth(design)["written"] + 2


@block
def core(clk, bus, identity, design):
    """Runs programs; bus: ``volley.rtl.link.bus.Bus``; identity: the constants of registers MAGIC to BOARD."""
    ci, co = design.ci, design.co
    total_cycles, runs = (Signal(modbv(0)[32:]) for _ in range(2))

    # program, descriptors, sequencer
    host = HostPort(design)
    run, fetched = RunControl(bus.run, bus.entry, host.stop), Fetched()
    running, account, issuing = run.running, run.account, run.issuing
    program, descriptors = (
        ReadPort(design.program_words),
        ReadPort(design.layers * DESCRIPTOR_WORDS),
    )
    program_inst = program_memory(
        clk, host.program_write, host.place, host.data, program.read, program.address,
        host.read_program, host.row, program.data, design.program_words,
    )  # fmt: skip
    descriptor_inst = program_memory(
        clk, host.descriptor_write, host.place, host.data, descriptors.read, descriptors.address,
        host.read_descriptor, host.row, descriptors.data, design.layers * DESCRIPTOR_WORDS,
    )  # fmt: skip
    fetch_inst = fetch(clk, run, fetched, program, descriptors)
    beat, active = Beat(design), Active()
    sequencer_inst = sequencer(clk, run, fetched, beat, active, drain_cycles(design), design)

    # the beat as the pipeline sees it, a cycle before the spike memory's words
    shown_beat = Beat(design)
    later = later_beat(clk, beat, shown_beat, design.pack)

    # spike memory: pooled pixels first, then pictures
    slots = [Signal(intbv(0)[LANES:]) for _ in range(ci)]
    port = SpikeWrite(design, slots)
    columns, words, banks = spike_outputs(design)
    spike_bits = address_bits(design.spike_words)
    spike_read = Signal(bool(0))
    spike_addresses = [Signal(modbv(0)[spike_bits:]) for _ in range(BANKS)]
    spikes = spike_memory(clk, port, spike_read, spike_addresses, columns, design)
    address0, address1, address2 = spike_addresses
    beat0, beat1, beat2 = beat.addresses
    beat_valid = beat.valid

    @always_comb
    def share_spikes():
        spike_read.next = beat_valid or host.read_spikes
        if host.read_spikes:
            address0.next = host.row
            address1.next = host.row
            address2.next = host.row
        else:
            address0.next = beat0
            address1.next = beat1
            address2.next = beat2

    image_request, image_grant, image_ready = (Signal(bool(0)) for _ in range(3))
    image_bank = Signal(intbv(0)[2:])
    image_address = Signal(modbv(0)[spike_bits:])
    pictures = image_writer(
        clk, host.image_start, host.image_base, host.image_shape, host.image_stride,
        bus.write_data, host.image_accept, image_ready, image_request, image_grant, image_bank,
        image_address, slots, host.word_accept, host.word_column, host.word_bank,
        host.word_address, design,
    )  # fmt: skip

    # weights
    weight_port = WeightWrite(design)
    weights = [Signal(intbv(0)[ci * co :]) for _ in range(TAPS)]
    weight_bits = address_bits(design.weight_words)
    valid1 = shown_beat.valid
    weight_address1 = Signal(modbv(0)[weight_bits:])
    tap4 = Signal(intbv(0)[4:])
    weight_read, kernel3 = (Signal(bool(0)) for _ in range(2))
    weight_address = Signal(modbv(0)[weight_bits:])
    weight_tap = Signal(intbv(0)[4:])
    to_weights = [
        delay(clk, 1, beat.weight_address, weight_address1),
        delay(clk, 4, beat.weight_tap, tap4),
    ]
    weighing = weight_memory(
        clk, weight_port, weight_read, weight_address, kernel3, weight_tap, weights,
        design,
    )  # fmt: skip

    @always(clk.posedge)
    def address_weights():
        weight_read.next = valid1 or host.read_weights
        if host.read_weights:
            weight_address.next = host.row
        else:
            weight_address.next = weight_address1

    @always_comb
    def share_tap():
        if host.read_weights:
            weight_tap.next = host.bank
            kernel3.next = False
        else:
            weight_tap.next = tap4
            kernel3.next = active.kernel3

    # neuron parameters
    param_port = ParamWrite(design)
    params = [param_signals() for _ in range(co)]
    param_bits = address_bits(design.param_words)
    fire_read, param_read = Signal(bool(0)), Signal(bool(0))
    fire_address = Signal(modbv(0)[param_bits:])
    param_address = Signal(modbv(0)[param_bits:])
    parameters = param_memory(clk, param_port, param_read, param_address, params, design)

    @always_comb
    def share_params():
        param_read.next = fire_read or host.read_params
        if host.read_params:
            param_address.next = host.row
        else:
            param_address.next = fire_address

    # array
    pooled_write, score_write = Signal(bool(0)), Signal(bool(0))
    pooled = Signal(intbv(0)[LANES * co :])
    layout = beat.target_layout
    target = Signal(intbv(0)[layout.width :])
    score_target = Signal(intbv(0)[layout.width :])
    scores = [signed(32) for _ in range(co)]
    spike_total = Signal(intbv(0)[(LANES * co).bit_length() :])
    computing = pipeline(
        clk, shown_beat, banks, weights, active, fire_read, fire_address, params, pooled_write, pooled,
        target, score_write, score_target, scores, spike_total, design,
    )  # fmt: skip

    target_bank = layout.take(target, "bank")
    target_address = layout.take(target, "address")
    target_sub = layout.take(target, "sub")

    @always_comb
    def grant_image():
        image_grant.next = image_request and not pooled_write

    selecting = select_columns(
        clk, port, pooled_write, target_bank, target_sub, image_request, image_bank
    )

    @always(clk.posedge)
    def write_spikes():
        if pooled_write:
            port.whole.next = False
            port.address.next = target_address
            port.spikes.next = pooled
        elif image_request:
            port.whole.next = True
            port.address.next = image_address

    # scores
    score_rows = -(-design.scores // co)
    score_address = Signal(modbv(0)[address_bits(score_rows) :])
    shown_scores = [Signal(intbv(0)[32:]) for _ in range(co)]
    score_sub = layout.take(score_target, "sub")
    score_group = layout.take(score_target, "address")
    groups = ci // co
    score_read_address = Signal(modbv(0)[address_bits(score_rows) :])

    @always_comb
    def place_score():
        score_address.next = score_group * groups + score_sub
        score_read_address.next = host.row

    keeping = score_memory(
        clk, score_write, score_address, scores, host.read_scores, score_read_address,
        shown_scores, design,
    )  # fmt: skip

    # counters
    cycles_word, spikes_word = (Signal(intbv(0)[COUNT_BITS:]) for _ in range(2))
    counter_layer = Signal(modbv(0)[address_bits(design.layers) :])
    layer_amount = Signal(intbv(0)[1:])
    bus_address = bus.address
    latched_layer = Signal(modbv(0)[8:])

    @always_comb
    def count_issues():
        layer_amount.next = issuing
        counter_layer.next = latched_layer

    @always(clk.posedge)
    def latch_layer():
        latched_layer.next = bus_address[9:1]

    count_cycles = layer_counter(
        clk, bus.run, layer_amount, account, active.layer, host.read_counters, counter_layer,
        cycles_word, design.layers,
    )  # fmt: skip
    count_spikes = layer_counter(
        clk, bus.run, spike_total, account, active.layer, host.read_counters, counter_layer,
        spikes_word, design.layers,
    )  # fmt: skip

    @always(clk.posedge)
    def count_run():
        if bus.run:
            total_cycles.next = 0
            runs.next = runs + 1
        elif running:
            total_cycles.next = total_cycles + 1

    # the host
    spike_columns = [Signal(intbv(0)[32:]) for _ in range(design.spike_columns)]
    host_bank = host.bank
    show_spikes = spike_readout(clk, host.read_spikes, host_bank, words, spike_columns)
    center = weights[CENTER]
    weight_columns = (
        [center(32 * (k + 1), 32 * k) for k in range(design.weight_columns)]
        if design.weight_columns > 1
        else [center]
    )
    shown_params = [Signal(intbv(0)[32:]) for _ in range(3 * co)]
    show_params = [
        bits_of(params[k][kind], shown_params[3 * k + kind]) for k in range(co) for kind in range(3)
    ]
    # four to a channel, as the host's addresses are: there is no fourth kind
    param_slots = [shown_params[3 * k + min(kind, 2)] for k in range(co) for kind in range(4)]
    shown = HostData(
        program=program.data,
        descriptor=descriptors.data,
        weights=weight_columns,
        params=param_slots,
        spikes=spike_columns,
        scores=shown_scores,
        cycles=cycles_word,
        spike_counts=spikes_word,
    )
    serving = host_access(
        clk, bus, running, total_cycles, runs, image_ready, host, weight_port, param_port, shown,
        identity, design,
    )  # fmt: skip
    return instances()
