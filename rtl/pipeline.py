"""The array and what follows it: from the words of the spike banks to pooled spikes and scores.

Cycles are counted from the one in which a beat is valid; ``depth(design)`` says when each stage
works. The sequencer waits ``depth(design)["written"]`` cycles before it starts what depends on a
result.
"""

from myhdl import ConcatSignal, Signal, always, always_comb, block, instances, intbv

from volley.firmware.isa import (
    BANKS,
    LANES,
    MAX_PASSES,
    MEMBRANE_BITS,
    PASS_CYCLES,
    PSUM_BITS,
    SCORE_BITS,
    TAPS,
)
from volley.rtl.array.popcount import (
    count_products,
    popcount,
    products_latency,
    tree_latency,
)
from volley.rtl.array.psum import accumulate
from volley.rtl.array.spike_count import count_spikes, spike_count_latency
from volley.rtl.array.window import window
from volley.rtl.delay import delay, valid_line
from volley.rtl.neuron.membrane import carry_membrane
from volley.rtl.neuron.neuron import NEURON_LATENCY, neuron
from volley.rtl.neuron.pool import place_channel, pool
from volley.rtl.neuron.scale import CURRENT_BITS, currents, signed

ALL_LANES = (1 << LANES) - 1
# a membrane that is being stored may be taken, but no later one
assert PASS_CYCLES >= NEURON_LATENCY + 2


def depth(design):
    """In which cycle each stage works, counted from the beat."""
    counted = max(
        4 + products_latency(design.ci, design.lut), 2 + spike_count_latency(design.ci, design.lut)
    )
    fired = counted + 6 + NEURON_LATENCY
    return {
        "bank word": 1,
        "row": 2,
        "window": 4,
        "counted": counted,
        "psum": counted + 1,
        "param read": counted + 2,
        "membrane read": counted + 5,
        "score": counted + 6,
        "fired": fired,
        "pooled": fired + 1 + design.pack,
        # the write takes one cycle, the memory one; counting spikes takes longer
        "written": max(
            fired + 3 + design.pack, fired + 3 + tree_latency([[LANES] * design.co], design.lut)
        ),
    }


@block
def channel(
    clk, adding, first, bypass, pixel, storing, pixel_before, spike_counts, taps,
    weights, active, bias, threshold, v_start, lanes, spikes, v_end, score, design,
):  # fmt: skip
    """One output channel: array row, psums of a row, neuron.

    taps: per lane nine Signals of CI bits; weights: nine Signals of CI bits; spike_counts: per lane
    popcount(s), shared by all channels.
    """
    hits = [Signal(intbv(0)[len(spike_counts[0]) :]) for _ in range(LANES)]
    psums = [signed(PSUM_BITS) for _ in range(LANES)]
    counting = depth(design)["counted"] - depth(design)["window"]
    early = counting - products_latency(design.ci, design.lut)
    trees = []
    for t in range(LANES):
        soon = Signal(intbv(0)[len(hits[t]) :]) if early else hits[t]
        trees.append(count_products(clk, taps[t], weights, design.lut, soon))
        if early:
            trees.append(delay(clk, early, soon, hits[t]))
    rows = [
        accumulate(
            clk, adding, first, bypass, pixel, storing, pixel_before, hits[t], spike_counts[t],
            psums[t], design.row_max,
        )
        for t in range(LANES)
    ]  # fmt: skip
    stacked = Signal(intbv(0)[LANES * CURRENT_BITS :])
    drive = currents(clk, active.encode, active.scale, bias, psums, stacked, score)
    fire = neuron(
        clk, active.soft, lanes, v_start, threshold, stacked, spikes,
        v_end, active.restart if design.pack else None,
    )  # fmt: skip
    return instances()


class Results:
    """What leaves the pipeline.

    pooled_write, pooled, target: a pixel of CO channels to write. score_write, score_target, scores: CO
    scores. spike_total: spikes fired, some cycles later. Targets are of ``layout``.
    """

    def __init__(self, layout, design):
        self.pooled_write, self.score_write = Signal(bool(0)), Signal(bool(0))
        self.pooled = Signal(intbv(0)[LANES * design.co :])
        self.target, self.score_target = (Signal(intbv(0)[layout.width :]) for _ in range(2))
        self.scores = [signed(SCORE_BITS) for _ in range(design.co)]
        self.spike_total = Signal(intbv(0)[(LANES * design.co).bit_length() :])


@block
def pipeline(
    clk, beat, banks, weights, active, param_read, param_address, params, results, design
):  # fmt: skip
    """From the words that the beat's addresses read to pooled spikes and scores.

    banks: three words in lane order, one cycle after the beat. weights: nine words, four cycles after it.
    param_read, param_address: to be answered two cycles later in params, per channel (bias, threshold,
    v_init). results: Results.
    """
    pooled_write, pooled, target = results.pooled_write, results.pooled, results.target
    score_write, scores, spike_total = results.score_write, results.scores, results.spike_total
    ci, co = design.ci, design.co
    when = depth(design)
    counted = when["counted"]
    valids = [beat.valid, *(Signal(bool(0)) for _ in range(counted + 1))]
    line = valid_line(clk, beat.valid, valids[1:])

    # window
    center1 = Signal(intbv(0)[2:])
    top1, bottom1, left3, right3 = (Signal(bool(0)) for _ in range(4))
    to_window = [
        delay(clk, 1, beat.center, center1),
        delay(clk, 1, beat.mask_top, top1),
        delay(clk, 1, beat.mask_bottom, bottom1),
        delay(clk, 3, beat.mask_left, left3),
        delay(clk, 3, beat.mask_right, right3),
    ]
    shift = Signal(bool(0))
    valid1, valid2 = valids[1], valids[2]

    @always(clk.posedge)
    def shift_on():
        shift.next = valid1 or valid2

    taps = [Signal(intbv(0)[LANES * ci :]) for _ in range(TAPS)]
    rows = [Signal(intbv(0)[LANES * ci :]) for _ in range(BANKS)]
    packing = None
    if design.pack:
        lane3 = Signal(intbv(0)[len(beat.lane) :])
        to_window.append(delay(clk, 3, beat.lane, lane3))
        packing = active.window_pack, active.select_pack, lane3
    see = window(
        clk, valids[1], banks, center1, top1, bottom1, shift, left3, right3, rows, taps, packing
    )

    # array: taps and weights as CI bits of each lane and channel
    lanes = [[tap(ci * (t + 1), ci * t) for tap in taps] for t in range(LANES)]
    if co > 1:
        kernels = [[tap(ci * (k + 1), ci * k) for tap in weights] for k in range(co)]
    else:
        kernels = [weights]
    spike_counts = [Signal(intbv(0)[(TAPS * ci).bit_length() :]) for _ in range(LANES)]
    count_all = count_spikes(
        clk, counted - when["row"], rows, shift, left3, right3, design.lut, spike_counts, packing
    )

    # psums of a row
    first, last = Signal(bool(0)), Signal(bool(0))
    last_before = Signal(bool(0))
    pixel_next = Signal(intbv(0)[len(beat.pixel) :])
    pixel = Signal(intbv(0)[len(beat.pixel) :])
    pixel_before = Signal(intbv(0)[len(beat.pixel) :])
    bypass = Signal(bool(0))
    to_psum = [
        delay(clk, counted, beat.first, first),
        delay(clk, counted, beat.last, last),
        delay(clk, counted - 1, beat.pixel, pixel_next),
        delay(clk, 1, pixel_next, pixel),
        delay(clk, 1, pixel, pixel_before),
    ]
    adding, storing = valids[counted], valids[counted + 1]
    complete = Signal(bool(0))

    @always(clk.posedge)
    def look_ahead():
        bypass.next = adding and pixel_next == pixel
        complete.next = adding and last

    # from the complete psum on
    after = [complete, *(Signal(bool(0)) for _ in range(6 + NEURON_LATENCY))]
    fire_line = valid_line(clk, complete, after[1:])
    layout = beat.target_layout
    target_param = Signal(intbv(0)[layout.width :])
    target_score = results.score_target
    target_soon, target_start, target_last, target_next, target_fired, target_stored = (
        Signal(intbv(0)[layout.width :]) for _ in range(6)
    )
    move_target = [
        delay(clk, when["param read"], beat.target, target_param),
        delay(clk, 2, target_param, target_soon),
        delay(clk, 1, target_soon, target_start),
        delay(clk, 1, target_start, target_score),
        delay(clk, when["fired"] - when["score"] - 2, target_score, target_last),
        delay(clk, 1, target_last, target_next),
        delay(clk, 1, target_next, target_fired),
        delay(clk, 1, target_fired, target_stored),
        delay(clk, 1 + design.pack, target_fired, target),
    ]
    reading = after[1]
    address = layout.take(target_param, "param")

    @always_comb
    def read_params():
        param_read.next = reading
        param_address.next = address

    # membranes between passes, and the lanes that fire
    first_pass, take_stored = Signal(bool(0)), Signal(bool(0))
    fire_lanes = Signal(intbv(0)[LANES:])
    soon_part, soon_pixel = layout.take(target_soon, "part"), layout.take(target_soon, "pixel")
    start_pixel = layout.take(target_start, "pixel")
    cut = layout.take(target_last, "cut")
    fired_pixel = layout.take(target_fired, "pixel")
    stored_pixel = layout.take(target_stored, "pixel")
    firing_now, keep_membrane = after[5 + NEURON_LATENCY], after[6 + NEURON_LATENCY]

    @always(clk.posedge)
    def look_at_passes():
        first_pass.next = soon_part == 0
        take_stored.next = firing_now and fired_pixel == soon_pixel
        if cut:
            fire_lanes.next = active.last_lanes
        else:
            fire_lanes.next = ALL_LANES

    spikes = [Signal(intbv(0)[LANES:]) for _ in range(co)]
    channels, moves = [], []
    for k in range(co):
        bias, threshold, v_init = params[k]
        threshold_soon, threshold_then = signed(MEMBRANE_BITS), signed(MEMBRANE_BITS)
        v_init_soon, v_start, v_end = (signed(MEMBRANE_BITS) for _ in range(3))
        moves.append(delay(clk, 1, threshold, threshold_soon))
        moves.append(delay(clk, 1, threshold_soon, threshold_then))
        moves.append(delay(clk, 1, v_init, v_init_soon))
        moves.append(
            carry_membrane(
                clk, first_pass, take_stored, start_pixel, v_init_soon, keep_membrane,
                stored_pixel, v_end, v_start, design.row_max,
            )
        )  # fmt: skip
        channels.append(
            channel(
                clk, adding, first, bypass, pixel, storing, pixel_before, spike_counts,
                lanes, kernels[k], active, bias, threshold_then, v_start, fire_lanes,
                spikes[k], v_end, scores[k], design,
            )
        )  # fmt: skip

    # scores and spikes
    scored, fired = after[5], after[5 + NEURON_LATENCY]
    firing = Signal(bool(0))
    if design.pack:
        placed_valid, pool_target = Signal(bool(0)), target_stored
        placed = [Signal(intbv(0)[LANES:]) for _ in range(co)]
        fired_lane = Signal(intbv(0)[layout.bits("lane") :])
        # a signal of its own, since its bits are taken one by one
        placing = [
            delay(clk, 1, layout.take(target_next, "lane"), fired_lane),
            delay(clk, 1, firing, placed_valid),
        ] + [
            place_channel(clk, firing, active.place_pack, fired_lane, spikes[k], placed[k])
            for k in range(co)
        ]
    else:
        placed_valid, pool_target, placed = firing, target_fired, spikes
    together = ConcatSignal(*reversed(placed)) if co > 1 else placed[0]
    pooling = pool(
        clk, placed_valid, active.pool,
        *(layout.take(pool_target, name) for name in ("start", "full", "odd_y", "pool_index")),
        together, pooled_write, pooled, MAX_PASSES << layout.bits("column"),
    )  # fmt: skip

    @always_comb
    def route():
        score_write.next = scored and active.readout
        firing.next = fired and not active.readout

    # the spikes of a pixel, counted
    counted_now = Signal(bool(0))
    count_line = delay(clk, tree_latency([[LANES] * co], design.lut), firing, counted_now)
    fired_now = Signal(intbv(0)[(LANES * co).bit_length() :])
    fired_bytes = [[(channel_spikes, 0, LANES) for channel_spikes in spikes]]
    count_fired = popcount(clk, fired_bytes, design.lut, fired_now)

    @always(clk.posedge)
    def tell_spikes():
        spike_total.next = 0
        if counted_now:
            spike_total.next = fired_now

    return instances()
