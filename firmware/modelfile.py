"""The model file: the one reader, writer and validator of a Volley network.

A model file is one safetensors file. For each layer NAME it holds

    NAME.weight     uint8 [out, ceil(n/8)]  bit 1 = +1, bit 0 = -1, little bit order, the n bits in
                                            the order (in, ky, kx) for conv, (c, y, x) for dense
    NAME.bias       int32 [out]             24 bits signed
    NAME.threshold  int32 [out]             1..2^23-1; absent on the readout
    NAME.v_init     int32 [out]             24 bits signed; absent on the readout

and in its metadata, under the key ``volley``, a JSON text that describes the network. ``Model`` and
``Layer`` mirror that text. Every file that breaks a rule raises ``ModelError``, which names the
tensor or key, what was found and what is allowed.

This module needs numpy and safetensors, and of the contract two limits.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from volley.firmware import json_text
from volley.firmware.files import write_whole
from volley.firmware.isa import MAX_LEAK, MAX_TICKS, MEMBRANE_MAX, MEMBRANE_MIN

FORMATS = (1, 2)
KEY = "volley"
MAX_FRACTION_BITS = 8
MAX_SIZE = 65535  # of a map's side, and of a number of channels
RESETS = ("soft", "hard")
KINDS = ("conv", "dense")
INPUTS = ("picture", "spikes")
POOLS = ("or", "mean")
MAX_KERNEL = 255  # of a first layer, and its stride
MAX_COUNT = 255  # spikes of an input in a tick

_MODEL_KEYS = {"format", "name", "ticks", "fraction_bits", "reset", "input", "classes", "layers"}
_INPUT_KEYS = {
    "picture": {"channels", "height", "width", "bits"},
    "spikes": {"channels", "height", "width"},
}
_LAYER_KEYS = {"name", "kind", "in", "out", "kernel", "padding", "encode", "pool", "readout"}
_LAYER_KEYS_2 = {"fraction_bits", "leak", "leak_first", "stride", "pool_kind"}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class ModelError(ValueError):
    """A model that breaks a rule; says which tensor or key, what was found, what is allowed."""


@dataclass
class Layer:
    """One layer. Order inside a layer: psum, fire, pool.

    fraction_bits: None for the model's. leak: shift of the leak, 0: none; leak_first: a soft reset
    comes after it. pool_kind: "or", or "mean" before a dense layer.

    weight: int8 -1/+1, conv [out, in, k, k], dense [out, n]; bias int32 [out]; threshold and
    v_init int32 [out], None on the readout. The three shapes are (C, H, W) and are filled in by
    ``load`` and ``validate``: of the input, of the map before pooling, and after pooling. The map
    before pooling has no row or column that pooling leaves out. mean_of, filled in as well: spikes
    that each input is the mean of.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    kernel: int = 1
    padding: int = 0
    encode: bool = False
    pool: int = 1
    readout: bool = False
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    threshold: np.ndarray | None = None
    v_init: np.ndarray | None = None
    fraction_bits: int | None = None
    leak: int = 0
    leak_first: bool = False
    stride: int = 1
    pool_kind: str = "or"
    in_shape: tuple[int, int, int] = (0, 0, 0)
    map_shape: tuple[int, int, int] = (0, 0, 0)
    out_shape: tuple[int, int, int] = (0, 0, 0)
    mean_of: int = 1

    @property
    def plain(self) -> bool:
        """Whether the array computes the layer's kernel as it is: 1x1, or 3x3 with padding 1."""
        kernel = (self.kernel, self.padding, self.stride)
        return self.kind == "dense" or kernel in ((1, 0, 1), (3, 1, 1))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of ``weight``: [out, in, k, k] or [out, n]."""
        if self.kind == "conv":
            return (self.outputs, self.inputs, self.kernel, self.kernel)
        return (self.outputs, self.inputs)


@dataclass
class Model:
    """A network: input pictures are unsigned, of ``bits`` bits, shape (channels, height, width).

    kind: "picture", or "spikes": then the input is a picture of spikes for each tick, counts of up to
    ``most``. votes: outputs of a class; their scores are added up.
    A model whose last layer is no readout scores by spike count, per output channel.
    """

    name: str
    ticks: int
    fraction_bits: int
    reset: str
    channels: int
    height: int
    width: int
    bits: int
    classes: list[str]
    layers: list[Layer] = field(default_factory=list)
    kind: str = "picture"
    most: int = 1
    votes: int = 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width) of a picture; of spikes, the ticks before them."""
        shape = (self.channels, self.height, self.width)
        return shape if self.kind == "picture" else (self.ticks, *shape)

    def fraction_bits_of(self, layer: Layer) -> int:
        """Fraction bits of a layer."""
        return self.fraction_bits if layer.fraction_bits is None else layer.fraction_bits


def load(path) -> Model:
    """Read and validate the model file at ``path``; ``ModelError`` when it is not a good one."""
    try:
        return _load(Path(path))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _load(path):
    if not path.exists():
        raise ModelError("no such file; a model file (.safetensors) is needed")
    if path.is_dir():
        raise ModelError("is a folder; a model file (.safetensors) is needed")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            names = set(file.keys())
            if KEY not in metadata:
                found = ", ".join(sorted(metadata)) or "none"
                raise ModelError(
                    f"metadata key {KEY!r} is missing (keys found: {found}); "
                    "this safetensors file is not a Volley model"
                )
            model, version = _from_json(metadata[KEY])
            if version == 1:
                _validate_kernels(model)
            _validate_description(model)
            news = news_of(model)
            if version == 1 and news:
                raise ModelError(f"key 'format': found 1, with {news[0]}; allowed: 2")
            for layer in model.layers:
                _read_tensors(file, names, layer)
    except SafetensorError as error:
        raise ModelError(
            f"not a safetensors file, or a truncated one ({error}; {path.stat().st_size} bytes)"
        ) from None
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})") from None
    if names:
        raise ModelError(
            f"tensor {min(names)!r}: belongs to no layer; allowed: NAME.weight, "
            "NAME.bias and, on firing layers, NAME.threshold and NAME.v_init"
        )
    for layer in model.layers:
        _validate_arrays(layer)
    return model


def save(model: Model, path) -> None:
    """Validate ``model`` and write it to ``path``, by way of a temporary file beside it."""
    validate(model)
    tensors = {}
    for layer in model.layers:
        assert layer.weight is not None, "validated above"
        bits = (layer.weight.reshape(layer.outputs, -1) > 0).astype(np.uint8)
        tensors[f"{layer.name}.weight"] = np.packbits(bits, axis=1, bitorder="little")
        for key in _parameters(layer):
            tensors[f"{layer.name}.{key}"] = np.ascontiguousarray(getattr(layer, key))
    write_whole(path, to_bytes(tensors, {KEY: json.dumps(_to_json(model))}))


def validate(model: Model) -> None:
    """Check every rule of the format and fill in each layer's shapes; ``ModelError`` otherwise."""
    _validate_description(model)
    for layer in model.layers:
        _validate_arrays(layer)


def _validate_description(model):
    """Check all but the arrays, which need not be there yet; fill in each layer's shapes."""
    _text("name", model.name)
    _number("ticks", model.ticks, 1, MAX_TICKS)
    _number("fraction_bits", model.fraction_bits, 0, MAX_FRACTION_BITS)
    _choice("reset", model.reset, RESETS)
    _number("input.channels", model.channels, 1, MAX_SIZE)
    _number("input.height", model.height, 1, MAX_SIZE)
    _number("input.width", model.width, 1, MAX_SIZE)
    _number("input.bits", model.bits, 1, 8)
    _choice("input.kind", model.kind, INPUTS)
    _number("input.most", model.most, 1, MAX_COUNT if model.kind == "spikes" else 1)
    _number("votes", model.votes, 1, MAX_SIZE)
    if not isinstance(model.classes, list) or not all(isinstance(c, str) for c in model.classes):
        raise ModelError(f"key 'classes': found {model.classes!r:.80}; allowed: a list of texts")
    if not model.layers:
        raise ModelError("key 'layers': found none; allowed: one layer or more")
    shape, seen, before = (model.channels, model.height, model.width), set(), None
    for index, layer in enumerate(model.layers):
        encodes = index == 0 and model.kind == "picture"
        shape = _validate_layer(
            layer, index, index == len(model.layers) - 1, shape, encodes, before
        )
        before = layer
        if layer.name in seen:
            raise ModelError(
                f"key 'layers[{index}].name': {layer.name!r} is used twice; allowed: "
                "a name of its own for each layer"
            )
        seen.add(layer.name)
    if len(model.classes) * model.votes != model.layers[-1].outputs:
        raise ModelError(
            f"key 'classes': found {len(model.classes)} classes; the last layer "
            f"{model.layers[-1].name!r} has {model.layers[-1].outputs} outputs; "
            f"allowed: one class for {model.votes} output(s), as votes says"
        )


def _validate_kernels(model):
    """Check the kernels of a file of format 1, which has none but the array's."""
    for index, layer in enumerate(model.layers):
        where = f"layers[{index}] ({layer.name})"
        if layer.kind == "conv":
            _choice(f"{where}.kernel", layer.kernel, (1, 3))
            _choice(f"{where}.padding", layer.padding, (layer.kernel // 2,))


def _validate_layer(layer, index, is_last, shape, encodes, before):
    """Check one layer against its input shape (C,H,W), fill in its shapes, return the output's.

    encodes: whether it must be an encoding one. before: the layer before, or None.
    """
    where = f"layers[{index}]"
    _text(f"{where}.name", layer.name)
    if not _NAME.fullmatch(layer.name):
        raise ModelError(
            f"key '{where}.name': found {layer.name!r}; allowed: letters, digits, '_', '.', '-'"
        )
    where = f"{where} ({layer.name})"
    _choice(f"{where}.kind", layer.kind, KINDS)
    _number(f"{where}.out", layer.outputs, 1, MAX_SIZE)
    _number(f"{where}.in", layer.inputs, 1, MAX_SIZE * MAX_SIZE)
    for key in ("encode", "readout", "leak_first"):
        if not isinstance(getattr(layer, key), bool):
            raise ModelError(
                f"key '{where}.{key}': found {getattr(layer, key)!r}; allowed: true, false"
            )
    if layer.fraction_bits is not None:
        _number(f"{where}.fraction_bits", layer.fraction_bits, 0, MAX_FRACTION_BITS)
    _number(f"{where}.leak", layer.leak, 0, 0 if layer.readout else MAX_LEAK)
    _choice(f"{where}.pool_kind", layer.pool_kind, POOLS)
    if layer.pool_kind == "mean":
        _number(f"{where}.pool", layer.pool, 1, MAX_SIZE)
    else:
        _choice(f"{where}.pool", layer.pool, (1, 2))
    if index == 0 and layer.kind == "conv":
        _number(f"{where}.kernel", layer.kernel, 1, MAX_KERNEL)
        _number(f"{where}.padding", layer.padding, 0, layer.kernel - 1)
        _number(f"{where}.stride", layer.stride, 1, MAX_KERNEL)
    else:
        _choice(f"{where}.kernel", layer.kernel, (1, 3) if layer.kind == "conv" else (1,))
        _choice(f"{where}.padding", layer.padding, (layer.kernel // 2,))
        _choice(f"{where}.stride", layer.stride, (1,))
    if layer.encode != encodes:
        raise ModelError(
            f"key '{where}.encode': found {str(layer.encode).lower()}; allowed: true "
            "on the first layer of a picture, and only there"
        )
    if layer.readout and not is_last:
        raise ModelError(f"key '{where}.readout': found true; allowed on the last layer only")
    if layer.readout and (layer.kind != "dense" or layer.pool != 1):
        raise ModelError(
            f"key '{where}.readout': found true on a {layer.kind} layer with pool "
            f"{layer.pool}; allowed: a dense layer without pooling"
        )
    wanted = shape[0] if layer.kind == "conv" else math.prod(shape)
    if layer.inputs != wanted:
        raise ModelError(
            f"key '{where}.in': found {layer.inputs}; the map before it is "
            f"{'x'.join(map(str, shape))} (channels, height, width); allowed: {wanted}"
        )
    layer.in_shape = shape
    height, width = (
        [(n + 2 * layer.padding - layer.kernel) // layer.stride + 1 for n in shape[1:]]
        if layer.kind == "conv"
        else (1, 1)
    )
    if min(height, width) < 1:
        raise ModelError(
            f"key '{where}.kernel': found {layer.kernel} on a map of {shape[1]}x{shape[2]} with "
            f"padding {layer.padding}; allowed: a kernel that has room"
        )
    if min(height, width) < layer.pool:
        raise ModelError(
            f"key '{where}.pool': found {layer.pool} on a map of {height}x{width}; allowed: 1"
            + (", or what divides both" if layer.pool_kind == "mean" else "")
        )
    if layer.pool_kind == "mean" and (is_last or height % layer.pool or width % layer.pool):
        raise ModelError(
            f"key '{where}.pool': found a mean of {layer.pool} on a map of {height}x{width}; allowed: "
            "what divides both, and not on the last layer"
        )
    layer.mean_of = before.pool**2 if before and before.pool_kind == "mean" else 1
    if layer.mean_of > 1 and layer.kind != "dense":
        raise ModelError(f"key '{where}.kind': found 'conv' behind a mean; allowed: a dense layer")
    kept = [n // layer.pool * layer.pool for n in (height, width)]
    layer.map_shape = (layer.outputs, *kept)
    layer.out_shape = (layer.outputs, height // layer.pool, width // layer.pool)
    return layer.out_shape


def _validate_arrays(layer):
    """Check dtype, shape and range of a layer's arrays."""
    _array(f"{layer.name}.weight", layer.weight, np.int8, layer.weight_shape)
    if not np.isin(layer.weight, (-1, 1)).all():
        raise ModelError(f"tensor '{layer.name}.weight': found values other than -1 and +1")
    wanted = _parameters(layer)
    for key in ("bias", "threshold", "v_init"):
        values, name = getattr(layer, key), f"{layer.name}.{key}"
        if key not in wanted:
            if values is not None:
                raise ModelError(
                    f"tensor '{name}': found on the readout, which never fires; allowed: absent"
                )
            continue
        _array(name, values, np.int32, (layer.outputs,))
        low = 1 if key == "threshold" else -(-MEMBRANE_MIN // layer.mean_of)
        high = MEMBRANE_MAX // layer.mean_of
        wrong = np.flatnonzero((values < low) | (values > high))
        if len(wrong):
            raise ModelError(
                f"tensor '{name}': found {values[wrong[0]]} at output {wrong[0]}; "
                f"allowed: {low} to {high}"
                + (f" behind a mean of {layer.mean_of}" if layer.mean_of > 1 else "")
            )


def _parameters(layer):
    """Names of the layer's int32 tensors."""
    return ("bias",) if layer.readout else ("bias", "threshold", "v_init")


def _array(name, values, dtype, shape):
    if values is None:
        raise ModelError(
            f"tensor '{name}': missing; allowed: {np.dtype(dtype)} of shape {list(shape)}"
        )
    if not isinstance(values, np.ndarray) or values.dtype != dtype or values.shape != tuple(shape):
        found = (
            f"{values.dtype} of shape {list(values.shape)}"
            if isinstance(values, np.ndarray)
            else type(values).__name__
        )
        raise ModelError(
            f"tensor '{name}': found {found}; allowed: {np.dtype(dtype)} of shape {list(shape)}"
        )


def _number(key, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ModelError(
            f"key '{key}': found {value!r:.80}; allowed: a whole number {low} to {high}"
        )


def _choice(key, value, allowed):
    if type(value) not in {type(one) for one in allowed} or value not in allowed:
        raise ModelError(
            f"key '{key}': found {value!r:.80}; allowed: {', '.join(map(repr, allowed))}"
        )


def _text(key, value):
    if not isinstance(value, str) or not value:
        raise ModelError(f"key '{key}': found {value!r:.80}; allowed: a text that is not empty")


def _keys(where, found, allowed, needed):
    """Check that ``found`` is a JSON object with the needed keys and none beyond the allowed."""
    if not isinstance(found, dict):
        raise ModelError(f"key '{where}': found {found!r:.80}; allowed: a JSON object")
    for key in sorted(needed - found.keys()):
        raise ModelError(f"key '{where}.{key}': missing")
    for key in sorted(found.keys() - allowed):
        raise ModelError(f"key '{where}.{key}': unknown; allowed: {', '.join(sorted(allowed))}")


def _from_json(text):
    """(Model without arrays, format) of the metadata text; values are checked by ``validate``."""
    try:
        top = json_text.parse(text)
    except json_text.JsonError as error:
        raise ModelError(f"metadata key {KEY!r}: {error}") from None
    version = top.get("format") if isinstance(top, dict) else 0
    if isinstance(top, dict) and (type(version) is not int or version not in FORMATS):
        raise ModelError(
            f"key 'format': found {top.get('format')!r}; allowed: 1, 2; the file "
            "is of another version of the format"
        )
    new = version == 2
    _keys(KEY, top, _MODEL_KEYS | ({"votes"} if new else set()), _MODEL_KEYS)
    kind = (
        top["input"].get("kind", "picture") if new and isinstance(top["input"], dict) else "picture"
    )
    _choice("input.kind", kind, INPUTS)
    needed = _INPUT_KEYS[kind]
    more = {"kind"} | ({"most"} if kind == "spikes" else set()) if new else set()
    _keys("input", top["input"], needed | more, needed)
    if not isinstance(top["layers"], list):
        raise ModelError(f"key 'layers': found {top['layers']!r:.80}; allowed: a list of objects")
    layers = []
    for index, entry in enumerate(top["layers"]):
        _keys(
            f"layers[{index}]",
            entry,
            _LAYER_KEYS | (_LAYER_KEYS_2 if new else set()),
            {"name", "kind", "in", "out"},
        )
        kernel = entry.get("kernel", 1)
        layers.append(
            Layer(
                entry["name"],
                entry["kind"],
                entry["in"],
                entry["out"],
                kernel,
                entry.get("padding", kernel // 2 if isinstance(kernel, int) else 0),
                entry.get("encode", False),
                entry.get("pool", 1),
                entry.get("readout", False),
                **{key: entry[key] for key in _LAYER_KEYS_2 & entry.keys()},
            )
        )
    model = Model(
        top["name"],
        top["ticks"],
        top["fraction_bits"],
        top["reset"],
        *(top["input"][key] for key in ("channels", "height", "width")),
        top["input"].get("bits", 1),
        top["classes"],
        layers,
        kind,
        top["input"].get("most", 1),
        top.get("votes", 1),
    )
    return model, version


def _cropped(layer):
    """Whether pooling leaves out a row or a column."""
    sizes = [(n + 2 * layer.padding - layer.kernel) // layer.stride + 1 for n in layer.in_shape[1:]]
    return layer.kind == "conv" and any(n % layer.pool for n in sizes)


def news_of(model):
    """What a valid model has that format 1 has not, in words."""
    found = []
    if model.kind != "picture":
        found.append("key 'input.kind'")
    if model.votes != 1:
        found.append("key 'votes'")
    for layer in model.layers:
        plain = Layer("", "", 0, 0)
        for key in sorted(_LAYER_KEYS_2):
            if getattr(layer, key) != getattr(plain, key):
                found.append(f"key {key!r} of layer {layer.name!r}")
        if not layer.plain:
            found.append(f"kernel {layer.kernel}, padding {layer.padding} of layer {layer.name!r}")
        if _cropped(layer):
            found.append(f"pool 2 on a map of odd size of layer {layer.name!r}")
    return found


def _to_json(model):
    """The metadata object of a valid model."""
    layers = []
    for layer in model.layers:
        entry = {"name": layer.name, "kind": layer.kind, "in": layer.inputs, "out": layer.outputs}
        if layer.kind == "conv":
            entry |= {"kernel": layer.kernel, "padding": layer.padding}
        if layer.encode:
            entry["encode"] = True
        if layer.pool != 1:
            entry["pool"] = layer.pool
        if layer.readout:
            entry["readout"] = True
        plain = Layer("", "", 0, 0)
        for key in sorted(_LAYER_KEYS_2):
            if getattr(layer, key) != getattr(plain, key):
                entry[key] = getattr(layer, key)
        layers.append(entry)
    described = {
        "format": 2 if news_of(model) else 1,
        "name": model.name,
        "ticks": model.ticks,
        "fraction_bits": model.fraction_bits,
        "reset": model.reset,
        "input": {
            "channels": model.channels,
            "height": model.height,
            "width": model.width,
            "bits": model.bits,
        },
        "classes": model.classes,
        "layers": layers,
    }
    if model.kind == "spikes":
        del described["input"]["bits"]
        described["input"] |= {"kind": model.kind, "most": model.most}
    if model.votes != 1:
        described["votes"] = model.votes
    return described


def _read_tensors(file, names, layer):
    """Read a layer's tensors from an open safetensors file, taking their names out of ``names``."""
    bits = layer.inputs * (layer.kernel**2 if layer.kind == "conv" else 1)
    packed = _tensor(file, names, f"{layer.name}.weight", "U8", [layer.outputs, (bits + 7) // 8])
    ones = np.unpackbits(packed, axis=1, count=bits, bitorder="little").astype(np.int8)
    layer.weight = (2 * ones - 1).reshape(layer.weight_shape)
    for key in ("bias", "threshold", "v_init"):
        name = f"{layer.name}.{key}"
        if key in _parameters(layer) or name in names:
            setattr(layer, key, _tensor(file, names, name, "I32", [layer.outputs]))


def _tensor(file, names, name, dtype, shape):
    """One tensor of the wanted safetensors dtype and shape."""
    allowed = {"U8": "uint8", "I32": "int32"}[dtype]
    if name not in names:
        raise ModelError(f"tensor '{name}': missing; allowed: {allowed} of shape {shape}")
    names.discard(name)
    view = file.get_slice(name)
    if view.get_dtype() != dtype or view.get_shape() != shape:
        raise ModelError(
            f"tensor '{name}': found {view.get_dtype()} of shape {view.get_shape()}; "
            f"allowed: {dtype} ({allowed}) of shape {shape}"
        )
    return file.get_tensor(name)
