"""What every importer makes of a network: a chain of stages, in the network's own real numbers.

Reading a library ends here; folding into the integers of a model file starts here (fold.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from volley.firmware.modelfile import news_of


class InterchangeError(ValueError):
    """A network that cannot be imported exactly; names the node, says why and what to do instead."""


def only_format_1(model) -> None:
    """Raises ``InterchangeError`` for a model that has what only model file format 2 has."""
    news = news_of(model)
    if news:
        raise InterchangeError(
            f"model {model.name!r} has {news[0]}, of model file format 2, which is not exported yet"
        )


def refuse(node: str, found: str, remedy: str) -> InterchangeError:
    """The error of one node, in one line."""
    return InterchangeError(f"node '{node}': {found}; {remedy}")


@dataclass
class Weights:
    """A convolution or dense layer: weight float64 [out, in, k, k] or [out, n], bias [out].

    scale: what a spike, or a pixel of 1, is to it.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray
    scale: float = 1.0


@dataclass
class Gain:
    """gain * x + offset per channel, as batch normalisation does; both float64 [channels]."""

    name: str
    gain: np.ndarray
    offset: np.ndarray


@dataclass
class Fire:
    """Integrate and fire: threshold and start float64, scalar or [channels]; both as a distance
    from the reset value. above: fires at v > threshold, else at v >= threshold."""

    name: str
    threshold: np.ndarray
    start: np.ndarray
    reset: str
    above: bool


@dataclass
class Pool:
    """Maximum of each 2 x 2 spikes."""

    name: str


@dataclass
class Flatten:
    """Maps to a vector, in the order (c, y, x)."""

    name: str
