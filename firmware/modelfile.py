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

The keys are in ``firmware.model_keys``, the rules in ``firmware.model_rules``. This module needs numpy
and safetensors, and of the contract two limits.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from volley.firmware import json_text
from volley.firmware.files import write_whole
from volley.firmware.layers import (
    MAX_COUNT,
    MAX_FRACTION_BITS,
    MAX_SIZE,
    RESETS,
    Layer,
    Model,
    ModelError,
)
from volley.firmware.model_keys import FORMATS, from_json, news_of, to_json
from volley.firmware.model_rules import (
    check_arrays,
    check_description,
    check_kernels,
    parameters,
)
from volley.firmware.schema import SchemaError
from volley.firmware.texts import short, shown

__all__ = [
    "FORMATS", "KEY", "MAX_COUNT", "MAX_FRACTION_BITS", "MAX_SIZE", "RESETS", "Layer", "Model", "ModelError",
    "load", "news_of", "save", "validate",
]  # fmt: skip

KEY = "volley"
MAX_TEXT = 1 << 22  # bytes of the JSON text
MAX_HEADER = 1 << 24
"""Bytes of a safetensors header; nothing of a longer one is read."""


def load(path) -> Model:
    """Read and validate the model file at ``path``; ``ModelError`` when it is not a good one."""
    path = Path(path)
    try:
        return _load(path)
    except SafetensorError as error:
        why = f"not a safetensors file, or a truncated one ({error}; {_size(path)} bytes)"
    except OSError as error:
        why = f"cannot be read ({error.strerror or error})"
    except (ModelError, json_text.JsonError) as error:
        why = str(error)
    raise ModelError(f"{shown(path)}: {why}") from None


def _size(path):
    return path.stat().st_size


def _load(path):
    if not path.exists():
        raise ModelError("no such file; a model file (.safetensors) is needed")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ModelError(f"is {kind}; a model file (.safetensors) is needed")
    with path.open("rb") as raw:
        length = int.from_bytes(raw.read(8), "little")
        if MAX_HEADER < length <= _size(path) - 8:
            raise ModelError(f"a header of {length} bytes; allowed: {MAX_HEADER}")
        header = raw.read(min(length, MAX_HEADER))
    with safe_open(path, framework="numpy") as file:
        json_text.parse(header)  # for what safetensors lets pass, a key twice
        metadata = file.metadata() or {}
        if KEY not in metadata:
            found = ", ".join(map(short, sorted(metadata)[:8])) or "none"
            raise ModelError(
                f"metadata key {KEY!r} is missing (keys found: {found}); "
                "this safetensors file is not a Volley model"
            )
        try:
            top = json_text.parse(metadata[KEY], MAX_TEXT)
        except json_text.JsonError as error:
            raise ModelError(f"metadata key {KEY!r}: {error}") from None
        model, version = from_json(top)
        if version == 1:
            check_kernels(model)
        check_description(model)
        news = news_of(model)
        if version == 1 and news:
            raise ModelError(f"key 'format': found 1, with {news[0]}; allowed: 2")
        names = set(file.keys())
        _check_tensors(file, set(names), model)
        for layer in model.layers:
            _read_tensors(file, names, layer)
    for layer in model.layers:
        check_arrays(layer)
    return model


def save(model: Model, path) -> None:
    """Validate ``model`` and write it to ``path``, by way of a temporary file beside it."""
    validate(model)
    tensors = {}
    for layer in model.layers:
        assert layer.weight is not None, "validated above"
        bits = (layer.weight.reshape(layer.outputs, -1) > 0).astype(np.uint8)
        tensors[f"{layer.name}.weight"] = np.packbits(bits, axis=1, bitorder="little")
        for key in parameters(layer):
            tensors[f"{layer.name}.{key}"] = np.ascontiguousarray(getattr(layer, key))
    write_whole(path, to_bytes(tensors, {KEY: json.dumps(to_json(model))}))


def validate(model: Model) -> None:
    """Check every rule of the format and fill in each layer's shapes; ``ModelError`` otherwise."""
    try:
        check_description(model)
    except SchemaError as error:
        raise ModelError(str(error)) from None
    for layer in model.layers:
        check_arrays(layer)


def _bits(layer):
    """Weights of an output."""
    return layer.inputs * (layer.kernel**2 if layer.kind == "conv" else 1)


def _check_tensors(file, names, model):
    """Checks name, type and shape of every tensor before any is read."""
    for layer in model.layers:
        shape = [layer.outputs, (_bits(layer) + 7) // 8]
        _check_tensor(file, names, f"{layer.name}.weight", "U8", shape)
        for key in ("bias", "threshold", "v_init"):
            name = f"{layer.name}.{key}"
            if key in parameters(layer) or name in names:
                _check_tensor(file, names, name, "I32", [layer.outputs])
    if names:
        raise ModelError(
            f"tensor {short(min(names))}: belongs to no layer; allowed: NAME.weight, "
            "NAME.bias and, on firing layers, NAME.threshold and NAME.v_init"
        )


def _check_tensor(file, names, name, dtype, shape):
    """One tensor of the wanted safetensors dtype and shape."""
    allowed = {"U8": "uint8", "I32": "int32"}[dtype]
    if name not in names:
        raise ModelError(f"tensor '{name}': missing; allowed: {allowed} of shape {shape}")
    names.discard(name)
    view = file.get_slice(name)
    if view.get_dtype() != dtype or view.get_shape() != shape:
        raise ModelError(
            f"tensor '{name}': found {view.get_dtype()} of shape {short(view.get_shape())}; "
            f"allowed: {dtype} ({allowed}) of shape {shape}"
        )


def _read_tensors(file, names, layer):
    """Reads a layer's tensors from an open safetensors file."""
    packed = file.get_tensor(f"{layer.name}.weight")
    weight = np.unpackbits(packed, axis=1, count=_bits(layer), bitorder="little").view(np.int8)
    weight *= 2
    weight -= 1
    layer.weight = weight.reshape(layer.weight_shape)
    for key in ("bias", "threshold", "v_init"):
        if f"{layer.name}.{key}" in names:
            setattr(layer, key, file.get_tensor(f"{layer.name}.{key}"))
