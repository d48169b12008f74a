"""Weights of a few levels as sums of +-1, each on a copy of the input.

w = u * (b_1 + ... + b_k) with every b +-1 is u times an integer from -k to k with k's parity: -1, 0, 1 are k = 2 and
half the magnitude. The psum is that of binary weights on k copies of the input, side by side; so the
layer before has each output k times.
"""

from __future__ import annotations

import dataclasses

import numpy as np

EQUAL = 1e-6  # relative: magnitudes of one output are taken as one
MOST = 4  # copies; the work of two layers grows by as much


def levels(weight, one_unit=False):
    """(k, u float64 [out]) with the fewest copies for weights [out, ...]; (0, None) where MOST are too few.

    one_unit: where k > 1, all outputs have one u, as a readout needs.
    """
    rows = np.abs(weight.reshape(len(weight), -1))
    for k in range(1, MOST + 1):
        shared = one_unit and k > 1
        high = np.full(len(rows), rows.max()) if shared else rows.max(1)
        unit = np.zeros(len(rows))
        if k % 2 == 0:
            unit[high == 0] = 1.0  # an output without weights
        for j in range(k, 0, -2):  # the largest weight is j units
            with np.errstate(divide="ignore", invalid="ignore"):
                found = rows * (j / high)[:, None]
                near = np.rint(found)
                good = (np.abs(found - near) <= EQUAL * j) & (near % 2 == k % 2)
            good = np.full(len(rows), good.all()) if shared else good.all(1)
            unit = np.where(good & (unit == 0), high / j, unit)
        if np.all(unit > 0):
            return k, unit
    return 0, None


def spread(weight, k, unit):
    """The signs int8 [out, k * in, ...] of weights that ``levels`` took."""
    shape = (-1,) + (1,) * (weight.ndim - 1)
    positive = (np.rint(weight / unit.reshape(shape)) + k) / 2  # so many of the k are +1
    return np.concatenate([np.where(positive > j, 1, -1).astype(np.int8) for j in range(k)], axis=1)


def repeated(real, k):
    """The Real (integers.py) with its outputs k times, one set after another."""

    def tile(values):
        return np.tile(values, k) if np.size(values) > 1 else values

    fire = real.fire and dataclasses.replace(
        real.fire,
        threshold=tile(real.fire.threshold),
        start=tile(real.fire.start),
        above=tile(real.fire.above),
    )
    sign = np.tile(real.sign, (k,) + (1,) * (real.sign.ndim - 1))
    return dataclasses.replace(
        real, fire=fire, sign=sign, offset=np.tile(real.offset, k), gain=np.tile(real.gain, k)
    )


def why_not(weight, first):
    """(what was found, what to do) of weights that cannot be taken."""
    rows = np.abs(weight.reshape(len(weight), -1))
    low, high = rows.min(1), rows.max(1)
    wrong = np.flatnonzero((low <= 0) | (high - low > EQUAL * high))
    ranges = ", ".join(f"output {i}: {low[i]:.3g} to {high[i]:.3g}" for i in wrong[:3])
    found = f"weights of {len(wrong)} of {len(weight)} outputs are not +-one magnitude ({ranges})"
    if first and levels(weight)[0]:
        return found, ("behind the first layer, whose input is there once, they may be ternary; train "
                       "binary weights, or binarise=True, which changes the network")  # fmt: skip
    return found, "train binary or ternary weights, or binarise=True, which changes the network"
