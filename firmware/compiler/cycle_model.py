"""Clock cycles of the accelerator, exactly as its counters count them."""

from __future__ import annotations

import math

from volley.firmware import isa
from volley.firmware.compiler.lanes import passes_of, row_beats
from volley.firmware.design import Design
from volley.firmware.fields import unpack
from volley.firmware.modelfile import Layer, Model
from volley.firmware.program import Program
from volley.firmware.registers import REGION_SHIFT, Region, address
from volley.firmware.stream import Segment


def rows_of(layer) -> int:
    """Rows that a layer computes or, dense, reads: without one that pooling leaves out."""
    return int(layer.in_shape[1] if layer.kind == "dense" else layer.map_shape[1])


def layer_beats(layer, model, design: Design) -> int:
    """Cycles in which the array works for a layer."""
    channels, height = int(layer.in_shape[0]), rows_of(layer)
    groups = math.ceil(channels / design.ci) * math.ceil(layer.outputs / design.co)
    return height * row_beats(layer, model, design) * groups * passes_of(layer, model)


def layer_cycles(layer, model, design: Design) -> int:
    """The same, and the cycles in which a pass waits for the membranes of the one before or shared neurons for
    their second half; without that of an instruction's last row, where the next row hides the others'."""
    channels, height = int(layer.in_shape[0]), rows_of(layer)
    groups, width = math.ceil(channels / design.ci), row_beats(layer, model, design)
    beats, passes, dense = groups * width, passes_of(layer, model), layer.kind == "dense"
    rounds = math.ceil(layer.outputs / design.co)
    if dense:
        beats *= height
    else:
        rounds *= height
    flush = isa.flush_cycles(groups, width, dense, passes)[0] if design.share else 0
    return rounds * isa.group_cycles(beats, passes, layer.readout, design.leak, flush)


RUN_OVERHEAD = 29
"""Cycles of a run beside its row instructions: the first fetch and the end; with ``reach`` two more, as an instruction
and its descriptor are read a cycle later."""

# cycles from a beat to its written result, by the inputs of a LUT: of CI, and more for ``neurons``
_DEPTH = {
    4: ({4: 36, 8: 38, 16: 40, 32: 41, 64: 42}, {1: 0, 2: 1, 4: 2, 8: 4, 16: 5, 32: 7, 64: 8}),
    6: ({4: 37, 8: 38, 16: 39, 32: 41, 64: 42}, {1: 0, 2: 1, 4: 1, 8: 3, 16: 3, 32: 4, 64: 4}),
}
# more in a design with ``pair``, whose trees are two halves
_PAIR_DEPTH = {4: {4: 0, 8: -1, 16: -1, 32: 0, 64: 0}, 6: {4: -1, 8: 0, 16: 0, 32: -1, 64: 0}}
# what ``neurons`` add at least with ``reach`` and without ``pack``: fired spikes are moved before they are stored
_PLACED = {4: 1, 6: 0}
# more in a design with ``transposed``
_TRANSPOSED_DEPTH = {4: {4: 1, 8: 0, 16: -1, 32: 0, 64: 1}, 6: {4: 1, 8: 2, 16: 3, 32: 3, 64: 2}}


def instruction_overhead(design: Design) -> int:
    """Cycles from the last beat of an instruction to the first of the next: drain and set-up."""
    by_ci, by_neurons = _DEPTH[design.lut]
    neurons = (design.leak - design.short) * (isa.LANES - 1)
    pairs = _PAIR_DEPTH[design.lut][design.ci] if design.pair else 0
    transposed = _TRANSPOSED_DEPTH[design.lut][design.ci] if design.transposed else 0
    counting = by_neurons[design.neurons]
    if design.reach and not design.pack:
        counting = max(counting, _PLACED[design.lut])
    fixed = 5 + 6 * design.reach + design.share
    return by_ci[design.ci] + counting + fixed + neurons + pairs + transposed


def instructions_of(program: Program) -> list[list[tuple[int, int]]]:
    """(layer, cycles) of each row instruction that runs for a picture, a list for each run; no overhead."""
    memory: dict[int, int] = {}
    design = program.design
    for start, words in program.sections:
        _store(memory, start, words)
    found = []
    for segment in program.segments or [Segment(program.entries[0])]:
        for number in segment.loads:
            _store(memory, *program.streamed[number])
        here, run = address(Region.PROGRAM, segment.entry), []
        while True:
            word = [memory[here + k] for k in range(isa.INSTRUCTION_WORDS)]
            instruction = unpack(isa.INSTRUCTION, word)
            if instruction["opcode"] != isa.Opcode.ROWS:
                break
            start = address(Region.DESCRIPTORS, instruction["layer"] * isa.DESCRIPTOR_WORDS)
            descriptor = [memory[start + k] for k in range(isa.DESCRIPTOR_WORDS)]
            fields = unpack(isa.DESCRIPTOR, descriptor)
            cycles = isa.rows_cycles(instruction, fields, design.leak, design.share)
            run.append((instruction["layer"], cycles))
            here += isa.INSTRUCTION_WORDS
        found.append(run)
    return found


def run_cycles(program: Program) -> list[int]:
    """Clock cycles of each run that a picture takes, from start to end; most have one run."""
    overhead = instruction_overhead(program.design)
    start = RUN_OVERHEAD + 2 * program.design.reach
    return [sum(cycles + overhead for _, cycles in run) + start for run in instructions_of(program)]


def cycles_by_layer(program: Program) -> list[int]:
    """Cycles of each layer for a picture, without its instructions' overhead."""
    found = [0] * len(program.layers)
    for run in instructions_of(program):
        for layer, cycles in run:
            found[layer] += cycles
    return found


def _store(memory: dict[int, int], start: int, words) -> None:
    """Notes words of a section that lies in PROGRAM or DESCRIPTORS."""
    if start >> REGION_SHIFT in (Region.PROGRAM, Region.DESCRIPTORS):
        memory.update(enumerate((int(word) for word in words), start))


def cycle_bound(layer: Layer, model: Model, design: Design) -> int:
    """Cycles that the array needs at least for a layer."""
    channels, height, width = layer.in_shape
    out_groups = math.ceil(layer.outputs / design.co)
    if layer.kind == "dense":
        in_groups, pixels = math.ceil(channels * height * width / design.ci), 1
    else:
        beats = row_beats(layer, model, design)
        in_groups, pixels = math.ceil(channels / design.ci), rows_of(layer) * beats
    return in_groups * out_groups * pixels * passes_of(layer, model)
