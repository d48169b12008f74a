"""Whether a design holds a model: found out before hours of synthesis and routing."""

from __future__ import annotations

from volley.firmware import modelfile
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import describe
from volley.firmware.files import PRETRAINED
from volley.firmware.texts import shown
from volley.fpga.errors import BuildError
from volley.fpga.target.target import Target

SHIPPED = PRETRAINED / "mnist.safetensors"


def check_model(target: Target, path: str | None, progress) -> None:
    """Compiles a model for the target's design.

    path: the user's model, which has to fit: else raises ``BuildError`` with code 4 that says what
    is over. None: the shipped one, where a misfit is only told.
    Raises ``ModelError`` or ``OSError`` if the user's file can not be read.
    """
    if path is None and not SHIPPED.is_file():
        return
    model = modelfile.load(str(path or SHIPPED))
    try:
        program = compile_model(model, target.board.design, rates=target.board.rates)
    except FitError as error:
        if path:
            raise BuildError(str(error), code=4) from None
        progress(f"  note    {error}")
        return
    rates = describe(program, *target.board.rates)
    progress(f"  model   {shown(model.name)} fits; {rates}")
