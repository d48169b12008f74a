"""What a program may name: the memories of its design, the sections that it has, the format's limits.

After these checks whoever plays host (the driver, the program simulator, the cycle model) meets no
number outside its memories: sections lie in the design's memories, every run starts at an instruction
and ends at a HALT, rows that are kept on the host have been read before they are written back.
"""

from __future__ import annotations

import math

from volley.firmware import isa, registers
from volley.firmware.fields import WORD_BITS, unpack
from volley.firmware.inputs import PAIR
from volley.firmware.isa import BANKS, LANES, MAX_PASSES, MAX_TICKS
from volley.firmware.json_text import JsonError
from volley.firmware.layers import MAX_VALUES
from volley.firmware.registers import BANK_SHIFT, Region, Register, address
from volley.firmware.schema import refuse
from volley.firmware.texts import short

MAX_SIDE = 65535
"""Of a map, and of its channels, as in the model file."""
MAX_BYTE = 255
REGISTERS_END = 1 << BANK_SHIFT
WORD_LARGEST = (1 << WORD_BITS) - 1
SETUP = (
    Register.IMAGE_BASE_0, Register.IMAGE_BASE_1, Register.IMAGE_SHAPE, Register.IMAGE_STRIDE
)  # fmt: skip
"""What a program sets beside its sections."""


def check(program) -> None:
    """Raises ``JsonError`` where a ``volley.firmware.program.Program`` names what it or its design does not have."""

    def within(where, value, low, high):
        if not low <= value <= high:
            raise JsonError(f"key '{where}': found {value}; allowed: {low} to {high}")

    def choice(where, value, allowed):
        if value not in allowed:
            raise JsonError(f"key '{where}': found {value!r:.80}; allowed: {', '.join(allowed)}")

    design, layers = program.design, program.layers
    within("ticks", program.ticks, 1, MAX_TICKS)
    choice("reset", program.reset, ("soft", "hard"))
    _check_input(program.input, design, within, choice)
    within("layers", len(layers), 1, design.layers)
    within("entries", len(program.entries), 0 if program.segments else 1, 2)
    for k, entry in enumerate(program.entries):
        within(f"entries[{k}]", entry, 0, design.program_words - 1)
    for number, value in program.registers.items():
        within("registers", number, 0, REGISTERS_END - 1)
        within(f"registers.{number}", value, 0, WORD_LARGEST)
    for start, words in program.sections + program.streamed:
        within("sections", start + max(1, len(words)) - 1, 0, WORD_LARGEST)
    for k, layer in enumerate(layers):
        where = f"layers[{k}]"
        choice(f"{where}.kind", layer.kind, ("conv", "dense"))
        for side in layer.shape:
            within(f"{where}.shape", side, 1, MAX_SIDE)
        if layer.readout != (layer.map is None) or (layer.readout and k != len(layers) - 1):
            raise JsonError(
                f"key '{where}.map': allowed: null on a readout, which is the last layer, and only there"
            )
        if layer.map is not None:
            _check_map(where, layer.map, layer.shape[0], program, within)
        else:
            within(f"{where}.shape", layer.shape[0], 1, design.scores)
    within("votes", program.votes, 1, MAX_SIDE)
    _check_classes(program)
    _check_places(program)
    for kind in ("sections", "streamed"):
        for number, (start, words) in enumerate(getattr(program, kind)):
            _check_section(f"{kind}[{number}]", start, len(words), design)
    for k, segment in enumerate(program.segments):
        within(f"segments[{k}].entry", segment.entry, 0, design.program_words - 1)
        for number in segment.loads + segment.ahead:
            within(f"segments[{k}]", number, 0, len(program.streamed) - 1)
        for rows in segment.ups + segment.downs:
            where = f"segments[{k}].rows"
            within(f"{where}.map", rows.map, 0, len(layers))
            within(f"{where}.ring_rows", rows.ring_rows, 1, MAX_SIDE)
            within(f"{where}.rows", rows.row + rows.rows, 1, MAX_SIDE)
            last = rows.first + max(0, rows.steps - 1) * rows.step + rows.words
            within(f"{where}.steps", rows.steps, 0, design.spike_words)
            within(f"{where}.words", last, 0, max(rows.stride, 1))
            end = rows.base + (rows.ring_rows - 1) // BANKS * rows.stride + last
            within(f"{where}.base", end, 0, design.spike_words)
    _check_segments(program)
    _check_runs(program)
    _check_report(program)


def _check_input(given, design, within, choice):
    """The sizes of the input, and of the patches that are cut of it."""
    choice("input.kind", given.kind, ("picture", "spikes"))
    for name in ("channels", "height", "width"):
        within(f"input.{name}", getattr(given, name), 1, MAX_SIDE)
    within("input.ticks", given.ticks, 1, MAX_TICKS)
    for name in ("most", "kernel", "stride"):
        within(f"input.{name}", getattr(given, name), 1, MAX_BYTE)
    within("input.padding", given.padding, 0, given.kernel - 1)
    within("input.pixels", given.pixels, 1, PAIR if given.kind == "picture" else LANES)
    within("input.pass_words", given.pass_words, 0, design.spike_words)
    for size in given.sent[1:]:
        within("input.kernel", size, 1, MAX_SIDE)


def _check_map(where, spikes, channels, program, within):
    """The map of a layer lies in the spike memory, and has its channels."""
    design = program.design
    within(f"{where}.map.ring_rows", spikes.ring_rows, 1, MAX_SIDE)
    within(f"{where}.map.width", spikes.width, 1, MAX_SIDE)
    within(f"{where}.map.pixels", spikes.pixels, 1, LANES)
    within(f"{where}.map.passes", spikes.passes, 1, MAX_PASSES)
    within(f"{where}.map.groups", spikes.groups, -(-channels // design.ci), MAX_SIDE)
    within(f"{where}.map.base", spikes.end, 1, design.spike_words)


def _check_classes(program):
    """Each class has its outputs."""
    last = program.layers[-1]
    per_class = 1 if program.counts_votes else program.votes
    if last.shape[0] != len(program.classes) * per_class:
        refuse("classes", f"{len(program.classes)} for {last.shape[0]} outputs", "one for each")
    if last.readout and last.shape[0] > program.design.scores:
        refuse("layers", f"{last.shape[0]} scores", f"the design's {program.design.scores}")
    if program.counts_votes and not last.readout:
        refuse("counts_votes", "true", "true where the last layer is a readout")


def _check_places(program):
    """The input's registers say what its key says, and it lies in the spike memory."""
    taken = program.input
    if taken.ticks != program.ticks:
        refuse("input.ticks", str(taken.ticks), f"the program's {program.ticks}")
    missing = [int(n) for n in SETUP if n not in program.registers]
    if missing or len(program.registers) > len(SETUP):
        refuse("registers", short(list(program.registers)), short([int(n) for n in SETUP]))
    if min(taken.sent) < 1 or math.prod(taken.sent) * program.ticks > MAX_VALUES:
        refuse("input", f"{short(list(taken.sent))} bytes", f"{MAX_VALUES} in all ticks")
    shape = unpack(registers.IMAGE_SHAPE, [program.registers[Register.IMAGE_SHAPE]])
    if (shape["channels"], shape["height"], shape["width"]) != taken.sent:
        refuse("registers.35", short(shape), f"{short(list(taken.sent))}, as key 'input' says")
    groups = -(-taken.sent[0] // program.design.ci)
    banks = -(-taken.sent[1] // isa.BANKS)
    if program.segments:  # strips of the picture: their places are in the segments
        return
    for name in ("IMAGE_BASE_0", "IMAGE_BASE_1"):
        base = program.registers[Register[name]] + (taken.passes - 1) * taken.pass_words
        base += (banks - 1) * program.registers[Register.IMAGE_STRIDE] + groups * taken.sent[2]
        if base > program.design.spike_words:
            refuse(
                f"registers.{int(Register[name])}",
                f"an input to word {base}",
                f"the {program.design.spike_words} there are",
            )


def _check_section(where, start, count, design):
    """Raises ``SchemaError`` unless a section lies in a memory of the design."""
    region, index = start >> registers.REGION_SHIFT, start & ((1 << registers.REGION_SHIFT) - 1)
    bank, row = index >> registers.BANK_SHIFT, index & ((1 << registers.BANK_SHIFT) - 1)
    there = {
        Region.PROGRAM: (1, design.program_words),
        Region.DESCRIPTORS: (1, design.layers * isa.DESCRIPTOR_WORDS),
        Region.WEIGHTS: (isa.TAPS, design.weight_words * design.weight_columns),
        Region.PARAMS: (len(registers.PARAM_KINDS), design.param_words * design.co),
    }
    known = {int(key): value for key, value in there.items()}
    if region not in known:
        names = ", ".join(key.name for key in there)
        refuse(where, f"region {region} at address {start}", f"{names}")
    banks, words = known[region]
    if bank >= banks or row + count > words:
        refuse(where, f"words {row} to {row + count} of bank {bank}", f"{words} in {banks} bank(s)")


def _check_segments(program):
    """Segments name sections that there are, and maps that the host has."""
    strides: dict[int, int] = {}
    for number, segment in enumerate(program.segments):
        where = f"segments[{number}]"
        for kind in ("loads", "ahead"):
            for each in getattr(segment, kind):
                if each >= len(program.streamed):
                    refuse(f"{where}.{kind}", str(each), f"below {len(program.streamed)}")
        for kind in ("ups", "downs"):
            for rows in getattr(segment, kind):
                _check_rows(f"{where}.{kind}", rows, program)
                if kind == "ups" and rows.map and rows.map not in strides:
                    refuse(f"{where}.ups", f"map {rows.map}", "one that has been read before")
                if rows.map and strides.setdefault(rows.map, rows.stride) != rows.stride:
                    refuse(f"{where}.{kind}", f"stride {rows.stride}", str(strides[rows.map]))


def _check_rows(where, rows, program):
    """Raises ``SchemaError`` unless rows are in their map, and in the spike memory."""
    if rows.map > len(program.layers) or (rows.map and program.layers[rows.map - 1].readout):
        refuse(where, f"map {rows.map}", f"0 to {len(program.layers)}, no readout's")
    height = program.layers[rows.map - 1].shape[1] if rows.map else program.input.sent[1]
    if rows.row + rows.rows > height:
        refuse(where, f"rows to {rows.row + rows.rows} of map {rows.map}", f"its {height}")
    if rows.ring_rows % isa.BANKS:
        refuse(where, f"a ring of {rows.ring_rows} rows", f"a multiple of {isa.BANKS}")
    last = rows.first + (rows.steps - 1) * rows.step + rows.words
    if last > rows.stride or height * rows.stride * program.design.ci > MAX_VALUES:
        refuse(where, f"{last} words of a row", f"its {rows.stride}")
    end = rows.base + rows.ring_rows // isa.BANKS * rows.stride
    passes = (program.input.passes - 1) * program.input.pass_words if not rows.map else 0
    if end + passes > program.design.spike_words:
        refuse(where, f"a ring to word {end}", f"the {program.design.spike_words} there are")


def _check_runs(program):
    """Every run goes from its entry over row instructions to a HALT."""
    memory: dict[int, int] = {}
    for section in program.sections:
        _store(memory, section)
    runs = [(f"segments[{k}].entry", s.entry, s.loads) for k, s in enumerate(program.segments)]
    for where, entry, loads in runs or [("entries", entry, []) for entry in program.entries]:
        for number in loads:
            _store(memory, program.streamed[number])
        here = address(Region.PROGRAM, entry)
        while True:
            words = [memory.get(here + k) for k in range(isa.INSTRUCTION_WORDS)]
            if None in words:
                refuse(where, f"a run from word {entry} without HALT", "one that ends in HALT")
            found = unpack(isa.INSTRUCTION, [int(word or 0) for word in words])
            if found["opcode"] == isa.Opcode.HALT:
                break
            start = address(Region.DESCRIPTORS, found["layer"] * isa.DESCRIPTOR_WORDS)
            if found["opcode"] != isa.Opcode.ROWS or found["layer"] >= len(program.layers):
                what = f"opcode {found['opcode']}, layer {found['layer']}"
                refuse(where, what, f"ROWS of a layer below {len(program.layers)}, and HALT")
            if any(start + k not in memory for k in range(isa.DESCRIPTOR_WORDS)):
                refuse(where, f"layer {found['layer']} without a descriptor", "one that has it")
            here += isa.INSTRUCTION_WORDS


def _store(memory, section):
    """Notes words of a section that lies in PROGRAM or DESCRIPTORS."""
    start, words = section
    if start >> registers.REGION_SHIFT in (Region.PROGRAM, Region.DESCRIPTORS):
        memory.update(enumerate((int(word) for word in words), start))


def _check_report(program):
    """The report has the cycles of each layer, as images/s are counted with them."""
    rows = program.report.get("layers")
    cycles = (
        [row.get("cycles") for row in rows if isinstance(row, dict)]
        if isinstance(rows, list)
        else []
    )
    if len(cycles) != len(program.layers) or any(type(count) is not int for count in cycles):
        refuse("report.layers", short(rows), f"the cycles of {len(program.layers)} layers")
