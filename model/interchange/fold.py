"""A chain of stages (chain.py) as a model file: batch normalisation, signs and scales folded.

The current of an output is a * psum + b, psum = sum of +-1 times spike or pixel. Its neuron fires as
one with threshold theta/a and bias -b/a does (integers.py). A negative a flips the signs of the
output's weights.
"""

from __future__ import annotations

import re

import numpy as np

from volley.firmware.isa import MAX_TICKS
from volley.firmware.modelfile import MAX_COUNT, MAX_FRACTION_BITS, Layer, Model, validate
from volley.model.interchange import integers
from volley.model.interchange.chain import (
    Fire,
    Flatten,
    Gain,
    InterchangeError,
    Mean,
    Pool,
    Votes,
    Weights,
    refuse,
)

EQUAL = 1e-6  # relative: magnitudes of one output are taken as one


class _Group:
    """The stages of one layer of the file, and its current's a and b per output."""

    def __init__(self, stage):
        self.stage, self.gain, self.offset = stage, 1.0, stage.bias.astype(float)
        self.fire, self.pool = None, None


def fold(
    chain,
    shape,
    ticks,
    name,
    *,
    scale=1.0,
    bits=8,
    spikes=None,
    fraction_bits=None,
    binarise=False,
    classes=None,
    log=None,
) -> Model:
    """The model file of a chain.

    shape: (C, H, W) of the input; scale: what a pixel of 1 is to the network; bits: of a pixel; spikes: the input
    is spike trains, of counts up to so many, instead of a picture, each 1 to the network;
    fraction_bits: None takes the fewest that are exact, else the most that cannot saturate;
    binarise: weights become their sign times the mean magnitude of their output; log: called with
    lines of text. Raises InterchangeError naming the node, ModelError for a rule of the file.
    """  # fmt: skip
    log = log or (lambda text: None)
    _check_options(ticks, scale, bits, spikes, fraction_bits)
    groups = group_stages(chain)
    layers, reals = [], []
    for index, group in enumerate(groups):
        first = index == 0
        real = _current(group, scale if first and not spikes else 1.0, binarise, log)
        if first:
            real.most = spikes or (1 << bits) - 1
        elif isinstance(groups[index - 1].pool, Mean):
            real.mean_of = groups[index - 1].pool.size ** 2
        layers.append(_layer(group, real, first and not spikes))
        reals.append(real)
    resets = {g.fire.reset: g.fire.name for g in groups if g.fire}
    if len(resets) > 1:
        raise refuse(resets["hard"], f"resets hard, and '{resets['soft']}' soft",
                     "a model file has one reset for all layers")  # fmt: skip
    chosen = integers.choose(reals, ticks, fraction_bits)
    usual = chosen[-1].bits
    for layer, made in zip(layers, chosen):
        layer.bias, layer.threshold, layer.v_init = made.arrays()
        layer.fraction_bits = None if made.bits == usual else made.bits
    _report(layers, chosen, log)
    votes = next((x.outputs for x in chain if isinstance(x, Votes)), 1)
    model = Model(
        name, ticks, usual, next(iter(resets), "soft"), shape[0], shape[1], shape[2],
        1 if spikes else bits,
        classes or [str(i) for i in range(layers[-1].outputs // votes)], layers,
        kind="spikes" if spikes else "picture", most=spikes or 1, votes=votes,
    )  # fmt: skip
    validate(model)
    return model


def _check_options(ticks, scale, bits, spikes, fraction_bits):
    """Raises InterchangeError for a parameter outside its range."""
    for key, value, low, high in (
        ("ticks", ticks, 1, MAX_TICKS),
        ("bits", bits, 1, 8),
        ("spikes", spikes, 1, MAX_COUNT),
        ("fraction_bits", fraction_bits, 0, MAX_FRACTION_BITS),
    ):
        if value is not None and not low <= value <= high:
            raise InterchangeError(f"{key}: found {value!r}; allowed: {low} to {high}")
    if not np.isfinite(scale) or scale == 0:
        raise InterchangeError(f"scale: found {scale!r}; allowed: a number other than 0")


def _layer(group, real, encode):
    """The Layer of a group, without its integers."""
    stage, pool, fire = group.stage, group.pool, group.fire
    conv = stage.weight.ndim == 4
    if conv and not fire:
        raise refuse(stage.name, "is a convolution without a neuron after it",
                     "end in a dense layer, or add a neuron")  # fmt: skip
    return Layer(
        re.sub(r"[^A-Za-z0-9_.-]", "_", stage.name),
        "conv" if conv else "dense",
        stage.weight.shape[1],
        stage.weight.shape[0],
        stage.weight.shape[2] if conv else 1,
        stage.padding if conv else 0,
        encode=encode,
        pool=pool.size if isinstance(pool, Mean) else 2 if pool else 1,
        readout=fire is None,
        weight=real.sign,
        stride=stage.stride if conv else 1,
        pool_kind="mean" if isinstance(pool, Mean) else "or",
        leak=fire.leak if fire else 0,
        leak_first=bool(fire and fire.leak_first),
    )


def _report(layers, chosen, log):
    """Says how many fraction bits, and what they leave."""
    bits = sorted({made.bits for made in chosen})
    text = f"{bits[0]} fraction bits: "
    if len(bits) > 1:
        each = ", ".join(f"{layer.name} {made.bits}" for layer, made in zip(layers, chosen))
        text = f"fraction bits {each}: "
    rounded = not all(made.exact for made in chosen)
    log(text + ("parameters are rounded" if rounded else "exact")
        + (", membranes can saturate in the worst case" if any(m.saturates for m in chosen) else "")
        + ("; a leak rounds the membrane at every tick" if any(x.leak for x in layers) else ""))  # fmt: skip


def group_stages(chain):
    """The chain as groups, one for each layer of the file."""
    groups, open_, flat = [], None, False
    for stage in chain:
        if isinstance(stage, Weights):
            if open_:
                raise refuse(stage.name, f"follows '{open_.stage.name}' without a neuron between",
                             "put an IF neuron between them")  # fmt: skip
            if groups and stage.weight.ndim == 2 and not flat:
                raise refuse(stage.name, "a dense layer on maps", "put Flatten before it")
            if groups and isinstance(groups[-1].pool, Mean) and stage.weight.ndim == 4:
                raise refuse(stage.name, f"is a convolution behind the mean '{groups[-1].pool.name}'",
                             "a mean may stand before a dense layer alone")  # fmt: skip
            flat = flat or stage.weight.ndim == 2
            open_ = _Group(stage)
            groups.append(open_)
        elif isinstance(stage, Gain):
            if not open_:
                raise refuse(stage.name, "normalises spikes, not the current of a layer",
                             "put it between the layer and its neuron")  # fmt: skip
            open_.offset = stage.gain * open_.offset + stage.offset
            open_.gain = open_.gain * stage.gain
        elif isinstance(stage, Fire):
            if not open_:
                raise refuse(stage.name, "a neuron without a layer before it", "remove it")
            open_.fire, open_ = stage, None
        elif isinstance(stage, Pool | Mean):
            if open_ or not groups or groups[-1].pool or flat:
                raise refuse(stage.name, "pools something else than the spikes of a convolution "
                             "(the maximum of currents fires otherwise than that of spikes)",
                             "put it right after the neuron, and train so")  # fmt: skip
            groups[-1].pool = stage
        elif isinstance(stage, Flatten):
            if open_:
                raise refuse(stage.name, "stands between a layer and its neuron",
                             "put it after the neuron")  # fmt: skip
            flat = True
        elif isinstance(stage, Votes) and stage is not chain[-1]:
            raise refuse(stage.name, "votes before the end", "vote over the last layer's outputs")
    if not groups:
        raise refuse("(network)", "has no convolution or dense layer", "give one")
    if isinstance(groups[-1].pool, Mean):
        raise refuse(groups[-1].pool.name, "is a mean that no dense layer follows", "remove it")
    return groups


def _current(group, scale, binarise, log):
    """The Real of a group: signs, a > 0 and b / a of each output."""
    weight, name = group.stage.weight, group.stage.name
    scale = scale * group.stage.scale
    rows = np.abs(weight.reshape(len(weight), -1))
    low, high = rows.min(1), rows.max(1)
    wrong = np.flatnonzero((low <= 0) | (high - low > EQUAL * high))
    sign = np.where(weight < 0, -1, 1).astype(np.int8)
    if len(wrong) and not binarise:
        ranges = ", ".join(f"output {i}: {low[i]:.3g} to {high[i]:.3g}" for i in wrong[:3])
        raise refuse(name, f"weights of {len(wrong)} of {len(weight)} outputs are not +-one "
                     f"magnitude ({ranges})", "train binary weights, or binarise=True, which "
                     "changes the network")  # fmt: skip
    magnitude = rows.mean(1) if len(wrong) else high
    if len(wrong):
        lost = ((rows - magnitude[:, None]) ** 2).sum() / (rows**2).sum()
        log(f"{name}: binarised, {100 * lost:.1f} % of the weights' energy lost")
    a = group.gain * magnitude * scale
    fire = group.fire.threshold if group.fire else 0.0
    if not all(np.isfinite(values).all() for values in (weight, a, group.offset, fire)):
        raise refuse(
            name, "has weights, offsets or thresholds that are not finite", "train it again"
        )
    if not np.all(a):
        raise refuse(name, f"output {np.flatnonzero(a == 0)[0]} has gain 0", "remove that output")
    sign[a < 0] *= -1
    a = np.abs(a)
    if group.fire is None and a.max() - a.min() > EQUAL * a.max():
        if not binarise:
            raise refuse(name, f"the readout's outputs have gains {a.min():.3g} to {a.max():.3g}",
                         "train one magnitude for all classes, or binarise=True")  # fmt: skip
        log(f"{name}: gains {a.min():.3g} to {a.max():.3g} of the readout became their mean")
        a = np.full_like(a, a.mean())
    offset = np.broadcast_to(group.offset, a.shape).astype(float)
    return integers.Real(name, group.fire, sign, offset / a, a)
