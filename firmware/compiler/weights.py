"""Weights and neuron parameters in the order in which the hardware reads them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from volley.firmware import registers
from volley.firmware.design import Design
from volley.firmware.isa import MEMBRANE_MAX, PARAM_BITS, TAPS
from volley.firmware.registers import Region, address

NEVER = MEMBRANE_MAX
"""Threshold of a channel that only fills a group up: its weights are -1, so it never fires."""


@dataclasses.dataclass
class PaddedLayer:
    """A layer with its output channels filled up to whole groups of CO.

    weight: bool [groups * CO, ...], True = +1. bias, threshold, v_init: int64 [groups * CO].
    """

    groups: int
    weight: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    v_init: np.ndarray


def pad_channels(layer, model, design: Design) -> PaddedLayer:
    """Fills a layer up to whole groups of output channels."""
    groups = math.ceil(layer.outputs / design.co)
    more = groups * design.co - layer.outputs

    def fill(values, value):
        values = np.zeros(layer.outputs, np.int64) if values is None else values.astype(np.int64)
        return np.concatenate([values, np.full(more, value, np.int64)])

    weight = layer.weight > 0
    weight = np.concatenate([weight, np.zeros((more, *weight.shape[1:]), bool)])
    bias = fill(layer.bias, 0)
    v_init = fill(layer.v_init, 0)
    if layer.leak:  # the leak before the first tick; the neuron leaks behind each
        v_init -= (v_init + (1 << layer.leak >> 1)) >> layer.leak
    if layer.readout:
        bias = bias * model.ticks  # a score is the sum over all ticks
    return PaddedLayer(groups, weight, bias, fill(layer.threshold, NEVER), v_init)


def group_words(layer, source, design: Design) -> int:
    """Words of one output group in each tap bank; source: the MapPlace of the layer's input."""
    if layer.kind == "conv" and layer.kernel == 3:
        return source.groups
    _, height, width = (int(n) for n in layer.in_shape)
    beats = source.groups * (height * width if layer.kind == "dense" else 1)
    return math.ceil(beats / TAPS)


def weight_words(layer, padded: PaddedLayer, source, design: Design) -> np.ndarray:
    """The words of the nine tap banks: uint32 [9, groups * words of a group, columns].

    source: the MapPlace of the layer's input. A 3x3 kernel has a word per input group in each bank;
    a single tap has its words one after another across the banks.
    """
    ci, co = design.ci, design.co
    channels, height, width = layer.in_shape
    filled = source.groups * ci
    weight = padded.weight.reshape(padded.groups, co, channels, -1)
    weight = np.concatenate(
        [weight, np.zeros((padded.groups, co, filled - channels, weight.shape[3]), bool)], axis=2
    ).reshape(padded.groups, co, source.groups, ci, -1)
    if layer.kind == "conv" and layer.kernel == 3:
        # [tap, output group, input group, co, ci]
        bits = weight.transpose(4, 0, 2, 1, 3)
    else:
        if layer.kind == "dense":
            # in the order of the beats: row, input group, column
            weight = weight.reshape(padded.groups, co, source.groups, ci, height, width)
            beats = weight.transpose(0, 4, 2, 5, 1, 3).reshape(padded.groups, -1, co, ci)
        else:
            beats = weight[..., 0].transpose(0, 2, 1, 3)
        rows = math.ceil(beats.shape[1] / TAPS)
        filled_up = np.zeros((padded.groups, rows * TAPS, co, ci), bool)
        filled_up[:, : beats.shape[1]] = beats
        bits = filled_up.reshape(padded.groups, rows, TAPS, co, ci).transpose(2, 0, 1, 3, 4)
    packed = np.packbits(bits.reshape(TAPS, -1, co * ci), axis=-1, bitorder="little")
    missing = -packed.shape[-1] % 4
    packed = np.concatenate([packed, np.zeros((*packed.shape[:2], missing), np.uint8)], axis=-1)
    return np.ascontiguousarray(packed).view("<u4")


def param_sections(padded: PaddedLayer, base: int, design: Design):
    """(address, words) of a layer's bias, threshold and v_init from word ``base`` on."""
    return [
        (
            address(Region.PARAMS, kind << registers.BANK_SHIFT | base * design.co),
            (getattr(padded, name) & ((1 << PARAM_BITS[name]) - 1)).astype(np.uint32),
        )
        for kind, name in enumerate(registers.PARAM_KINDS)
    ]
