"""The integers of a layer of a model file, from its real threshold, bias and start over its gain.

    threshold, bias, start = theta / a, -b / a, v0 / a, times 2^F, to nearest

for the current a * psum + b of a neuron that fires at theta and starts at v0. F is per layer: the fewest
bits that are exact, else the most with which no membrane can saturate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from volley.firmware.isa import MEMBRANE_MAX
from volley.firmware.modelfile import MAX_FRACTION_BITS
from volley.model.interchange.chain import Fire, refuse

ON_GRID = 3e-7  # relative: a float32's rounding, and that of a quotient of two
SCORE_MAX = 2**31 - 1


@dataclass
class Real:
    """A layer before its integers: signs int8 [out, ...], b / a and a float64 [out].

    most: the largest input, a pixel's or 1; mean_of: spikes that an input is the mean of. copies: of the input,
    side by side.
    """

    name: str
    fire: Fire | None
    sign: np.ndarray
    offset: np.ndarray
    gain: np.ndarray
    most: int = 1
    mean_of: int = 1
    copies: int = 1


@dataclass
class Integers:
    """A layer with so many fraction bits. problem: what ``refuse`` takes where it does not fit."""

    bits: int
    bias: np.ndarray
    threshold: np.ndarray | None
    start: np.ndarray | None
    exact: bool
    saturates: bool = False
    problem: tuple[str, str, str] | None = None

    def arrays(self):
        """(bias, threshold, v_init) int32 as a model file's layer has them."""
        return [
            None if values is None else values.astype(np.int32)
            for values in (self.bias, self.threshold, self.start)
        ]


def choose(layers: list[Real], ticks: int, fraction_bits: int | None) -> list[Integers]:
    """The integers of all layers: with one F if it is given or all are exact with one, else by layer.

    Raises InterchangeError where none fits.
    """
    tries = range(MAX_FRACTION_BITS + 1) if fraction_bits is None else [fraction_bits]
    made = [[_integers(layer, f, ticks) for f in tries] for layer in layers]
    for column in zip(*made):
        if all(m.exact and not m.problem for m in column):
            return list(column)
    chosen = []
    for row in made:
        fit = [m for m in row if not m.problem]
        if not fit:
            raise refuse(*row[0].problem)
        exact, safe = [m for m in fit if m.exact], [m for m in fit if not m.saturates]
        chosen.append(exact[0] if exact else safe[-1] if safe else fit[0])
    return chosen


def _snap(values):
    """(values, with those within a float32's rounding of an integer made one; which those are)."""
    whole = np.rint(values)
    near = np.abs(values - whole) <= ON_GRID * np.maximum(1, np.abs(values))
    return np.where(near, whole, values), near


def _integers(layer, bits, ticks):
    """The Integers of a layer with F = bits."""
    n, fire, step = layer.mean_of, layer.fire, 2.0**bits
    bias, whole = _snap(-layer.offset * step)
    bias = np.rint(bias)
    made = Integers(bits, bias, None, None, bool(whole.all()))
    if n > 1:  # sums of n spikes lie on a grid of n only from here on
        made.exact &= step % n == 0
    if fire:
        theta, on = _snap(fire.threshold / layer.gain * step)
        # the least integer that fires; where the bias is rounded, so is this
        least = np.where(
            whole, np.where(fire.above, np.floor(theta) + 1, np.ceil(theta)), np.rint(theta)
        )
        begin, at = _snap(np.broadcast_to(fire.start, theta.shape) / layer.gain * step)
        begin = np.rint(begin)
        made.exact &= bool(at.all()) and not fire.leak
        if fire.reset == "hard":
            made.threshold, made.start = least, begin
        else:
            # what the reset takes off stays as it is: the membrane starts lower instead, and stays
            # lower, as a leak of v - 1 is that of v with halves rounded the other way
            made.exact &= bool(on.all())
            made.threshold, made.start = np.rint(theta), begin + np.rint(theta) - least
        if made.threshold.min() < 1:
            i = int(made.threshold.argmin())
            made.problem = (
                fire.name,
                f"threshold of output {i} is {theta[i] / step:.3g} of a weight with {bits} fraction "
                "bits, below the least",
                "raise the threshold or the fraction bits",
            )
    largest = n * max(
        0 if x is None else np.abs(x).max() for x in (bias, made.threshold, made.start)
    )
    if largest > MEMBRANE_MAX and not made.problem:
        made.problem = (layer.name, f"a threshold or bias of {largest:.3g} is beyond {MEMBRANE_MAX}",
                        "use fewer fraction bits, or remove outputs of nearly no gain")  # fmt: skip
    peak, room = _peak(layer, made, ticks)
    made.saturates = bool(peak * n > room)
    return made


def _peak(layer, made, ticks):
    """(the farthest from 0 that a membrane or score can come, the largest there is room for)."""
    # what copies of one input add up to
    rows = layer.sign.reshape(len(layer.sign), layer.copies, -1).sum(1, dtype=np.int64)
    most = layer.most << made.bits
    up = np.maximum(np.maximum(rows, 0).sum(1) * most - made.bias, 0)
    down = np.maximum(-np.minimum(rows, 0).sum(1) * most + made.bias, 0)
    fire = layer.fire
    if not fire:
        return ticks * np.maximum(up, down).max(), SCORE_MAX
    # with a leak drives add up to 2^k of them
    drives = min(ticks, 2**fire.leak + 1) if fire.leak else ticks
    low = np.abs(made.start) + drives * down
    over = 0 if fire.reset == "hard" else np.maximum(up - made.threshold, 0)
    high = np.maximum(np.abs(made.start), made.threshold) + up + (drives - 1) * over
    return np.maximum(low, high).max(), MEMBRANE_MAX
