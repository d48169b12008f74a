"""What every importer makes of a network: a chain of stages, in the network's own real numbers.

Reading a library ends here; folding into the integers of a model file starts here (fold.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class InterchangeError(ValueError):
    """A network that cannot be imported exactly; names the node, says why and what to do instead."""


def refuse(node: str, found: str, remedy: str) -> InterchangeError:
    """The error of one node, in one line."""
    return InterchangeError(f"node '{node}': {found}; {remedy}")


@dataclass
class Weights:
    """A convolution or dense layer: weight float64 [out, in, k, k] or [out, n], bias [out].

    scale: what a spike, or a pixel of 1, is to it. stride and padding: of a convolution.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray
    scale: float = 1.0
    stride: int = 1
    padding: int = 0


@dataclass
class Gain:
    """gain * x + offset per channel, as batch normalisation does; both float64 [channels]."""

    name: str
    gain: np.ndarray
    offset: np.ndarray


@dataclass
class Fire:
    """Integrate and fire: threshold and start float64, scalar or [channels]; both as a distance
    from the reset value. above: fires at v > threshold, else at v >= threshold; bool, scalar or [channels]. leak: k of
    v *= 1 - 2^-k before each tick's current, 0 for none; leak_first: before a soft reset."""

    name: str
    threshold: np.ndarray
    start: np.ndarray
    reset: str
    above: bool | np.ndarray
    leak: int = 0
    leak_first: bool = False


@dataclass
class Pool:
    """Maximum of each 2 x 2 spikes."""

    name: str


@dataclass
class Add:
    """The spikes of the map behind the first ``source`` stages, added to this one's."""

    name: str
    source: int


@dataclass
class Mean:
    """Mean of each size x size spikes."""

    name: str
    size: int


@dataclass
class Votes:
    """Sum or mean of each so many outputs: a class."""

    name: str
    outputs: int


@dataclass
class Flatten:
    """Maps to a vector, in the order (c, y, x)."""

    name: str
