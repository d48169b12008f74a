"""A valid model of three layers, for tests of the model file."""

import numpy as np

from volley.firmware.modelfile import Layer, Model


def set_key(text, keys, value):
    """Gives a key of the JSON object ``text``, named by its path, another value."""
    for key in keys[:-1]:
        text = text[key]
    text[keys[-1]] = value


def small_model():
    """A valid model of three layers: conv with pooling, dense, readout."""

    def arrays(out):
        return dict(
            bias=np.zeros(out, np.int32),
            threshold=np.full(out, 40, np.int32),
            v_init=np.full(out, 20, np.int32),
        )

    rng = np.random.default_rng(1)

    def signs(*shape):
        return rng.choice(np.array([-1, 1], np.int8), shape)

    return Model(
        "small",
        8,
        4,
        "soft",
        2,
        6,
        4,
        8,
        ["a", "b", "c"],
        [
            Layer("conv1", "conv", 2, 5, 3, 1, True, 2, weight=signs(5, 2, 3, 3), **arrays(5)),
            Layer("fc1", "dense", 30, 7, weight=signs(7, 30), **arrays(7)),
            Layer(
                "fc2", "dense", 7, 3, readout=True, weight=signs(3, 7), bias=np.zeros(3, np.int32)
            ),
        ],
    )
