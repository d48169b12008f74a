"""What a compiled program costs: bytes on chip and over the link, cycles, use of the array."""

from __future__ import annotations

import math

from volley.firmware import isa
from volley.firmware.boards import Rates
from volley.firmware.compiler.cycle_model import (
    cycles_by_layer,
    instructions_of,
    layer_beats,
    run_cycles,
)
from volley.firmware.compiler.lanes import describe, packed_pixels, passes_of, row_beats
from volley.firmware.compiler.throughput import describe as describe_rates
from volley.firmware.compiler.throughput import load_bytes
from volley.firmware.inputs import PAIR
from volley.firmware.results import counter_words, result_words
from volley.firmware.stream import words_per_picture
from volley.firmware.texts import shown


def layer_rows(program, model) -> list[dict]:
    """Per layer: cycles and bound, and the share of lanes and of processing elements at work."""
    design = program.design
    rows = []
    for layer, compiled, cycles in zip(model.layers, program.layers, cycles_by_layer(program)):
        channels = layer.in_shape[0]
        in_groups = math.ceil(channels / design.ci)
        out_groups = math.ceil(layer.outputs / design.co)
        lanes = model.ticks / (passes_of(layer, model) * isa.LANES)
        if layer.encode:
            lanes = 1 / PAIR if layer.pair else 1.0
        lanes *= layer.in_shape[2] / row_beats(layer, model, design)  # pixels of a packed word
        taps = 9 if layer.kind == "conv" and layer.kernel == 3 else 1
        busy = channels / (in_groups * design.ci) * layer.outputs / (out_groups * design.co)
        rows.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "cycles": cycles,
                "bound": compiled.bound,
                "lane_use": lanes,
                # waits between passes, and for shared neurons, count as idle
                "array_use": lanes
                * taps
                / isa.TAPS
                * busy
                * layer_beats(layer, model, design)
                / cycles,
            }
        )
    return rows


def make_report(program, model, needs) -> dict:
    """The report of a program; all sizes in bytes. needs: words of each memory."""
    design = program.design
    sizes = design.word_bytes()
    rows = layer_rows(program, model)
    runs = run_cycles(program)
    cycles = sum(runs)
    busy = sum(row["array_use"] * row["cycles"] for row in rows)
    moved = {name: 4 * words for name, words in words_per_picture(program).items()}
    result = result_words(program) + len(program.segments) * counter_words(program)
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
            "load": load_bytes(program),
            "picture": moved["IMAGE_WORDS"],
            "weights": moved["MODEL_WORDS"],
            "spikes_up": moved["SPIKES_WRITTEN"],
            "spikes_down": moved["SPIKES_READ"],
            "result": 4 * result,
        },
        "packed_pixels": packed_pixels(model, design),
        "input_buffers": 1 if program.segments else len(program.entries),
        "runs": len(runs),
        # of the streamed weights: written while the program runs
        "ahead": 4 * sum(len(program.streamed[k][1]) for s in program.segments for k in s.ahead),
        "instructions": sum(len(run) for run in instructions_of(program)),
        "layers": rows,
        "cycles": cycles,
        "bound": sum(row["bound"] for row in rows),
        "array_use": busy / cycles,
    }


def print_report(program, rates: Rates) -> None:
    """Prints the report as tables; rates: of the board, for its images/s."""
    report, design = program.report, program.design
    print(
        f"{shown(program.name)}: {program.ticks} ticks on CI={design.ci} CO={design.co} "
        f"({design.pes} processing elements), design {design.hash().hex()}"
    )
    print(describe(program.ticks, design))
    print("\non chip              bytes         of")
    for name, row in report["on_chip"].items():
        print(f"  {name:15s} {row['bytes']:9d}  {row['of']:9d}")
    link = report["link"]
    print(
        f"\nover the link: load {link['load']} bytes; a picture: input {link['picture']}, weights "
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
    print(f"\n{1e3 * cycles / rates.clock_hz:.3f} ms of the core for a picture")
    print(describe_rates(program, *rates))
