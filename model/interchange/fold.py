"""A chain of stages (chain.py) as a model file: batch normalisation, signs and scales folded.

The current of an output is a * psum + b, psum = sum of +-1 times spike or pixel. Its neuron fires as
one with threshold theta/a and bias -b/a does; times 2^F these are the file's integers. A negative a
flips the signs of the output's weights.
"""

from __future__ import annotations

import re

import numpy as np

from volley.firmware.modelfile import MAX_FRACTION_BITS, MEMBRANE_MAX, Layer, Model, validate
from volley.model.interchange.chain import Fire, Flatten, Gain, Pool, Weights, refuse

EQUAL = 1e-6  # relative: magnitudes of one output are taken as one
ON_GRID = 3e-7  # relative: a float32's rounding, and that of a quotient of two


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
    fraction_bits=None,
    binarise=False,
    classes=None,
    log=None,
) -> Model:
    """The model file of a chain.

    shape: (C, H, W) of the input; scale: what a pixel of 1 is to the network; bits: of a pixel;
    fraction_bits: None takes the fewest that are exact, else the most that cannot saturate;
    binarise: weights become their sign times the mean magnitude of their output; log: called with
    lines of text. Raises InterchangeError naming the node, ModelError for a rule of the file.
    """  # fmt: skip
    log = log or (lambda text: None)
    groups = group_stages(chain)
    layers, folded = [], []
    for index, group in enumerate(groups):
        stage = group.stage
        sign, a, b = _current(group, stage.scale * (scale if index == 0 else 1.0), binarise, log)
        conv = stage.weight.ndim == 4
        layer = Layer(
            re.sub(r"[^A-Za-z0-9_.-]", "_", stage.name),
            "conv" if conv else "dense",
            stage.weight.shape[1],
            stage.weight.shape[0],
            stage.weight.shape[2] if conv else 1,
            stage.weight.shape[2] // 2 if conv else 0,
            encode=index == 0,
            pool=2 if group.pool else 1,
            readout=group.fire is None,
            weight=sign,
        )
        if layer.readout and conv:
            raise refuse(stage.name, "is a convolution without a neuron after it",
                         "end in a dense layer, or add a neuron")  # fmt: skip
        layers.append(layer)
        folded.append((group, b / a, a))
    resets = {g.fire.reset: g.fire.name for g in groups if g.fire}
    if len(resets) > 1:
        raise refuse(resets["hard"], f"resets hard, and '{resets['soft']}' soft",
                     "a model file has one reset for all layers")  # fmt: skip
    tries = range(MAX_FRACTION_BITS + 1) if fraction_bits is None else [fraction_bits]
    made = [_integers(layers, folded, f, ticks, (1 << bits) - 1) for f in tries]
    exact = [m for m in made if m["fits"] and m["exact"]]
    safe = [m for m in made if m["fits"] and not m["saturates"]]
    fit = [m for m in made if m["fits"]]
    if not fit:
        raise refuse(*made[0]["problem"])
    best = exact[0] if exact else safe[-1] if safe else fit[0]
    for layer, arrays in zip(layers, best["arrays"]):
        layer.bias, layer.threshold, layer.v_init = arrays
    log(f"{best['bits']} fraction bits: " + ("exact" if best["exact"] else "parameters are rounded")
        + (", membranes can saturate in the worst case" if best["saturates"] else ""))  # fmt: skip
    model = Model(
        name, ticks, best["bits"], next(iter(resets), "soft"), shape[0], shape[1], shape[2], bits,
        classes or [str(i) for i in range(layers[-1].outputs)], layers,
    )  # fmt: skip
    validate(model)
    return model


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
        elif isinstance(stage, Pool):
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
    if not groups:
        raise refuse("(network)", "has no convolution or dense layer", "give one")
    return groups


def _current(group, scale, binarise, log):
    """(signs int8, a > 0 [out], b [out]) of a group."""
    weight, name = group.stage.weight, group.stage.name
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
    return sign, a, np.broadcast_to(group.offset, a.shape).astype(float)


def _snap(values):
    """(values, with those within a float32's rounding of an integer made one; which those are)."""
    whole = np.rint(values)
    near = np.abs(values - whole) <= ON_GRID * np.maximum(1, np.abs(values))
    return np.where(near, whole, values), near


def _integers(layers, folded, bits, ticks, brightest):
    """The integers of all layers with ``bits`` fraction bits, and whether they fit and are exact."""
    out = {"bits": bits, "arrays": [], "fits": True, "exact": True, "saturates": False}

    def fail(*problem):
        if out["fits"]:
            out.update(fits=False, problem=problem)

    for layer, (group, b, a) in zip(layers, folded):
        bias, whole = _snap(-b * 2.0**bits)
        bias = np.rint(bias)
        name, fire = group.stage.name, group.fire
        out["exact"] &= bool(whole.all())
        threshold = start = np.zeros(len(bias))
        if fire:
            theta, on = _snap(fire.threshold / a * 2.0**bits)
            # the least integer that fires; where the bias is rounded, so is this
            least = np.where(
                whole, np.floor(theta) + 1 if fire.above else np.ceil(theta), np.rint(theta)
            )
            begin, at = _snap(fire.start / a * 2.0**bits)
            begin = np.rint(begin)
            out["exact"] &= bool(at.all()) and (fire.reset == "hard" or bool(on.all()))
            hard = fire.reset == "hard"
            threshold = least if hard else np.rint(theta)
            start = begin if hard else begin + np.rint(theta) - least
            if threshold.min() < 1:
                i = int(threshold.argmin())
                fail(fire.name, f"threshold of output {i} is {fire.threshold / a[i] if np.ndim(fire.threshold) == 0 else theta[i] / 2**bits:.3g} "
                     f"of a weight with {bits} fraction bits, below the least", "raise the "
                     "threshold or the fraction bits")  # fmt: skip
        largest = max(np.abs(bias).max(), threshold.max(), np.abs(start).max())
        if largest > MEMBRANE_MAX:
            fail(name, f"a threshold or bias of {largest:.3g} is beyond {MEMBRANE_MAX}",
                 "use fewer fraction bits, or remove outputs of nearly no gain")  # fmt: skip
        if fire:
            rows = layer.weight.reshape(layer.outputs, -1)
            most = (brightest if layer.encode else 1) << bits
            up, down = (rows > 0).sum(1) * most - bias, (rows < 0).sum(1) * most + bias
            peak = np.abs(start) + ticks * np.maximum(up, down)
            out["saturates"] |= bool(peak.max() > MEMBRANE_MAX)
        if out["fits"]:
            whole32 = [x.astype(np.int32) for x in (bias, threshold, start)]
            out["arrays"].append(whole32 if fire else (whole32[0], None, None))
    return out
