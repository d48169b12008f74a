"""The array and what follows it: from the words of the spike banks to pooled spikes and scores.

Cycles are counted from the one in which a beat is valid; ``depth(design)`` says when each stage
works. The sequencer waits ``depth(design)["written"]`` cycles before it starts what depends on a
result.
"""

from myhdl import ConcatSignal, Signal, always, always_comb, block, instances, intbv

from volley.firmware.design import Design
from volley.firmware.isa import (
    BANKS,
    LANES,
    MAX_PASSES,
    SCORE_BITS,
    TAPS,
    pass_cycles,
)
from volley.rtl.array.channel import Shared, channel, hits_latency
from volley.rtl.array.column_products import ColumnEdges, column_edges, partial_latency
from volley.rtl.array.popcount import hits_bits
from volley.rtl.array.psum import PsumPort, psum_control, rare_accesses
from volley.rtl.array.spike_count import count_spikes, spike_count_latency
from volley.rtl.array.spike_total import count_fired, fired_latency
from volley.rtl.array.window import WindowEdges
from volley.rtl.array.window_stage import window_stage
from volley.rtl.control.carry import carried, carry
from volley.rtl.delay import delay, valid_line
from volley.rtl.neuron.combine import Needed, layer_needs
from volley.rtl.neuron.membrane import MembranePort, rare_membranes
from volley.rtl.neuron.neuron import neuron_latency
from volley.rtl.neuron.pool import PoolTarget, place_channel, pool
from volley.rtl.neuron.scale import current_latency
from volley.rtl.neuron.shared import owed_target, take_half
from volley.rtl.neuron.signed import psum_signals, signed
from volley.rtl.neuron.unit import neuron_unit

ALL_LANES = (1 << LANES) - 1
# a membrane that is being stored may be taken, but no later one
assert all(pass_cycles(leak) >= neuron_latency(Design(leak=leak)) + 2 + leak for leak in (0, 1))


def depth(design):
    """In which cycle each stage works, counted from the beat."""
    hits = max(
        4 + design.reach + hits_latency(design),
        2 + design.reach + spike_count_latency(design.ci, design.lut, design.pair),
    )
    counted = hits + 1
    taken = counted + 1 + design.share  # by a neuron
    current = taken + current_latency(design.reach)
    fired = current + neuron_latency(design)
    placing = design.pack or 2 * design.reach
    return {
        "bank word": 1,
        "row": 2 + design.reach,
        "window": 4 + design.reach,
        "hits": hits,
        "counted": counted,
        "psum": counted + 1,
        # the answer is a cycle later with reach, as the bias is wanted
        "param read": taken + 1 - 2 * design.reach,
        "membrane read": current - 1,
        "score": current,
        "fired": fired,
        "pooled": fired + 1 + placing,
        # the write takes one cycle, the memory one; counting spikes takes longer
        "written": max(
            fired + 3 + placing + design.reach,
            fired + 2 + fired_latency(design.neurons, design.lut),
        ),
    }


class Results:
    """What leaves the pipeline.

    pooled_write, pooled, target: a pixel of ``neurons`` channels to write. score_write, score_target, scores: as
    many scores. spike_total: spikes fired, some cycles later. Targets are of ``layout``.
    """

    def __init__(self, layout, design):
        self.layout = layout
        self.pooled_write, self.score_write = Signal(bool(0)), Signal(bool(0))
        self.pooled = Signal(intbv(0)[LANES * design.neurons :])
        self.target, self.score_target = (Signal(intbv(0)[layout.width :]) for _ in range(2))
        self.scores = [signed(SCORE_BITS) for _ in range(design.neurons)]
        self.spike_total = Signal(intbv(0)[(LANES * design.neurons).bit_length() :])


@block
def pipeline(clk, beat, banks, weights, active, params, results, design):
    """From the words that the beat's addresses read to pooled spikes and scores.

    banks: three words in lane order, one cycle after the beat. weights: nine words, four cycles after it.
    params: ``volley.rtl.memory.param.ParamRead``. results: Results.
    """
    pooled_write, pooled, target = results.pooled_write, results.pooled, results.target
    score_write, scores, spike_total = results.score_write, results.scores, results.spike_total
    ci, co, neurons = design.ci, design.co, design.neurons
    when = depth(design)
    counted = when["counted"]
    early = bool(design.reach and not design.gate)
    valids = [beat.valid, *(Signal(bool(0)) for _ in range(counted + (not early)))]
    valid_inst = valid_line(clk, beat.valid, valids[1:])

    # window
    taps = [Signal(intbv(0)[LANES * ci :]) for _ in range(BANKS if design.transposed else TAPS)]
    rows = [Signal(intbv(0)[LANES * ci :]) for _ in range(BANKS)]
    edges = WindowEdges(design.pack)
    packing = active if design.pack else None
    window_inst = window_stage(clk, beat, valids, banks, rows, taps, edges, packing, design.reach)

    # array: taps and weights as CI bits of each lane and channel
    lanes = [[tap(ci * (t + 1), ci * t) for tap in taps] for t in range(LANES)]
    if co > 1:
        kernels = [[tap(ci * (k + 1), ci * k) for tap in weights] for k in range(co)]
    else:
        kernels = [weights]
    spike_counts = [Signal(intbv(0)[hits_bits(ci, design.pair) :]) for _ in range(LANES)]
    spike_count_inst = count_spikes(
        clk, when["hits"] - when["row"], rows, edges, design.lut, spike_counts, packing, design.pair
    )

    # psums of a row
    keeps = bool(design.share)
    psum = PsumPort(beat, valids[counted], valids[-1], bool(design.gate), early, keeps)
    psum_inst = psum_control(clk, beat, counted, valids, psum)
    needed = None
    if design.gate:
        rare_inst = rare_accesses(clk, beat, counted, valids, active.dense, psum)
        needed = Needed(psum.complete)
        needs_inst = layer_needs(clk, active.encode, active.readout, needed)

    # from the psums that a neuron takes on
    current = current_latency(design.reach)
    stored = current + 1 + neuron_latency(design) + design.leak
    layout, beat_target, taken = results.layout, beat.target, psum.complete
    if design.share:
        beat_target = Signal(intbv(0)[layout.width :])
        target_inst = owed_target(clk, beat, layout, beat_target, design.row_max)
        taken, owed = Signal(bool(0)), Signal(bool(0))
        owed_inst = delay(clk, counted + 1, beat.owed, owed)

        @always(clk.posedge)
        def take():
            taken.next = psum.complete or owed

    after = [taken, *(Signal(bool(0)) for _ in range(stored))]
    fire_inst = valid_line(clk, taken, after[1:])
    target_param = Signal(intbv(0)[layout.width :])
    target_score, write_score = results.score_target, score_write
    if design.reach:  # the score memory has them a cycle later
        target_score, write_score = Signal(intbv(0)[layout.width :]), Signal(bool(0))
        scores = [signed(SCORE_BITS) for _ in range(neurons)]
        score_insts = [
            delay(clk, 1, *pair)
            for pair in zip(
                (write_score, target_score, *scores),
                (score_write, results.score_target, *results.scores),
            )
        ]
    target_soon, target_start, target_last, target_next, target_fired, target_stored = (
        Signal(intbv(0)[layout.width :]) for _ in range(6)
    )
    target_insts = [
        delay(clk, when["param read"], beat_target, target_param),
        delay(clk, when["membrane read"] - 1 - when["param read"], target_param, target_soon),
        delay(clk, 1, target_soon, target_start),
        delay(clk, 1, target_start, target_score),
        delay(clk, when["fired"] - when["score"] - 2, target_score, target_last),
        delay(clk, 1, target_last, target_next),
        delay(clk, 1, target_next, target_fired),
        delay(clk, 1, target_fired, target_stored),
        delay(clk, when["pooled"] - when["fired"], target_fired, target),
    ]
    reading = after[1]
    always_read = early  # what is read is taken when it is wanted
    if design.reach and design.gate:
        reading, ends = Signal(bool(0)), Signal(bool(0))
        ends_inst = delay(clk, counted, beat.last, ends)
        ending = valids[counted]

        @always_comb
        def drive_reading():
            reading.next = ending and ends

    address = layout.take(target_param, "param")

    @always_comb
    def drive_param_read():
        params.read.next = reading or always_read
        params.address.next = address

    # membranes between passes, and the lanes that fire
    soon_part, soon_pixel = layout.take(target_soon, "part"), layout.take(target_soon, "pixel")
    start_pixel = layout.take(target_start, "pixel")
    cut = layout.take(target_last, "cut")
    fired_pixel = layout.take(target_fired, "pixel")
    stored_pixel = layout.take(target_stored, "pixel")
    if design.leak:  # stored a cycle later
        target_leaked = Signal(intbv(0)[layout.width :])
        leaked_inst = delay(clk, 1, target_stored, target_leaked)
        fired_pixel, stored_pixel = stored_pixel, layout.take(target_leaked, "pixel")
    firing_now = after[stored - 1]
    if design.gate:
        port = MembranePort(
            Signal(intbv(0)[len(start_pixel) :]), Signal(bool(0)), stored_pixel, after[current - 1]
        )
        membranes_inst = rare_membranes(
            clk, active.passes, soon_part, soon_pixel, after[stored], port
        )
    else:
        port = MembranePort(
            start_pixel, after[stored], stored_pixel, None, soon_pixel if early else None
        )

    @always(clk.posedge)
    def drive_membranes():
        port.first_pass.next = soon_part == 0
        port.take_stored.next = firing_now and fired_pixel == soon_pixel
        if cut:
            port.lanes.next = active.last_lanes
        else:
            port.lanes.next = ALL_LANES

    if early:
        storing_now = port.store

        @always(clk.posedge)
        def look_back():
            port.take_before.next = storing_now and stored_pixel == soon_pixel

    spikes = [Signal(intbv(0)[LANES:]) for _ in range(neurons)]
    shared = Shared(psum, lanes, spike_counts, when["hits"] - when["window"])
    if design.transposed:
        shared.edges = ColumnEdges()
        edges_inst = column_edges(
            clk, beat, when["window"] + partial_latency(ci, design.lut), shared.edges
        )
    # the trees need theirs in the cycle before the hits
    constants, steps = carried(active, when["hits"] - 1 if design.pair else counted, design)
    carry_insts = [carry(clk, source, moved) for source, moved in steps]
    psums = [psum_signals() for _ in range(co)]
    kept = [psum_signals() if k >= neurons else None for k in range(co)]
    channel_insts = [
        channel(clk, shared, constants[k % neurons], kernels[k], psums[k], design, kept[k])
        for k in range(co)
    ]
    complete = psums
    if design.share:
        complete = [psum_signals() for _ in range(neurons)]
        half_insts = [
            take_half(clk, owed, psums[k], kept[k + neurons], complete[k]) for k in range(neurons)
        ]
    unit_insts = [
        neuron_unit(
            clk, port, needed, constants[k], complete[k], params.channels[k], spikes[k], scores[k],
            design,
        )
        for k in range(neurons)
    ]  # fmt: skip

    # scores and spikes
    scored, fired = after[current], after[current + neuron_latency(design)]
    firing = Signal(bool(0))
    if design.pack:
        placed_valid, pool_target = Signal(bool(0)), target_stored
        placed = [Signal(intbv(0)[LANES:]) for _ in range(neurons)]
        fired_lane = Signal(intbv(0)[layout.bits("lane") :])
        # a signal of its own, since its bits are taken one by one
        place_insts = [
            delay(clk, 1, layout.take(target_next, "lane"), fired_lane),
            delay(clk, 1, firing, placed_valid),
        ] + [
            place_channel(clk, firing, active.place_pack, fired_lane, spikes[k], placed[k])
            for k in range(neurons)
        ]
    elif design.reach:
        placed_valid, pool_target = Signal(bool(0)), Signal(intbv(0)[layout.width :])
        placed = [Signal(intbv(0)[LANES:]) for _ in range(neurons)]
        pool_target_inst = delay(clk, 1, target_stored, pool_target)
        place_insts = [
            delay(clk, 2, *pair) for pair in zip((firing, *spikes), (placed_valid, *placed))
        ]
    else:
        placed_valid, pool_target, placed = firing, target_fired, spikes
    # a word and the one below it in the next row are several cycles apart, but for words of several pixels
    index_soon = layout.take(target_stored, "pool_index") if early and not design.pack else None
    together = ConcatSignal(*reversed(placed)) if neurons > 1 else placed[0]
    pool_inst = pool(
        clk, placed_valid, active.pool, PoolTarget(layout, pool_target), together, pooled_write,
        pooled, MAX_PASSES << layout.bits("column") + design.share, index_soon,
    )  # fmt: skip

    @always_comb
    def drive_writes():
        write_score.next = scored and active.readout
        firing.next = fired and not active.readout

    total_inst = count_fired(clk, firing, spikes, design.lut, spike_total)
    return instances()
