"""A chain of stages (chain.py) as a model file: batch normalisation, signs and scales folded.

The current of an output is a * psum + b, psum = sum of +-1 times spike or pixel. Its neuron fires as
one with threshold theta/a and bias -b/a does (integers.py). A negative a flips the signs of the
output's weights. Weights of a few levels, ternary ones among them, read copies of their input (copies.py),
and where two maps of spikes are added the older one is carried along (carry.py).
"""

from __future__ import annotations

import re

import numpy as np

from volley.firmware.isa import MAX_TICKS
from volley.firmware.modelfile import MAX_COUNT, MAX_FRACTION_BITS, Layer, Model, validate
from volley.model.interchange import copies, integers
from volley.model.interchange.carry import carried
from volley.model.interchange.chain import InterchangeError, Mean, Votes, refuse
from volley.model.interchange.groups import group_stages


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
    groups = carried(group_stages(chain))
    reals: list[integers.Real] = []
    for index, group in enumerate(groups):
        first = index == 0
        real = _current(group, scale if first and not spikes else 1.0, binarise, first, log)
        if first:
            real.most = spikes or (1 << bits) - 1
        elif isinstance(groups[index - 1].pool, Mean):
            real.mean_of = groups[index - 1].pool.size ** 2
        if real.copies > 1:
            log(f"{real.name}: weights of {real.copies + 1} levels; '{reals[-1].name}' is computed "
                f"{real.copies} times for it")  # fmt: skip
            reals[-1] = copies.repeated(reals[-1], real.copies)
        reals.append(real)
    layers = [_layer(g, r, k == 0 and not spikes) for k, (g, r) in enumerate(zip(groups, reals))]
    _name_apart(layers)
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
        real.sign.shape[1],
        real.sign.shape[0],
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


def _name_apart(layers):
    """Numbers of layers behind names that became the same, as those of other scripts do."""
    names: set[str] = set()
    for index, layer in enumerate(layers):
        while layer.name in names:
            layer.name += f"_{index}"
        names.add(layer.name)


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


def _current(group, scale, binarise, first, log):
    """The Real of a group: signs, a > 0 and b / a of each output."""
    weight, name = group.stage.weight, group.stage.name
    scale = scale * group.stage.scale
    fire = group.fire.threshold if group.fire else 0.0
    _check_finite(name, weight, group.gain, group.offset, fire)
    count, unit = copies.levels(weight, one_unit=group.fire is None)
    if first and count > 1:
        count = 0
    if not count and not binarise:
        raise refuse(name, *copies.why_not(weight, first))
    if not count:
        rows = np.abs(weight.reshape(len(weight), -1))
        count, unit = 1, rows.mean(1)
        lost = ((rows - unit[:, None]) ** 2).sum() / max((rows**2).sum(), np.finfo(float).tiny)
        log(f"{name}: binarised, {100 * lost:.1f} % of the weights' energy lost")
        sign = np.where(weight < 0, -1, 1).astype(np.int8)
    else:
        sign = copies.spread(weight, count, unit)
    a = group.gain * unit * scale
    _check_finite(name, a)
    if not np.all(a):
        raise refuse(name, f"output {np.flatnonzero(a == 0)[0]} has gain 0", "remove that output")
    sign[a < 0] *= -1
    a = np.abs(a)
    if group.fire is None and a.max() - a.min() > copies.EQUAL * a.max():
        if not binarise:
            raise refuse(name, f"the readout's outputs have gains {a.min():.3g} to {a.max():.3g}",
                         "train one magnitude for all classes, or binarise=True")  # fmt: skip
        log(f"{name}: gains {a.min():.3g} to {a.max():.3g} of the readout became their mean")
        a = np.full_like(a, a.mean())
    offset = np.broadcast_to(group.offset, a.shape).astype(float)
    return integers.Real(name, group.fire, sign, offset / a, a, copies=count)


def _check_finite(name, *arrays):
    """Raises where a number is none."""
    if not all(np.isfinite(values).all() for values in arrays):
        raise refuse(
            name, "has weights, offsets or thresholds that are not finite", "train it again"
        )
