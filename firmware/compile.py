"""The compiler: a model file becomes a program image for one design.

    python -m firmware.compile MODEL --board NAME [-o IMAGE]
"""

from __future__ import annotations

import argparse
import math
import sys

import numpy as np

from firmware import boards, isa, modelfile, pipe, registers
from firmware.chains import FUSE
from firmware.design import Design, parse_settings
from firmware.emit import emit
from firmware.fields import pack
from firmware.image import LayerPlace, Program
from firmware.lanes import passes_of, row_beats
from firmware.memory_map import FitError, describe_excess, excess, memory_needs
from firmware.plan import NoRoom, loads_words, make_plan
from firmware.registers import Region, Register, address
from firmware.report import make_report, print_report


def check_limits(model: modelfile.Model, design: Design) -> None:
    """Raises ``FitError`` where the hardware's own limits, not memory, exclude a model."""
    if len(model.layers) > design.layers:
        raise FitError(f"the model has {len(model.layers)} layers, the design {design.layers}")
    channels, height, width = model.layers[0].in_shape
    for name, value in (("width", width), ("height", height), ("channels", channels)):
        largest = registers.IMAGE_SHAPE[name].largest
        if value > largest:
            raise FitError(f"the input's {name} is {value}, the design takes up to {largest}")
    for layer in model.layers:
        fan_in = int(np.prod(layer.weight.shape[1:]))
        # the psum of a readout runs on over the passes
        passes = passes_of(layer, model) if layer.readout else 1
        if fan_in * passes > isa.MAX_FAN_IN:
            over = f" in {passes} passes ({model.ticks} ticks)" if passes > 1 else ""
            raise FitError(
                f"layer {layer.name}: {fan_in} inputs a neuron{over}, the psum of {isa.PSUM_BITS} "
                f"bits holds {isa.MAX_FAN_IN // passes}"
            )
        if layer.kind == "conv" and layer.in_shape[2] > design.row_max:
            raise FitError(
                f"layer {layer.name}: rows of {layer.in_shape[2]} pixels, "
                f"the design's row_max is {design.row_max}"
            )
        if layer.readout and layer.outputs > design.scores:
            raise FitError(
                f"layer {layer.name}: {layer.outputs} scores, the design keeps {design.scores}"
            )


def cycle_bound(layer: modelfile.Layer, model: modelfile.Model, design: Design) -> int:
    """Cycles that the array needs at least for a layer (design.md section 2)."""
    channels, height, width = layer.in_shape
    out_groups = math.ceil(layer.outputs / design.co)
    if layer.kind == "dense":
        in_groups, pixels = math.ceil(channels * height * width / design.ci), 1
    else:
        beats = row_beats(layer, model, design)
        in_groups, pixels = math.ceil(channels / design.ci), height * beats
    return in_groups * out_groups * pixels * passes_of(layer, model)


def compile_model(
    model: modelfile.Model, design: Design, explain: bool = True, fuse: str = "auto"
) -> Program:
    """Compiles a model for a design. fuse: "none", "pairs" or "auto", see firmware.chains.

    Raises ``FitError`` that says what does not fit, by how many bytes, and, with ``explain``, on
    which boards it would.
    """
    check_limits(model, design)
    try:
        plan = make_plan(model, design, fuse)
    except NoRoom as error:
        over = excess(memory_needs(*error.needs, 0), design)
        raise FitError(
            describe_excess(model, over, design) if explain else "does not fit"
        ) from None
    code = emit(model, design, plan)
    needs = memory_needs(plan.words, *loads_words(plan.loads), code.program_words)
    layers = []
    for number, layer in enumerate(model.layers):
        target = plan.targets[number]
        shape = (layer.outputs, 1, 1) if layer.readout else layer.out_shape
        layers.append(
            LayerPlace(
                name=layer.name,
                kind=layer.kind,
                readout=layer.readout,
                pool=layer.pool,
                shape=tuple(int(n) for n in shape),
                neurons=0 if layer.readout else int(np.prod(layer.map_shape)),
                base=target.base if target else 0,
                groups=target.groups if target else 0,
                width=target.width if target else 0,
                ring_rows=target.ring_rows if target else 0,
                passes=target.passes if target else 0,
                pixels=target.pixels if target else 0,
                bound=cycle_bound(layer, model, design),
            )
        )
    channels, height, width = model.layers[0].in_shape
    setup = {
        int(Register.IMAGE_BASE_0): plan.inputs[0].base,
        int(Register.IMAGE_BASE_1): plan.inputs[-1].base,
        int(Register.IMAGE_SHAPE): pack(
            registers.IMAGE_SHAPE,
            {"width": width, "height": height, "channels": channels},
            1,
            "input",
        )[0],
        int(Register.IMAGE_STRIDE): plan.inputs[0].stride,
    }
    program_image = Program(
        name=model.name,
        classes=list(model.classes),
        ticks=model.ticks,
        fraction_bits=model.fraction_bits,
        reset=model.reset,
        design=design,
        input_shape=(int(channels), int(height), int(width)),
        registers=setup,
        entries=code.entries,
        layers=layers,
        sections=code.sections,
        streamed=code.streamed,
        segments=code.segments,
        report={},
    )
    program_image.report = make_report(program_image, model, plan, needs)
    return program_image


def listing(image: Program) -> str:
    """The program as text, also where the host streams it."""
    start = address(Region.PROGRAM)
    texts = [
        isa.disassemble([int(word) for word in words])
        for place, words in image.sections + image.streamed
        if place == start
    ]
    return "\n\n".join(texts)


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware.compile",
        description="Compiles a model file to a program image and says what it costs.",
        epilog="Example: python -m firmware.compile model/pretrained/mnist.safetensors --board arty",
    )
    parser.add_argument("model", help="model file (.safetensors)")
    parser.add_argument("--board", default="sim", help=f"one of {', '.join(boards.names())}")
    parser.add_argument("--set", default="", metavar="ci=8,co=4", help="other design parameters")
    parser.add_argument(
        "--fuse", choices=FUSE, default="auto", help="layers whose rows are interleaved"
    )
    parser.add_argument("-o", "--output", help="program image to write")
    parser.add_argument("--disassemble", action="store_true", help="print the program")
    options = parser.parse_args(arguments)
    from firmware import compare  # it compiles, too

    try:
        board = boards.load(options.board, parse_settings(options.set))
        model = modelfile.load(options.model)
        image = compile_model(model, board.design, fuse=options.fuse)
        print_report(image, board.clock_hz)
        print(f"\n{compare.text(compare.compare(model, board.design))}")
        if options.disassemble:
            print(listing(image))
        if options.output:
            image.save(options.output)
            print(f"wrote {options.output}")
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
