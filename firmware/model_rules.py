"""The rules of a ``Model`` beyond those of each key: shapes that join, sizes, arrays."""

from __future__ import annotations

import math

import numpy as np

from volley.firmware.inputs import Input
from volley.firmware.isa import MEMBRANE_MAX, MEMBRANE_MIN
from volley.firmware.layers import MAX_VALUES, MAX_WEIGHTS, Layer, Model, ModelError
from volley.firmware.model_keys import INPUT, LAYER, TOP, check_values
from volley.firmware.schema import Choice, Whole, refuse


def check_description(model: Model) -> None:
    """Checks all but the arrays, which need not be there yet; fills in each layer's shapes.

    Raises ``SchemaError`` or ``ModelError``.
    """
    check_values("", model, TOP)
    check_values("input.", model, tuple(k for k in INPUT if k.input_kind in ("", model.kind)))
    if model.kind != "spikes":
        Whole(1, 1)("input.most", model.most)
    if not model.layers:
        refuse("layers", "none", "one layer or more")
    shape, seen, before = (model.channels, model.height, model.width), set[str](), None
    _check_size("input", math.prod(shape) * model.most, model)
    for index, layer in enumerate(model.layers):
        encodes = index == 0 and model.kind == "picture"
        is_last = index == len(model.layers) - 1
        shape = _check_layer(layer, index, is_last, shape, encodes, before)
        where = f"layers[{index}] ({layer.name})"
        _check_size(where, math.prod(shape) * layer.pool**2, model)
        if index == 0:
            _check_patches(where, layer, model)
        if layer.name in seen:
            refuse(
                f"layers[{index}].name",
                f"{layer.name!r} is used twice",
                "a name of its own for each layer",
            )
        seen.add(layer.name)
        before = layer
    last = model.layers[-1]
    if len(model.classes) * model.votes != last.outputs:
        raise ModelError(
            f"key 'classes': found {len(model.classes)} classes; the last layer "
            f"{last.name!r} has {last.outputs} outputs; "
            f"allowed: one class for {model.votes} output(s), as votes says"
        )
    _check_weights(model)


def check_kernels(model: Model) -> None:
    """Checks the kernels of a file of format 1, which has none but the array's."""
    for index, layer in enumerate(model.layers):
        where = f"layers[{index}] ({layer.name})"
        if layer.kind == "conv":
            Choice((1, 3))(f"{where}.kernel", layer.kernel)
            Choice((layer.kernel // 2,))(f"{where}.padding", layer.padding)


def _check_size(where, values, model):
    """Raises ``SchemaError`` for what would take more memory than is sane."""
    if values * model.ticks > MAX_VALUES:
        refuse(
            where,
            f"{values} values in each of {model.ticks} ticks",
            f"{MAX_VALUES} channels x height x width x ticks",
        )


def _check_patches(where, layer, model):
    """The host cuts the patches of a first layer whose kernel is none of the array's."""
    if not layer.plain:
        taken = Input(
            model.kind, model.channels, model.height, model.width, 1, model.most,
            layer.kernel, layer.stride, layer.padding,
        )  # fmt: skip
        _check_size(f"{where}.kernel", math.prod(taken.sent), model)


def _check_weights(model):
    """Weights as ``firmware.compiler.lower`` lays them out: of counts, means and votes several times."""
    total = 0
    for index, layer in enumerate(model.layers):
        times = model.most if index == 0 else 1
        total += math.prod(layer.weight_shape) * times * layer.mean_of
    last = model.layers[-1]
    if model.votes > 1 and not last.readout:
        total += len(model.classes) * math.prod(last.out_shape)
    if total > MAX_WEIGHTS:
        refuse("layers", f"{total} weights", f"{MAX_WEIGHTS} in all layers together")


def _check_layer(layer: Layer, index, is_last, shape, encodes, before):
    """Checks one layer against its input shape (C,H,W), fills in its shapes, returns the output's.

    encodes: whether it must be an encoding one. before: the layer before, or None.
    """
    where = f"layers[{index}]"
    LAYER[0].check(f"{where}.name", layer.name)
    where = f"{where} ({layer.name})"
    check_values(f"{where}.", layer, LAYER)
    if layer.readout:
        Whole(0, 0)(f"{where}.leak", layer.leak)
    if layer.pool_kind != "mean":
        Choice((1, 2))(f"{where}.pool", layer.pool)
    if index == 0 and layer.kind == "conv":
        Whole(0, layer.kernel - 1)(f"{where}.padding", layer.padding)
    else:
        Choice((1, 3) if layer.kind == "conv" else (1,))(f"{where}.kernel", layer.kernel)
        Choice((layer.kernel // 2,))(f"{where}.padding", layer.padding)
        Choice((1,))(f"{where}.stride", layer.stride)
    if layer.encode != encodes:
        refuse(
            f"{where}.encode",
            str(layer.encode).lower(),
            "true on the first layer of a picture, and only there",
        )
    if layer.readout and not is_last:
        raise ModelError(f"key '{where}.readout': found true; allowed on the last layer only")
    if layer.readout and (layer.kind != "dense" or layer.pool != 1):
        refuse(
            f"{where}.readout",
            f"true on a {layer.kind} layer with pool {layer.pool}",
            "a dense layer without pooling",
        )
    wanted = shape[0] if layer.kind == "conv" else math.prod(shape)
    if layer.inputs != wanted:
        raise ModelError(
            f"key '{where}.in': found {layer.inputs}; the map before it is "
            f"{'x'.join(map(str, shape))} (channels, height, width); allowed: {wanted}"
        )
    layer.in_shape = shape
    height, width = _map_size(where, layer, is_last)
    layer.mean_of = before.pool**2 if before and before.pool_kind == "mean" else 1
    if layer.mean_of > 1 and layer.kind != "dense":
        refuse(f"{where}.kind", "'conv' behind a mean", "a dense layer")
    kept = [n // layer.pool * layer.pool for n in (height, width)]
    layer.map_shape = (layer.outputs, kept[0], kept[1])
    layer.out_shape = (layer.outputs, height // layer.pool, width // layer.pool)
    return layer.out_shape


def _map_size(where, layer, is_last):
    """(height, width) before pooling."""
    shape = layer.in_shape
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
    mean = layer.pool_kind == "mean"
    if min(height, width) < layer.pool:
        refuse(
            f"{where}.pool",
            f"{layer.pool} on a map of {height}x{width}",
            "1, or what divides both" if mean else "1",
        )
    if mean and (is_last or height % layer.pool or width % layer.pool):
        refuse(
            f"{where}.pool",
            f"a mean of {layer.pool} on a map of {height}x{width}",
            "what divides both, and not on the last layer",
        )
    return height, width


def parameters(layer: Layer) -> tuple[str, ...]:
    """Names of the layer's int32 tensors."""
    return ("bias",) if layer.readout else ("bias", "threshold", "v_init")


def check_arrays(layer: Layer) -> None:
    """Checks dtype, shape and range of a layer's arrays; raises ``ModelError``."""
    _check_array(f"{layer.name}.weight", layer.weight, np.int8, layer.weight_shape)
    assert layer.weight is not None, "checked above"
    if (np.abs(layer.weight) != 1).any():
        raise ModelError(f"tensor '{layer.name}.weight': found values other than -1 and +1")
    wanted = parameters(layer)
    for key in ("bias", "threshold", "v_init"):
        values, name = getattr(layer, key), f"{layer.name}.{key}"
        if key not in wanted:
            if values is not None:
                raise ModelError(
                    f"tensor '{name}': found on the readout, which never fires; allowed: absent"
                )
            continue
        _check_array(name, values, np.int32, (layer.outputs,))
        low = 1 if key == "threshold" else -(-MEMBRANE_MIN // layer.mean_of)
        high = MEMBRANE_MAX // layer.mean_of
        wrong = np.flatnonzero((values < low) | (values > high))
        if len(wrong):
            raise ModelError(
                f"tensor '{name}': found {values[wrong[0]]} at output {wrong[0]}; "
                f"allowed: {low} to {high}"
                + (f" behind a mean of {layer.mean_of}" if layer.mean_of > 1 else "")
            )


def _check_array(name, values, dtype, shape):
    allowed = f"{np.dtype(dtype)} of shape {list(shape)}"
    if values is None:
        raise ModelError(f"tensor '{name}': missing; allowed: {allowed}")
    if not isinstance(values, np.ndarray) or values.dtype != dtype or values.shape != tuple(shape):
        found = (
            f"{values.dtype} of shape {list(values.shape)}"
            if isinstance(values, np.ndarray)
            else type(values).__name__
        )
        raise ModelError(f"tensor '{name}': found {found}; allowed: {allowed}")
