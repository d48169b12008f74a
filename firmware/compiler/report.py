"""What a compiled program costs: bytes on chip and over the link, cycles, use of the array."""

from __future__ import annotations

import math

from volley.firmware import frames, isa
from volley.firmware.compiler.cycle_model import (
    RUN_OVERHEAD,
    instruction_overhead,
    layer_beats,
    layer_cycles,
)
from volley.firmware.compiler.fit import word_bytes
from volley.firmware.compiler.lanes import describe, packed_pixels, passes_of, row_beats
from volley.firmware.isa import INSTRUCTION, INSTRUCTION_WORDS, Opcode
from volley.firmware.registers import Region, address
from volley.firmware.stream import Segment, words_per_image


def layer_rows(image, model) -> list[dict]:
    """Per layer: cycles and bound, and the share of lanes and of processing elements at work."""
    design = image.design
    rows = []
    for layer, place in zip(model.layers, image.layers):
        channels = layer.in_shape[0]
        in_groups = math.ceil(channels / design.ci)
        out_groups = math.ceil(layer.outputs / design.co)
        cycles = layer_cycles(layer, model, design)
        lanes = 1.0 if layer.encode else model.ticks / (passes_of(layer, model) * isa.LANES)
        lanes *= layer.in_shape[2] / row_beats(layer, model, design)  # pixels of a packed word
        taps = 9 if layer.kind == "conv" and layer.kernel == 3 else 1
        busy = channels / (in_groups * design.ci) * layer.outputs / (out_groups * design.co)
        rows.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "cycles": cycles,
                "bound": place.bound,
                "lane_use": lanes,
                # waits between passes count as idle
                "array_use": lanes
                * taps
                / isa.TAPS
                * busy
                * layer_beats(layer, model, design)
                / cycles,
            }
        )
    return rows


def make_report(image, model, plan, needs) -> dict:
    """The report of a program; all sizes in bytes. needs: words of each memory."""
    design = image.design
    sizes = word_bytes(design)
    rows = layer_rows(image, model)
    runs = max(1, len(image.segments))
    instructions = count_instructions(image)
    cycles = sum(row["cycles"] for row in rows)
    busy = sum(row["array_use"] * row["cycles"] for row in rows)
    cycles += instructions * instruction_overhead(design) + runs * RUN_OVERHEAD
    overhead = 4 * (frames.HEADER_WORDS + frames.CRC_WORDS)
    load_bytes = sum(
        4 * len(words) + overhead * math.ceil(len(words) / frames.MAX_WORDS)
        for _, words in image.sections
    )
    moved = {name: 4 * words for name, words in words_per_image(image).items()}
    result_words = 80 + 2 * len(image.layers)
    return {
        "on_chip": {
            name: {
                "words": words,
                "bytes": math.ceil(words * sizes[name]),
                "of": math.ceil(getattr(design, name) * sizes[name]),
            }
            for name, words in needs.items()
        },
        "link": {
            "load": load_bytes,
            "picture": moved["IMAGE_WORDS"],
            "weights": moved["MODEL_WORDS"],
            "spikes_up": moved["SPIKES_WRITTEN"],
            "spikes_down": moved["SPIKES_READ"],
            "result": 4 * result_words,
        },
        "packed_pixels": packed_pixels(model, design),
        "input_buffers": 1 if image.segments else len(image.entries),
        "runs": runs,
        # of the streamed weights: written while the program runs
        "ahead": 4 * sum(len(image.streamed[k][1]) for s in image.segments for k in s.ahead),
        "instructions": instructions,
        "layers": rows,
        "cycles": cycles,
        "bound": sum(row["bound"] for row in rows),
        "array_use": busy / cycles,
    }


def count_instructions(image) -> int:
    """Row instructions that are executed for a picture."""
    count = 0
    for segment in image.segments or [Segment(image.entries[0])]:
        memory = [image.streamed[number] for number in segment.loads] + image.sections
        words = next(words for place, words in memory if place == address(Region.PROGRAM))
        word = segment.entry
        while int(words[word]) & ((1 << INSTRUCTION["opcode"].width) - 1) == Opcode.ROWS:
            count += 1
            word += INSTRUCTION_WORDS
    return count


def print_report(image, clock_hz: int) -> None:
    """Prints the report as tables."""
    report, design = image.report, image.design
    print(
        f"{image.name}: {image.ticks} ticks on CI={design.ci} CO={design.co} "
        f"({design.pes} processing elements), design {design.hash().hex()}"
    )
    print(describe(image.ticks, design))
    print("\non chip              bytes         of")
    for name, row in report["on_chip"].items():
        print(f"  {name:15s} {row['bytes']:9d}  {row['of']:9d}")
    link = report["link"]
    print(
        f"\nover the link: load {link['load']} bytes; an image: picture {link['picture']}, weights "
        f"{link['weights']} ({report['ahead']} while the array works), spikes "
        f"{link['spikes_up']} up and {link['spikes_down']} down, results {link['result']}; "
        f"{report['input_buffers']} input buffer(s), {report['runs']} run(s)"
    )
    print("\nlayer        kind      cycles      bound  lanes  array")
    for row in report["layers"]:
        print(
            f"{row['name']:12s} {row['kind']:6s} {row['cycles']:9d}  {row['bound']:9d}  "
            f"{row['lane_use']:5.0%}  {row['array_use']:5.1%}"
        )
    cycles = report["cycles"]
    rest = cycles - sum(row["cycles"] for row in report["layers"])
    print(f"{'fetch, drain':12s} {'':6s} {rest:9d}   ({report['instructions']} row instructions)")
    print(
        f"{'all':12s} {'':6s} {cycles:9d}  {report['bound']:9d}         {report['array_use']:5.1%}"
    )
    print(
        f"\nat {clock_hz / 1e6:g} MHz: {1e3 * cycles / clock_hz:.3f} ms an image, "
        f"{clock_hz / cycles:.0f} images/s without the link"
    )
