"""Small random models that reach the corners of the model format, for property tests.

``random_model(seed)`` draws one from a seed; ``models()`` is the hypothesis strategy, which draws
the shape through hypothesis (so that it shrinks) and the contents from a seed. Both give a
``RandomModel``: write it with ``save`` and read it with firmware.modelfile, like anybody's file.
The file is written here from the format's description alone, not with Volley's own writer.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import save_file

from volley.firmware import modelfile, network_text
from volley.firmware.isa import LANES, MAX_LEAK, MAX_TICKS, MEMBRANE_MAX, MEMBRANE_MIN

TOP, BOTTOM = MEMBRANE_MAX, MEMBRANE_MIN
FRACTION_BITS_MAX = 8


@dataclass
class RandomModel:
    """``meta``: the JSON object of metadata key ``volley``; ``tensors``: {name: array}.

    ``seed`` made the contents and makes the pictures.
    """

    meta: dict
    tensors: dict
    seed: int

    def save(self, path):
        """Writes the model file; returns ``path``."""
        save_file(self.tensors, str(path), metadata={"volley": json.dumps(self.meta)})
        return path

    def model(self):
        """The ``firmware.modelfile.Model``, by way of a file."""
        with tempfile.TemporaryDirectory() as folder:
            return modelfile.load(self.save(Path(folder) / "model.safetensors"))

    @property
    def input_shape(self):
        """(channels, height, width), of spikes ticks first."""
        shape = self.meta["input"]
        ticks = (self.meta["ticks"],) if shape.get("kind") == "spikes" else ()
        return *ticks, shape["channels"], shape["height"], shape["width"]

    def images(self, count):
        """uint8 [count, ...]: noise, all 0, all at the top, a sparse picture, and again noise."""
        rng = np.random.default_rng(self.seed + 1)
        shape = self.meta["input"]
        top = shape["most"] if shape.get("kind") == "spikes" else 2 ** shape["bits"] - 1
        images = rng.integers(0, top + 1, (count, *self.input_shape), dtype=np.uint8)
        images[1:2] = 0
        images[2:3] = top
        images[3:4] *= rng.integers(0, 4, images[3:4].shape, dtype=np.uint8) == 0
        return images

    def __repr__(self):
        return f"RandomModel(seed={self.seed}, {json.dumps(self.meta)})"


def _channels(integer, most):
    """A number of channels: odd ones, powers of two and their neighbours."""
    near = [n for n in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40) if n <= most]
    return near[integer(0, len(near) - 1)]


def _shape(integer, options):
    """Metadata of a model; ``integer(low, high)`` draws, 0 or low being the simplest choice."""
    channels = options["channels"] or (1, 3, 2, 5)[integer(0, 3)]
    height, width = integer(1, options["size"]), integer(1, options["size"])
    count = options["layers"] or integer(1, 4)
    readout = options["readout"]
    readout = bool(integer(0, 1)) if readout is None else readout
    news = options["news"] and bool(integer(0, 3))
    meta = {
        "format": 1 + news,
        "name": "random",
        "ticks": options["ticks"] or integer(1, (LANES, options["most_ticks"])[integer(0, 1)]),
        "fraction_bits": integer(0, FRACTION_BITS_MAX),
        "reset": options["reset"] or ("soft", "hard")[integer(0, 1)],
        "input": {"channels": channels, "height": height, "width": width, "bits": 8},
        "layers": [],
    }
    most = count - 1 if readout else count
    convs = most if options["convs"] else integer(0, most)
    for k in range(count):
        last = k == count - 1
        layer = {"name": f"layer{k}", "kind": "conv" if k < convs else "dense"}
        layer["in"] = channels if k < convs else channels * height * width
        layer["out"] = _channels(integer, options["outputs"])
        if k < convs:
            kernel = (3, 1)[integer(0, 1)]
            layer.update(kernel=kernel, padding=kernel // 2)
            if news and k == 0 and integer(0, 1):
                layer.update(_first_kernel(integer, min(height, width)))
                height, width = (map_size(n, layer) for n in (height, width))
            even = height % 2 == 0 and width % 2 == 0
            pools = even or news and min(height, width) > 1
            layer["pool"] = 1 + integer(0, int(pools))
            if news and k == convs - 1 < count - 1 and integer(0, 1):
                sizes = [n for n in range(1, 10) if height % n == 0 and width % n == 0]
                layer.update(pool=sizes[integer(0, len(sizes) - 1)], pool_kind="mean")
            height, width = height // layer["pool"], width // layer["pool"]
        else:
            height = width = 1
        channels = layer["out"]
        if k == 0:
            layer["encode"] = True
        if last and readout:
            layer["readout"] = True
        if news:
            _news_of_layer(integer, layer)
        meta["layers"].append(layer)
    votes = 1
    if news:
        divisors = [n for n in range(1, channels + 1) if channels % n == 0]
        votes = meta["votes"] = divisors[integer(0, min(3, len(divisors) - 1))]
    meta["classes"] = [f"class {c}" for c in range(channels // votes)]
    meta["input"]["bits"] = options["bits"] or integer(1, 8)
    if news and options["spikes"] in (None, True) and (options["spikes"] or integer(0, 1)):
        del meta["input"]["bits"], meta["layers"][0]["encode"]
        meta["input"].update(kind="spikes", most=(1, 2, 1, 5)[integer(0, 3)])
    return meta


def _first_kernel(integer, room):
    """kernel, padding and stride of a first layer on a map with ``room`` rows and columns at least."""
    kernel = (2, 5, 3, 4, 1)[integer(0, 4)]
    padding = integer(0, kernel - 1)
    while room + 2 * padding < kernel:
        kernel, padding = kernel - 1, min(padding, kernel - 2)
    return {"kernel": kernel, "padding": padding, "stride": integer(1, 3)}


def map_size(size, layer):
    """Rows or columns that a convolution makes of so many."""
    return (size + 2 * layer["padding"] - layer["kernel"]) // layer["stride"] + 1


def _news_of_layer(integer, layer):
    """Keys that any layer of format 2 may have."""
    if integer(0, 1):
        layer["fraction_bits"] = integer(0, FRACTION_BITS_MAX)
    if not layer.get("readout") and integer(0, 2):
        layer["leak"] = integer(0, MAX_LEAK)
        layer["leak_first"] = bool(integer(0, 1))


def fan_in(layer):
    """Inputs of one neuron of a layer of the metadata."""
    return layer["in"] * layer.get("kernel", 1) ** 2


def _neurons(rng, layer, fraction_bits, mean_of):
    """bias, threshold and v_init, int32 [out]: most where neurons fire now and then."""
    out = layer["out"]
    fraction_bits = layer.get("fraction_bits", fraction_bits)
    spread = fan_in(layer) ** 0.5 * (1 << fraction_bits) * (128 if "encode" in layer else 0.5)
    bias = np.round(rng.normal(0, spread, out)).astype(np.int64)
    bias[rng.random(out) < 0.2] = 0
    threshold = 1 + np.round(np.abs(rng.normal(0, spread, out))).astype(np.int64)
    v_init = np.round(rng.normal(0, spread / 2, out)).astype(np.int64)
    top, bottom = TOP // mean_of, -(-BOTTOM // mean_of)
    for values, low in ((bias, bottom), (threshold, 1), (v_init, bottom)):
        values[rng.random(out) < 0.08] = low
        values[rng.random(out) < 0.08] = top
        np.clip(values, low, top, out=values)
    return (values.astype(np.int32) for values in (bias, threshold, v_init))


def _contents(meta, seed):
    """Tensors for the metadata."""
    rng = np.random.default_rng(seed)
    tensors, mean_of = {}, 1
    for layer in meta["layers"]:
        name = layer["name"]
        bits = rng.integers(0, 2, (layer["out"], fan_in(layer)), dtype=np.uint8)
        # some outputs like one sign, so that psums reach far from 0
        bits[rng.random(layer["out"]) < 0.15] |= 1
        tensors[f"{name}.weight"] = np.packbits(bits, axis=1, bitorder="little")
        bias, threshold, v_init = _neurons(rng, layer, meta["fraction_bits"], mean_of)
        mean_of = layer["pool"] ** 2 if layer.get("pool_kind") == "mean" else 1
        tensors[f"{name}.bias"] = bias
        if not layer.get("readout"):
            tensors[f"{name}.threshold"] = threshold
            tensors[f"{name}.v_init"] = v_init
    return tensors


def _options(
    layers=None,
    ticks=None,
    reset=None,
    readout=None,
    channels=None,
    size=9,
    outputs=40,
    convs=False,
    bits=8,
    most_ticks=MAX_TICKS,
    news=True,
    spikes=None,
):
    """Keyword arguments that ``random_model`` and ``models`` share; None draws at random.

    layers: 1 to 4. ticks: 1..32. reset: "soft" or "hard". readout: whether the last layer is one.
    channels: of the picture. size: the largest height and width. outputs: the most channels of a
    layer (at least 1). convs: every layer but a readout is a convolution. bits: of a pixel, 1 to 8.
    most_ticks: drawn at most. news: with what format 2 has. spikes: whether the input is spikes.
    """
    return dict(
        layers=layers,
        ticks=ticks,
        reset=reset,
        readout=readout,
        channels=channels,
        size=size,
        outputs=outputs,
        convs=convs,
        bits=bits,
        most_ticks=most_ticks,
        news=news,
        spikes=spikes,
    )


def pictures(model, count, seed=0):
    """uint8 [count, ...] for a ``Model``: noise, the first all 0, the second all at the top."""
    rng = np.random.default_rng(seed)
    top = model.most if model.kind == "spikes" else 2**model.bits - 1
    images = rng.integers(0, top + 1, (count, *model.input_shape)).astype(np.uint8)
    images[:1] = 0
    images[1:2] = top
    return images


def random_model(seed, **options):
    """A RandomModel from an integer; see ``_options`` for what can be fixed."""
    rng = np.random.default_rng(seed)
    meta = _shape(lambda low, high: int(rng.integers(low, high + 1)), _options(**options))
    return RandomModel(meta, _contents(meta, seed), seed)


@st.composite
def models(draw, **options):
    """Hypothesis strategy of RandomModel; see ``_options`` for what can be fixed."""
    meta = _shape(lambda low, high: draw(st.integers(low, high)), _options(**options))
    seed = draw(st.integers(0, 2**32 - 1))
    return RandomModel(meta, _contents(meta, seed), seed)


def network(text, input_shape, seed=0, ticks=8):
    """A RandomModel of a network like "64C3-P2-128-10": the last number is a readout."""
    channels, height, width = input_shape
    meta = {
        "format": 1, "name": text, "ticks": ticks, "fraction_bits": 4, "reset": "soft",
        "input": {"channels": channels, "height": height, "width": width, "bits": 8}, "layers": [],
    }  # fmt: skip
    specs = network_text.parse(text, input_shape)
    for k, spec in enumerate(specs):
        conv, (channels, height, width) = spec.kind == "conv", spec.in_shape
        layer = {"name": spec.name, "kind": spec.kind, "out": spec.outputs}
        layer["in"] = channels if conv else channels * height * width
        if conv:
            layer.update(kernel=spec.kernel, padding=spec.kernel // 2, pool=spec.pool)
        if k == 0:
            layer["encode"] = True
        if spec.readout:
            layer["readout"] = True
        meta["layers"].append(layer)
    meta["classes"] = [f"class {c}" for c in range(specs[-1].outputs)]
    return RandomModel(meta, _contents(meta, seed), seed)
