"""Models, pictures and labels in a folder, and ``host/infer.py`` run on them in this process."""

import numpy as np

from tests.support.random_models import random_model
from volley.firmware import modelfile
from volley.host import infer
from volley.model import golden

COUNT = 4


def convolution():
    """A model with a convolution, a dense layer and a readout."""
    return next(
        model
        for model in (random_model(seed, layers=3, readout=True, news=False) for seed in range(200))
        if [layer["kind"] for layer in model.meta["layers"]] == ["conv", "dense", "dense"]
        and len(model.meta["classes"]) > 1
    )


class InferFiles:
    """A model, its pictures and labels in a folder, and what the golden model makes of them."""

    def __init__(self, folder, model=None):
        model = model or convolution()
        self.folder = folder
        self.model = model.save(folder / "model.safetensors")
        self.loaded = modelfile.load(self.model)
        self.images = model.images(COUNT)
        np.save(folder / "images.npy", self.images)
        self.wanted = golden.run(self.loaded, self.images)
        np.save(folder / "labels.npy", self.wanted.labels)

    def arguments(self, port, *more, model=None):
        return [
            "--port",
            port,
            "--model",
            str(model or self.model),
            "--images",
            str(self.folder / "images.npy"),
            "--labels",
            str(self.folder / "labels.npy"),
            *more,
        ]


def run(arguments, capsys, code=0):
    """Output of infer.py; for an exit code of 2, the one line of error."""
    try:
        found = infer.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        found = exit.code
    output = capsys.readouterr()
    assert found == code, output.err
    return output.err if code == infer.BAD_INPUT else output.out


def error(arguments, capsys, *texts):
    """The error of a command that must fail with exit code 2 and say all of ``texts``."""
    message = run(arguments, capsys, infer.BAD_INPUT)
    assert "Traceback" not in message
    for text in texts:
        assert text in message
    return message
