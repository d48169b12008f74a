"""The accelerator: memories, sequencer, pipeline, and the bus that reaches all of them."""

from myhdl import Signal, block, instances, intbv

from volley.firmware.isa import DESCRIPTOR_WORDS, TAPS
from volley.rtl.control.active import Active
from volley.rtl.control.beat import Beat, Target, keep_undropped
from volley.rtl.control.fetch import Fetched, ReadPort, fetch
from volley.rtl.control.host_access import host_access
from volley.rtl.control.host_port import HostData, HostPort
from volley.rtl.control.perf_counters import RunCounters, run_counters
from volley.rtl.control.sequencer import RunControl, sequencer
from volley.rtl.delay import delay
from volley.rtl.memory.param import ParamRead
from volley.rtl.memory.param_store import param_store
from volley.rtl.memory.program import program_memory
from volley.rtl.memory.score import score_store
from volley.rtl.memory.spike import SpikeOutputs
from volley.rtl.memory.spike_store import ahead, spike_store
from volley.rtl.memory.weight import CENTER
from volley.rtl.memory.weight_store import weight_store
from volley.rtl.pipeline import Results, depth, pipeline


def pipeline_names(design):
    """The signals of a Beat that the pipeline needs."""
    names = [
        "valid", "center", "mask_top", "mask_bottom", "mask_left", "mask_right", "first", "last",
        "pixel", "target",
    ]  # fmt: skip
    return [*names, *["lane"] * design.pack, *["owed"] * design.share]


@block
def reaching_beat(clk, beat, later_valid, spike_beat, design):
    """spike_beat = what the spike memory and the pipeline need of ``beat``, three cycles later: the weights'
    addresses have further to go. later_valid: ``valid``, a cycle later."""
    names = [*pipeline_names(design), "dropped"] if design.odd else pipeline_names(design)
    names.remove("valid")
    pairs = [(getattr(beat, name), getattr(spike_beat, name)) for name in names]
    addresses = zip(beat.addresses, spike_beat.addresses)
    valid = delay(clk, 1, beat.valid, later_valid), delay(clk, 2, later_valid, spike_beat.valid)
    return (
        valid,
        [delay(clk, 3, *pair) for pair in pairs],
        [delay(clk, 3 - ahead(design), *pair) for pair in addresses],
    )


@block
def later_beat(clk, beat, later, design):
    """later = what the pipeline needs of ``beat``, a cycle later."""
    names = pipeline_names(design)
    dropping = [name for name in ("last", "owed") if design.odd and name in names]
    pairs = {name: (getattr(beat, name), getattr(later, name)) for name in names}
    delays = [delay(clk, 1, *pairs[name]) for name in names if name not in dropping]
    kept = [keep_undropped(clk, beat, *pairs[name]) for name in dropping]
    return delays, kept


def drain_cycles(design):
    """Cycles that the sequencer waits for the last result of an instruction; firmware/compiler/cycle_model.py
    counts with them."""
    return 1 + 3 * design.reach + depth(design)["written"] + 2


def host_words(count):
    """Words of 32 bits that the host reads."""
    return [Signal(intbv(0)[32:]) for _ in range(count)]


@block
def core(clk, bus, identity, design):
    """Runs programs; bus: ``volley.rtl.link.bus.Bus``; identity: the constants of registers MAGIC to BOARD."""
    ci, co, neurons = design.ci, design.co, design.neurons

    # program, descriptors, sequencer
    host = HostPort(design)
    run, fetched = RunControl(bus.run, bus.entry, host.stop), Fetched(design)
    program = ReadPort(design.program_words)
    descriptors = ReadPort(design.layers * DESCRIPTOR_WORDS)
    program_inst = program_memory(
        clk,
        host.program_write,
        host,
        program,
        host.read_program,
        design.program_words,
        design.reach,
    )
    descriptor_inst = program_memory(
        clk, host.descriptor_write, host, descriptors, host.read_descriptor,
        design.layers * DESCRIPTOR_WORDS, design.reach,
    )  # fmt: skip
    fetch_inst = fetch(clk, run, fetched, program, descriptors, design.reach)
    beat, active = Beat(design), Active()
    sequencer_inst = sequencer(clk, run, fetched, beat, active, drain_cycles(design), design)

    # the beat as the pipeline sees it, a cycle before the spike memory's words
    spike_beat, shown_beat = beat, Beat(design)
    later_valid = shown_beat.valid
    if design.reach:
        spike_beat = Beat(design)
        later_valid = Signal(bool(0))
        reach_inst = reaching_beat(clk, beat, later_valid, spike_beat, design)
    later_inst = later_beat(clk, spike_beat, shown_beat, design)

    # memories
    results = Results(Target(design, design.share), design)
    spikes = SpikeOutputs(design)
    shown_spikes = host_words(design.spike_columns)
    spike_inst = spike_store(
        clk, spike_beat, results, bus.write_data, host, spikes, shown_spikes, design
    )
    weights = [Signal(intbv(0)[ci * co :]) for _ in range(TAPS)]
    weight_inst = weight_store(clk, beat, later_valid, active, host, weights, design)
    params = ParamRead(design)
    shown_params = host_words(3 * neurons)
    param_inst = param_store(clk, params, host, shown_params, design)
    shown_scores = host_words(neurons)
    counters = RunCounters(kept=1 + design.pcie)
    score_inst = score_store(clk, results, host, shown_scores, counters.banks, design)

    # array
    pipeline_inst = pipeline(
        clk,
        shown_beat,
        spikes.lanes,
        weights,
        active,
        params,
        results,
        design,
    )
    counters_inst = run_counters(
        clk, bus, run, active.layer, results.spike_total, host.read_counters, counters,
        design.layers,
    )  # fmt: skip

    # the host
    center = weights[CENTER]
    weight_columns = (
        [center(32 * (k + 1), 32 * k) for k in range(design.weight_columns)]
        if design.weight_columns > 1
        else [center]
    )
    # four to a channel, as the host's addresses are: there is no fourth kind
    param_slots = [shown_params[3 * k + min(kind, 2)] for k in range(neurons) for kind in range(4)]
    shown = HostData(
        program=program.data,
        descriptor=descriptors.data,
        weights=weight_columns,
        params=param_slots,
        spikes=shown_spikes,
        scores=shown_scores,
        cycles=counters.layer_cycles,
        spike_counts=counters.layer_spikes,
    )
    host_inst = host_access(clk, bus, run.running, counters, host, shown, identity, design)
    return instances()
