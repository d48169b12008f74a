"""Programs from files: a compiled program as it is, a model file compiled for the design at hand."""

from __future__ import annotations

from pathlib import Path

from volley.firmware import modelfile, program
from volley.firmware.boards import Rates
from volley.firmware.compiler import program as compiler
from volley.firmware.design import Design
from volley.firmware.inputs import SPIKES
from volley.firmware.modelfile import Model
from volley.firmware.program import Program


def read(path) -> Program | Model:
    """What a file holds: a compiled program or a model.

    Raises ``program.ProgramFileError`` or ``modelfile.ModelError`` (both ``ValueError``), or ``OSError``.
    """
    path = Path(path)
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(program.SIGNATURE)) == program.SIGNATURE:
                return program.load(path)
    return modelfile.load(path)


def for_design(
    source: Program | Model, design: Design, fuse: str = "auto", rates: Rates | None = None
) -> Program:
    """The program itself, or the model compiled for a design; raises ``FitError``.

    rates: of the board, for the plan that is fastest end to end.
    """
    if isinstance(source, Program):
        return source
    return compiler.compile_model(source, design, fuse=fuse, rates=rates)


def input_shape(source: Program | Model) -> tuple[int, ...]:
    """Of the input of a program or a model: (channels, height, width), of spikes ticks first."""
    return source.input_shape


def most_spikes(source: Program | Model) -> int | None:
    """Spikes of an input in a tick that a program or a model takes; None where it takes pictures."""
    taken = source.input if isinstance(source, Program) else source
    return taken.most if taken.kind == SPIKES else None


def fits(source: Program | Model) -> bool:
    """Whether a model says that pictures of other sizes are to be scaled; a program does not say."""
    return isinstance(source, Model) and source.fit
