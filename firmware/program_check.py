"""What a program may name: the memories of its design, the sections that it has, the format's limits."""

from __future__ import annotations

from volley.firmware.fields import WORD_BITS
from volley.firmware.isa import BANKS, LANES, MAX_PASSES, MAX_TICKS
from volley.firmware.json_text import JsonError
from volley.firmware.registers import BANK_SHIFT

MAX_SIDE = 65535
"""Of a map, and of its channels, as in the model file."""
MAX_BYTE = 255
REGISTERS_END = 1 << BANK_SHIFT
WORD_LARGEST = (1 << WORD_BITS) - 1


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
    within("classes", len(program.classes), 1, layers[-1].shape[0])
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


def _check_input(given, design, within, choice):
    """The sizes of the input, and of the patches that are cut of it."""
    choice("input.kind", given.kind, ("picture", "spikes"))
    for name in ("channels", "height", "width"):
        within(f"input.{name}", getattr(given, name), 1, MAX_SIDE)
    within("input.ticks", given.ticks, 1, MAX_TICKS)
    for name in ("most", "kernel", "stride"):
        within(f"input.{name}", getattr(given, name), 1, MAX_BYTE)
    within("input.padding", given.padding, 0, given.kernel - 1)
    within("input.pixels", given.pixels, 1, LANES)
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
