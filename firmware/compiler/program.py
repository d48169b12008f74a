"""The compiler: a model becomes a program for one design."""

from __future__ import annotations

import numpy as np

from volley.firmware import boards, modelfile, registers
from volley.firmware.boards import Rates
from volley.firmware.compiler.cycle_model import cycle_bound
from volley.firmware.compiler.emit import emit
from volley.firmware.compiler.fit import (
    FitError,
    check_limits,
    describe_excess,
    excess,
    memory_needs,
)
from volley.firmware.compiler.lower import input_of, lower
from volley.firmware.compiler.plan import NoRoom, Plan, loads_words, make_plans
from volley.firmware.compiler.report import make_report
from volley.firmware.compiler.throughput import throughput
from volley.firmware.design import Design
from volley.firmware.fields import pack
from volley.firmware.program import LayerPlace, Program
from volley.firmware.registers import Register


def compile_model(
    model: modelfile.Model,
    design: Design,
    explain: bool = True,
    fuse: str = "auto",
    rates: Rates | None = None,
) -> Program:
    """Compiles a model for a design.

    fuse: "none", "pairs" or "auto", see ``volley.firmware.compiler.fusion``. rates: the board's, if
    known: then the plan is the one with the most images/s end to end, else that which moves the
    fewest bytes over the link.

    Raises ``FitError`` that says what does not fit, by how many bytes, and, with ``explain``, on
    which boards it would.
    """
    lowered = lower(model, design)
    check_limits(lowered, design)
    try:
        plans = make_plans(lowered, design, fuse)
    except NoRoom as error:
        over = excess(memory_needs(*error.needs), design)
        raise FitError(
            f"{describe_excess(model, over, design)}; {fitting(model)}"
            if explain
            else "does not fit"
        ) from None
    if rates is None:
        return planned(model, design, plans[0])
    programs = (planned(model, design, plan) for plan in plans)
    return max(programs, key=lambda program: throughput(program, *rates).end_to_end)


def planned(source: modelfile.Model, design: Design, plan: Plan) -> Program:
    """The program of a plan that was made for the lowered model."""
    model = lower(source, design)
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
                shape=(int(shape[0]), int(shape[1]), int(shape[2])),
                neurons=0 if layer.readout else int(np.prod(layer.map_shape)),
                map=target,
                bound=cycle_bound(layer, model, design),
            )
        )
    taken = input_of(source, model, plan.inputs[0].pixels, plan.inputs[0].pass_words)
    channels, height, width = taken.sent
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
    program = Program(
        name=model.name,
        classes=list(model.classes),
        ticks=model.ticks,
        fraction_bits=model.fraction_bits,
        reset=model.reset,
        design=design,
        input=taken,
        registers=setup,
        entries=code.entries,
        layers=layers,
        sections=code.sections,
        streamed=code.streamed,
        segments=code.segments,
        report={},
        votes=source.votes,
        counts_votes=len(model.layers) > len(source.layers),
    )
    program.report = make_report(program, model, needs)
    return program


def fitting(model) -> str:
    """Says on which boards a model would fit."""
    names = []
    for name in boards.names():
        try:
            compile_model(model, boards.load(name).design, explain=False)
        except (FitError, boards.BoardError):
            continue
        names.append(name)
    return f"it fits {', '.join(names)}" if names else "it fits none of the known boards"
