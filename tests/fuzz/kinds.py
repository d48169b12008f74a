"""What is done with each kind of input, and the errors that it may end in.

A kind is a function ``(rng, folder)``: it makes an input, gives it to the project as a user would, and
returns whether it was taken or refused. Any other exception is a finding.
"""

import contextlib
import io
import math
import sys

import numpy as np

from tests.fuzz import command_lines, inputs
from volley.firmware import boards, modelfile
from volley.firmware import program as programs
from volley.firmware.boards import BoardError
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import throughput
from volley.firmware.simulator import host
from volley.firmware.simulator.simulator import ProgramError, Simulator
from volley.fpga.target import target
from volley.host import images
from volley.host.errors import PictureError
from volley.host.labels import load_labels
from volley.model import golden

COMPUTED = 1 << 14  # values of a map: larger networks are compiled, not run
TAKEN, REFUSED = True, False


def one_line(error):
    """Errors of files are one line, short, and printable but for names of files."""
    text = str(error)
    assert text and "\n" not in text and len(text) < 1000, f"not one line: {text[:300]!r}"


def refused(kinds, call):
    """The result of a call, or None where it raises one of the errors."""
    try:
        return call()
    except kinds as error:
        one_line(error)
        return None


def model(rng, folder):
    """A model file: loaded, compiled for a board, and run where it is small."""
    path = folder / "m.safetensors"
    path.write_bytes(inputs.model(rng))
    found = refused(modelfile.ModelError, lambda: modelfile.load(path))
    if found is None:
        return REFUSED
    design = boards.load(rng.choice(("sim", "ulx3s"))).design
    refused(FitError, lambda: compile_model(found, design, explain=False))
    largest = max(math.prod(layer.map_shape) for layer in found.layers)
    if max(largest, math.prod(found.input_shape)) < COMPUTED:
        golden.run(found, np.ones((1, *found.input_shape), np.uint8), threads=1)
    modelfile.save(found, path)
    return TAKEN


def program(rng, folder):
    """A program: read, its images/s computed, and run on the program simulator."""
    data = inputs.program(rng)
    found = refused(programs.ProgramFileError, lambda: programs.from_bytes(data, "p.program"))
    if found is None:
        return REFUSED
    throughput(found, 1e8, 115200)
    simulator = Simulator(found.design)
    simulator.load(found)
    if math.prod(found.input.sent) * found.input.passes < COMPUTED:
        picture = np.ones((1, *found.input.shape), np.uint8)
        refused(ProgramError, lambda: host.infer(simulator, found, picture))
    return TAKEN


def board(rng, folder):
    """A board file: loaded as the compiler and the driver do, and as a build does."""
    path = folder / "mine.toml"
    path.write_bytes(inputs.board(rng))
    found = refused(BoardError, lambda: boards.load(str(path)))
    if found is None:
        return REFUSED
    assert found.title.isprintable() and found.rates.clock_hz > 0 and found.divisor >= 0
    made = refused(ValueError, lambda: target.load(str(path)))
    if made is not None:
        for pin in made.pins:
            assert pin.port.isidentifier() and pin.site.isalnum() and pin.type.isidentifier()
    return TAKEN


def picture(rng, folder):
    """A picture or an array."""
    ending, data = inputs.picture(rng)
    path = folder / f"p.{ending}"
    path.write_bytes(data)
    shape = rng.choice((inputs.SHAPE, (3, 6, 8), (1, 28, 28)))
    fit = rng.random() < 0.7
    found = refused(PictureError, lambda: images.load(path, shape, fit))
    path.unlink()
    if found is None:
        return REFUSED
    assert found.images.shape[1:] == shape and found.images.dtype == np.uint8
    return TAKEN


def label(rng, folder):
    """Labels."""
    path = folder / "labels"
    path.write_bytes(inputs.label(rng))
    found = refused(PictureError, lambda: load_labels(path, inputs.CLASSES))
    if found is None:
        return REFUSED
    assert found.dtype == np.int64 and (found >= 0).all() and (found < len(inputs.CLASSES)).all()
    return TAKEN


def checkpoint(rng, folder):
    """A checkpoint, as --init and --teacher read it."""
    from tests.fuzz import checkpoints
    from volley.model import train

    path = folder / "c.ckpt"
    path.write_bytes(checkpoints.checkpoint(rng))
    found = refused(checkpoints.REFUSALS, lambda: train.from_checkpoint(path, "mnist"))
    return REFUSED if found is None else TAKEN


def command_line(rng, folder):
    """A command line, in this process."""
    name, main, arguments = command_lines.draw(rng, folder)
    out, err, before = io.StringIO(), io.StringIO(), sys.argv[0]
    sys.argv[0] = f"volley {name}"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(arguments)
            except SystemExit as exit:
                code = exit.code
    finally:
        sys.argv[0] = before
    said = err.getvalue()
    assert code in (0, 1, 2, 3, 4), f"exit code {code} of {arguments}"
    assert "Traceback" not in said, said[-300:]
    assert code == 0 or said.strip(), f"no word about exit code {code} of {arguments}"
    assert all(c.isprintable() or c in "\n\t\r" for c in said + out.getvalue()), ascii(said[-300:])
    return TAKEN if code == 0 else REFUSED


KINDS = {
    "models": (model, 20_000),
    "programs": (program, 5_000),
    "board files": (board, 5_000),
    "pictures": (picture, 10_000),
    "labels": (label, 2_000),
    "checkpoints": (checkpoint, 2_000),
    "command lines": (command_line, 2_000),
}
"""Name: what is done, and how many of them ``make fuzz`` does."""
