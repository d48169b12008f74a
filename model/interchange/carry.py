"""Sums of spikes of two layers (SEW ADD: Fang et al. 2021, arXiv 2102.04159) in a chain of layers.

A layer that reads s1 + s2 reads both maps side by side, with the same weights for each. Layers stand in a chain,
so that the older map has to come along: the layers between compute it again, by outputs that fire
where their one input does. Their other weights are 0, and so are all layers' for maps that only come
along: such weights have three levels, see copies.py.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np


def carried(groups):
    """The Groups of a network without sums: maps that are read later are outputs of each layer between."""
    along: list[list[int]] = []  # of each group: the older maps beside its own outputs
    for index in range(len(groups)):
        later = {j for group in groups[index + 1 :] for j in group.reads if j < index}
        along.append(sorted(later))
    if not any(along):
        return groups
    sizes = [len(group.stage.weight) for group in groups]
    return [
        _with(group, [index - 1, *along[index - 1]] if index else [], along[index], sizes)
        for index, group in enumerate(groups)
    ]


def _with(group, there, onward, sizes):
    """A Group that reads the maps ``there`` side by side and passes those of ``onward`` on."""
    if not there:
        return group
    weight, times = group.stage.weight, Counter(group.reads)
    pixels = 1 if weight.ndim == 4 else weight.shape[1] // sizes[there[0]]
    own = [
        weight * times[j]
        if times[j]
        else np.zeros((len(weight), sizes[j] * pixels, *weight.shape[2:]))
        for j in there
    ]
    passed = [
        [_passed(weight, sizes[j] * pixels, sizes[k] * pixels, j == k) for k in there]
        for j in onward
    ]
    rows = np.concatenate([np.concatenate(row, 1) for row in [own, *passed]])
    more = len(rows) - len(weight)
    made = type(group)(
        dataclasses.replace(
            group.stage, weight=rows, bias=np.pad(np.broadcast_to(group.offset, len(weight)), (0, more))
        ),
        group.reads,
    )  # fmt: skip
    made.offset = made.stage.bias
    made.gain = _longer(group.gain, len(weight), more, 1 / group.stage.scale)
    made.pool, made.adds, made.fire = group.pool, group.adds, group.fire
    if more:
        made.fire = _fire(group.fire, len(weight), more)
    return made


def _passed(weight, outputs, inputs, same):
    """Weights [outputs, inputs, ...] of outputs that are their inputs; zeros where not ``same``."""
    made = np.zeros((outputs, inputs, *weight.shape[2:]))
    if same:
        centre = tuple(n // 2 for n in weight.shape[2:])
        made[(np.arange(outputs), np.arange(inputs), *centre)] = 1.0
    return made


def _longer(values, count, more, end):
    """Values, scalar or [count], as [count + more], ``end`` behind them."""
    return np.concatenate([np.broadcast_to(values, count), np.full(more, end)])


def _fire(fire, count, more):
    """The neurons of ``count`` outputs and of ``more`` that fire where their current is 1.

    What is left of such a current after the reset is 0: a soft reset behind the leak takes off what
    the leak has left.
    """
    least = 1 - 2.0**-fire.leak if fire.leak_first and fire.leak else 1.0
    return dataclasses.replace(
        fire,
        threshold=_longer(fire.threshold, count, more, least),
        start=_longer(fire.start, count, more, 0.0),
        above=_longer(fire.above, count, more, False),
    )
