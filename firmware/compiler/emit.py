"""Writes a plan down: instructions, descriptors, memory sections, and what the host streams."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from volley.firmware import isa, registers
from volley.firmware.compiler.lanes import (
    drops_last,
    last_lanes,
    pack_code,
    passes_of,
    row_beats,
)
from volley.firmware.compiler.memory_map import ring_row
from volley.firmware.compiler.residency import Load
from volley.firmware.compiler.weights import (
    PaddedLayer,
    pad_channels,
    param_sections,
    weight_words,
)
from volley.firmware.isa import DESCRIPTOR_WORDS, INSTRUCTION_WORDS, TAPS, Opcode
from volley.firmware.modelfile import Layer, Model
from volley.firmware.registers import Region, address
from volley.firmware.spike_map import MapPlace
from volley.firmware.stream import PICTURE, Rows, Segment


def scale_of(layer: Layer, model: Model) -> int:
    """What a psum is multiplied with: 2^F, and every tick at once where lanes are bit planes."""
    scale = 1 << model.fraction_bits_of(layer)
    return scale * model.ticks if layer.readout and layer.encode else scale


def descriptor(
    layer, model, design, source, target, groups, weight_base, weight_step, param_base
):  # fmt: skip
    """The descriptor of one layer; source and target are MapPlace, target None for a readout.

    groups: output groups that are computed.
    """
    dense = layer.kind == "dense"
    out_width = target.width if target else 1
    return isa.assemble_descriptor(
        kernel3=int(not dense and layer.kernel == 3),
        dense=int(dense),
        encode=int(layer.encode),
        readout=int(layer.readout),
        soft=int(model.reset == "soft"),
        pool=int(layer.pool == 2),
        passes=passes_of(layer, model),
        scale=scale_of(layer, model),
        pack=pack_code(layer, model, design),
        pair=int(layer.pair),
        width=row_beats(layer, model, design),
        height=int(layer.in_shape[1]),
        in_groups=source.groups,
        out_groups=groups,
        in_base=source.base,
        in_end=source.end,
        in_stride=source.stride,
        out_base=target.base if target else 0,
        out_end=target.end if target else 1,
        out_stride=target.stride if target else 1,
        out_width=out_width,
        last_lanes=last_lanes(layer, model, design),
        out_pass=target.pass_words if target else 0,
        weight_base=weight_base,
        weight_step=weight_step,
        param_base=param_base,
        leak=layer.leak,
        leak_first=int(layer.leak_first),
        drop_last=int(drops_last(layer, model, design)),
    )


def rows(number, layer, source, target, row, count, first=0, score_word=0):
    """The instruction for ``count`` rows of a layer from ``row`` on.

    first: row of the ring ``source`` in which row 0 of the input lies. score_word: of a readout,
    its first output divided by CI.
    """
    in_row, in_bank = ring_row(source, first + row - 1)
    out_row, out_bank = ring_row(target, row // layer.pool) if target else (score_word, 0)
    return isa.assemble(
        Opcode.ROWS,
        layer=number,
        row=row,
        rows=count,
        in_row=in_row,
        in_bank=in_bank,
        out_row=out_row,
        out_bank=out_bank,
    )


@dataclass
class Code:
    """sections: loaded once. streamed: (address, words) that segments name by number.

    program_words: of program memory that are in use.
    """

    entries: list[int]
    sections: list[tuple[int, np.ndarray]]
    streamed: list[tuple[int, np.ndarray]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    program_words: int = 0


def emit(model, design, plan) -> Code:
    """The code of a plan."""
    emitter = Emitter(model, design, plan)
    if not plan.streams:
        for buffers in range(len(plan.inputs), 0, -1):
            code = emitter.resident(buffers)
            if code.program_words <= design.program_words:
                return code
    return emitter.streaming()


class Emitter:
    """Writes down a plan for a model and a design."""

    def __init__(self, model, design, plan):
        self.model, self.design, self.plan = model, design, plan
        self.padded = [pad_channels(layer, model, design) for layer in model.layers]
        self.words = [
            weight_words(layer, padded, source, design)
            for layer, padded, source in zip(model.layers, self.padded, plan.sources)
        ]

    # what a load puts into the memories

    def layers_of(self, load: Load):
        """(layer, output groups, weight base, param base) of each layer of a load."""
        weight_base, param_base = load.weight_base, load.param_base
        for number in range(load.chain.first, load.chain.last + 1):
            groups = range(self.padded[number].groups)
            if load.chain.parts > 1:
                groups = load.groups(self.model.layers[number], self.design)
            yield number, groups, weight_base, param_base
            weight_base += len(groups) * self.step(number)
            param_base += len(groups)

    def step(self, number):
        """Words of an output group of a layer."""
        return self.words[number].shape[1] // self.padded[number].groups

    def descriptor(self, load, number, groups, weight_base, param_base):
        """The words of a layer's descriptor while a load is on the chip."""
        source, target = self.plan.sources[number], self._target(load, number)
        return descriptor(
            self.model.layers[number], self.model, self.design, source, target, len(groups),
            weight_base, self.step(number), param_base,
        )  # fmt: skip

    def _target(self, load, number) -> MapPlace | None:
        """Where a layer's output goes, from the first word of a part of its channels on."""
        target = self.plan.targets[number]
        if target is None:
            return None
        return replace(target, base=target.base + load.first_word * target.width)

    def sections(self, loads):
        """(address, words) of weights and neuron parameters of some loads."""
        found = []
        for tap in range(TAPS):
            for load in loads:
                parts = []
                for number, groups, _, _ in self.layers_of(load):
                    step = self.step(number)
                    words = self.words[number][tap, groups.start * step : groups.stop * step]
                    parts.append(words.reshape(-1))
                start = load.weight_base * self.design.weight_columns
                start_address = address(Region.WEIGHTS, tap << registers.BANK_SHIFT | start)
                # zeros as well: they are weights of -1
                found.append((start_address, np.concatenate(parts).astype(np.uint32)))
        for load in loads:
            for number, groups, _, param_base in self.layers_of(load):
                found += param_sections(
                    _some(self.padded[number], groups, self.design), param_base, self.design
                )
        return joined(found)

    def loaded_once(self, program):
        """The sections that are loaded with the program."""
        descriptors = [[0] * DESCRIPTOR_WORDS for _ in self.model.layers]
        for load in self.plan.loads:
            for number, *bases in self.layers_of(load):
                descriptors[number] = self.descriptor(load, number, *bases)
        words = [word for layer in descriptors for word in layer]
        found = [
            (address(Region.PROGRAM), np.array(program, np.uint32)),
            (address(Region.DESCRIPTORS), np.array(words, np.uint32)),
        ]
        found += self.sections([load for load in self.plan.loads if load.resident])
        return [(start, words) for start, words in found if len(words)]

    # instructions

    def instruction(self, load, step, first=0):
        """One row instruction; step: a ``schedule.Step``; first: see ``rows``."""
        number = load.chain.first + step.stage - load.chain.spill_in
        return rows(
            number, self.model.layers[number], self.plan.sources[number],
            self._target(load, number), step.row, step.rows, 0 if number else first,
            load.first_word,
        )  # fmt: skip

    def resident(self, buffers) -> Code:
        """A program that needs nothing but a picture in one of its input buffers."""
        program: list[int] = []
        entries: list[int] = []
        for picture in self.plan.inputs[:buffers]:
            first = len(entries) * picture.ring_rows
            entries.append(len(program))
            for load in self.plan.loads:
                for sweep in load.chain.sweeps:
                    for step in sweep:
                        program += self.instruction(load, step, first)
            program += isa.assemble(Opcode.HALT)
        return Code(entries, self.loaded_once(program), program_words=len(program))

    def streaming(self) -> Code:
        """A program of segments, between which the host writes and reads."""
        most = self.design.program_words // INSTRUCTION_WORDS
        runs = self._segments(most)
        whole = sum(len(program) + INSTRUCTION_WORDS for _, program in runs)
        code = Code([0], [], self.streamed, [segment for segment, _ in runs])
        program: list[int] = []
        if whole <= self.design.program_words:
            for segment, words in runs:
                segment.entry = len(program)
                program += words + isa.assemble(Opcode.HALT)
            code.program_words = len(program)
        else:
            for segment, words in runs:
                words = np.array(words + isa.assemble(Opcode.HALT), np.uint32)
                segment.loads.append(self._stream(address(Region.PROGRAM), words))
                code.program_words = max(code.program_words, len(words))
        code.sections = self.loaded_once(program)
        return code

    def _stream(self, start, words) -> int:
        self.streamed.append((start, np.asarray(words, np.uint32)))
        return len(self.streamed) - 1

    def _segments(self, most):
        """(segment, instructions) pairs; most: instructions and HALT of one."""
        self.streamed: list[tuple[int, np.ndarray]] = []
        runs = [(Segment(0), [])]
        if not self.plan.loads[0].chain.spill_in:
            picture = self.plan.inputs[0]
            rows_ = self.model.layers[0].in_shape[1]
            runs[0][0].ups.append(_whole_rows(PICTURE, 0, int(rows_), picture))
        before = None  # the streamed load before, and the segment that it begins with
        for load in self.plan.loads:
            chain = load.chain
            if not load.resident or chain.parts > 1:
                runs = _next(runs)
            if not load.resident:
                numbers = [self._stream(*section) for section in self.sections([load])]
                if before and not load.overlaps(before[0]):
                    before[1].ahead += numbers
                else:
                    runs[-1][0].loads += numbers
                before = load, runs[-1][0]
            if chain.parts > 1:
                for number, *bases in self.layers_of(load):
                    start = address(Region.DESCRIPTORS, number * DESCRIPTOR_WORDS)
                    words = self.descriptor(load, number, *bases)
                    runs[-1][0].loads.append(self._stream(start, words))
            for sweep in chain.sweeps:
                runs = self._sweep(runs, load, sweep, most)
        return [run for run in runs if run[1]]

    def _sweep(self, runs, load, sweep, most):
        """Adds a sweep of a chain to the runs."""
        chain = load.chain
        last = chain.last - chain.first + 1 + chain.spill_in
        for step in sweep:
            if chain.spill_in and step.stage == 0:
                runs = _next(runs)
                runs[-1][0].ups += self._up(chain.first, step)
            elif step.stage == last:
                runs[-1][0].downs.append(self._down(load, step))
            else:
                if runs[-1][0].downs or len(runs[-1][1]) // INSTRUCTION_WORDS + 1 == most:
                    runs = runs + [(Segment(0), [])]
                runs[-1][1].extend(self.instruction(load, step))
        return runs

    def _up(self, number, step):
        """Rows of the map before layer ``number`` that the host writes."""
        source = self.plan.sources[number]
        if number != PICTURE:
            return [_whole_rows(number, step.row, step.rows, source)]
        # the device writes a strip without a wrap
        strips, row = [], step.row
        while row < step.row + step.rows:
            count = min(step.row + step.rows - row, source.ring_rows - row % source.ring_rows)
            strips.append(_whole_rows(number, row, count, source))
            row += count
        return strips

    def _down(self, load, step):
        """Rows of the map behind a chain that the host reads."""
        target = self.plan.targets[load.chain.last]
        found = _whole_rows(load.chain.last + 1, step.row, step.rows, target)
        if load.chain.parts > 1:
            found.first = load.first_word * target.width
            found.words = load.words * target.width
            found.step, found.steps = target.pass_words, target.passes
        return found


def _next(runs):
    """The runs with an empty one at the end, to which loads can be added."""
    segment, program = runs[-1]
    return runs + [(Segment(0), [])] if program or segment.downs else runs


def _whole_rows(number, row, rows_, ring: MapPlace) -> Rows:
    return Rows(number, row, rows_, ring.base, ring.ring_rows, ring.stride, 0, ring.stride, 0, 1)


def _some(padded: PaddedLayer, groups: range, design) -> PaddedLayer:
    """The neurons of some output groups of a layer."""
    part = slice(groups.start * design.co, groups.stop * design.co)
    return PaddedLayer(
        len(groups), padded.weight[part], padded.bias[part], padded.threshold[part],
        padded.v_init[part],
    )  # fmt: skip


def joined(sections):
    """Sections in the same order, those that follow each other without a gap as one."""
    found = []
    for start, words in sections:
        if found and found[-1][0] + len(found[-1][1]) == start:
            found[-1] = found[-1][0], np.concatenate([found[-1][1], words])
        else:
            found.append((start, words))
    return found
