"""Random small models and pictures for tests, drawn by hypothesis or a seed."""

import numpy as np
from hypothesis import strategies as st

from volley.firmware.isa import MEMBRANE_MAX, MEMBRANE_MIN
from volley.firmware.modelfile import Layer, Model, validate


@st.composite
def models(draw, max_ticks=8, max_channels=12, max_side=9, max_layers=4):
    """A valid Model of one to max_layers layers: odd sizes, both resets, values at both ends."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.integers(1, 4))
    shape = (channels, draw(st.integers(1, max_side)), draw(st.integers(1, max_side)))
    model = Model(
        "random",
        draw(st.integers(1, max_ticks)),
        draw(st.integers(0, 8)),
        draw(st.sampled_from(["soft", "hard"])),
        *shape,
        draw(st.integers(1, 8)),
        [],
    )
    count = draw(st.integers(1, max_layers))
    dense_from = draw(st.integers(0, count))
    for index in range(count):
        conv = index < dense_from
        readout = index == count - 1 and not conv and draw(st.booleans())
        even = conv and shape[1] % 2 == 0 and shape[2] % 2 == 0
        kernel = draw(st.sampled_from([1, 3])) if conv else 1
        layer = Layer(
            f"layer{index}",
            "conv" if conv else "dense",
            shape[0] if conv else int(np.prod(shape)),
            draw(st.integers(1, max_channels)),
            kernel,
            kernel // 2,
            encode=index == 0,
            pool=draw(st.sampled_from([1, 2])) if even else 1,
            readout=readout,
        )
        fill(draw, rng, model, layer)
        model.layers.append(layer)
        model.classes = [str(i) for i in range(layer.outputs)]
        validate(model)
        shape = layer.out_shape
    return model


def fill(draw, rng, model, layer):
    """Draw a layer's arrays: mostly values that make it fire now and then, some at the ends."""
    out = layer.outputs
    layer.weight = rng.choice(np.array([-1, 1], np.int8), layer.weight_shape)
    terms = layer.weight[0].size
    spread = 2**model.fraction_bits * terms**0.5 * (2**model.bits if layer.encode else 1)
    extreme = draw(st.sampled_from([0.0, 0.0, 0.2, 1.0]))

    def values(usual, ends, low=MEMBRANE_MIN):
        at_end = rng.random(out) < extreme
        chosen = np.where(at_end, rng.choice(ends, out), usual)
        return np.clip(np.rint(chosen), low, MEMBRANE_MAX).astype(np.int32)

    layer.bias = values(
        rng.normal(0, spread / 3, out) * rng.choice([0, 1], out),
        [MEMBRANE_MIN, -1, 0, 1, MEMBRANE_MAX],
    )
    if not layer.readout:
        layer.threshold = values(rng.uniform(0.2, 2, out) * spread, [1, 2, MEMBRANE_MAX], low=1)
        layer.v_init = values(layer.threshold / 2, [MEMBRANE_MIN, 0, MEMBRANE_MAX])


def pictures(model, count, seed=0):
    """Pictures uint8 [count,C,H,W] for a model: noise, with one all dark and one all bright."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2**model.bits, (count, model.channels, model.height, model.width))
    x[:1] = 0
    x[1:2] = 2**model.bits - 1
    return x.astype(np.uint8)
