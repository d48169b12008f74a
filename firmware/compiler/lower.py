"""Lowering: what the array does not know becomes layers that it does know.

- a first layer of any kernel, stride and padding: a 1x1 layer on the patches that the host cuts
- counts of the input: unary channels that share a weight
- mean pooling before a dense layer: the weights repeated for every pixel of the mean, with bias,
  threshold and v_init times the pixels
- votes of firing outputs: a readout with weights +1 for a class's own outputs and -1 for the others;
  its score is twice the spikes of the class less all spikes, see ``volley.firmware.results.class_scores``.
  Behind a pooling layer the host counts them: the spikes of a layer are counted before it
- fraction bits of the model: each layer's own
- pairs of pixels of a picture, in a design with ``pair``: each channel is two of four bits with the same
  weights, and the array counts one of them sixteenfold
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from volley.firmware.compiler.lanes import in_pairs
from volley.firmware.design import Design
from volley.firmware.inputs import PAIR, Input
from volley.firmware.modelfile import Layer, Model

VOTES = "votes"


def lower(model: Model, design: Design) -> Model:
    """The model with layers that the array of a design computes as they are; a model of format 1 as it is."""
    layers = [replace(layer, fraction_bits=model.fraction_bits_of(layer)) for layer in model.layers]
    layers[0] = _first(model, layers[0])
    if in_pairs(layers[0], model, design):
        layers[0] = _paired(layers[0])
    for number, layer in enumerate(layers):
        if layer.pool_kind == "mean":
            layers[number] = replace(layer, pool=1, pool_kind="or", out_shape=layer.map_shape)
            layers[number + 1] = _repeated(layers[number + 1], layer)
    if model.votes > 1 and not layers[-1].readout and layers[-1].pool == 1:
        layers.append(_votes(model, layers))
    return replace(model, layers=layers)


def input_of(model: Model, lowered: Model, pixels: int, pass_words: int) -> Input:
    """The input of a lowered model; pixels: that share a byte."""
    first = model.layers[0]
    kernel = (1, 1, 0) if first.plain else (first.kernel, first.stride, first.padding)
    return Input(
        model.kind, model.channels, model.height, model.width, model.ticks, model.most, *kernel,
        pixels, pass_words,
    )  # fmt: skip


def _first(model: Model, layer: Layer) -> Layer:
    """The first layer on unary channels and patches."""
    assert layer.weight is not None, "a valid model has weights"
    channels, height, width = layer.in_shape
    shape = (model.most * channels, height, width)
    weight = layer.weight
    if model.most > 1:
        if layer.kind == "dense":
            weight = weight.reshape(layer.outputs, channels, -1)
        weight = np.repeat(weight, model.most, axis=1)
    if not layer.plain:
        height, width = _uncropped(layer)
        shape = (shape[0] * layer.kernel**2, height, width)
        layer = replace(layer, kernel=1, stride=1, padding=0)
    if layer.kind == "dense":
        return replace(
            layer, inputs=layer.inputs * model.most, in_shape=shape,
            weight=weight.reshape(layer.outputs, -1),
        )  # fmt: skip
    weight = weight.reshape(layer.outputs, shape[0], layer.kernel, layer.kernel)
    return replace(layer, inputs=shape[0], in_shape=shape, weight=weight)


def _paired(layer: Layer) -> Layer:
    """An encoding convolution on channels of four bits."""
    assert layer.weight is not None, "a valid model has weights"
    channels, height, width = layer.in_shape
    return replace(
        layer, inputs=PAIR * channels, in_shape=(PAIR * channels, height, width),
        weight=np.repeat(layer.weight, PAIR, axis=1), pair=True,
    )  # fmt: skip


def _uncropped(layer: Layer) -> list[int]:
    """Rows and columns of a convolution's map, also those that pooling leaves out."""
    sizes = layer.in_shape[1:]
    return [(n + 2 * layer.padding - layer.kernel) // layer.stride + 1 for n in sizes]


def _repeated(dense: Layer, pooled: Layer) -> Layer:
    """A dense layer on the map before the mean."""
    assert dense.weight is not None and dense.bias is not None, "a valid model has arrays"
    weight = dense.weight.reshape(dense.outputs, *pooled.out_shape)
    weight = weight.repeat(pooled.pool, axis=2).repeat(pooled.pool, axis=3)
    dense = replace(
        dense, inputs=weight[0].size, in_shape=pooled.map_shape,
        weight=weight.reshape(dense.outputs, -1), bias=_times(dense.bias, dense.mean_of),
    )  # fmt: skip
    if dense.threshold is None or dense.v_init is None:
        return replace(dense, mean_of=1)
    threshold, v_init = (_times(n, dense.mean_of) for n in (dense.threshold, dense.v_init))
    return replace(dense, threshold=threshold, v_init=v_init, mean_of=1)


def _times(values: np.ndarray, factor: int) -> np.ndarray:
    return (values.astype(np.int64) * factor).astype(np.int32)


def _votes(model: Model, layers: list[Layer]) -> Layer:
    """The readout that counts votes."""
    last, names = layers[-1], {layer.name for layer in layers}
    name = next(n for n in (VOTES + "_" * k for k in range(len(names) + 1)) if n not in names)
    channels, height, width = last.out_shape
    classes = len(model.classes)
    mine = np.arange(channels) // model.votes == np.arange(classes)[:, None]
    weight = np.repeat(np.where(mine, 1, -1).astype(np.int8), height * width, axis=1)
    return Layer(
        name, "dense", weight.shape[1], classes, readout=True, weight=weight,
        bias=np.zeros(classes, np.int32), fraction_bits=0, in_shape=last.out_shape,
        map_shape=(classes, 1, 1), out_shape=(classes, 1, 1),
    )  # fmt: skip
