"""Programs from files: a compiled image as it is, a model file compiled for the design at hand."""

from __future__ import annotations

from pathlib import Path

from firmware import compile as compiler
from firmware import image, modelfile
from firmware.design import Design
from firmware.image import Program

MODEL_SUFFIX = ".safetensors"


def load(path, design: Design) -> tuple[Program, modelfile.Model | None]:
    """The program in a file, for a design, and the model where the file is a model file.

    Raises ``image.ImageError``, ``modelfile.ModelError``, ``FitError`` (all ``ValueError``) or
    ``OSError``.
    """
    if is_image(path):
        return image.load(path), None
    model = modelfile.load(path)
    return compiler.compile_model(model, design), model


def is_image(path) -> bool:
    """Whether a file is a program image; a file that is not there is none."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(image.MAGIC)) == image.MAGIC
