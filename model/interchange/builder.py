"""Builds a chain of stages (chain.py) layer by layer, checks each, and follows the shape of its maps."""

from __future__ import annotations

import math
from operator import index

import numpy as np

from volley.model.interchange.chain import (
    Add,
    Fire,
    Flatten,
    Gain,
    Mean,
    Pool,
    Votes,
    Weights,
    refuse,
)


class ChainBuilder:
    """``stages`` is the chain so far; channels and size (height, width) are those of its last map."""

    def __init__(self, shape):
        """shape: (C, H, W) of the input."""
        self.stages: list = []
        self.channels, self.size = shape[0], tuple(shape[1:])
        self._factor = 1.0  # of the inputs of the next layer
        self._maps = [self._map()]

    def conv(self, name, weight, bias, *, stride=1, padding=0, dilation=1, groups=1, mode="zeros"):
        """A convolution: weight [out, in, kh, kw], bias [out] or None."""
        weight = np.asarray(weight, float)
        kernel, first = weight.shape[2:], not self.stages
        stride, dilation = _pair(stride), _pair(dilation)
        if isinstance(padding, str):
            if padding == "same" and not all(k % 2 for k in kernel):
                raise refuse(name, f"kernel {kernel} with padding 'same', which pads one side more",
                             "give the padding as a number, or use an odd kernel")  # fmt: skip
            padding = tuple(k // 2 for k in kernel) if padding == "same" else (0, 0)
        padding = _pair(padding)
        if groups == self.channels == weight.shape[0] > 1:
            raise refuse(name, f"is depthwise ({groups} groups)",
                         "use a full convolution: one word of the memory holds many channels")  # fmt: skip
        found = (f"kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}, "
                 f"groups {groups}, {mode}")  # fmt: skip
        if (dilation, groups, mode) != ((1, 1), 1, "zeros"):
            raise refuse(name, found, "allowed: dilation and groups 1, padding with zeros")
        square = all(pair[0] == pair[1] for pair in (kernel, stride, padding))
        plain = (kernel, stride, padding) in (
            ((1, 1), (1, 1), (0, 0)),
            ((3, 3), (1, 1), (1, 1)),
        )
        if not square or not (first or plain) or padding[0] >= kernel[0]:
            raise refuse(name, found, "allowed: square ones, padding below the kernel" if first else
                         "allowed after the first layer: 3x3 with padding 1 or 1x1 with 0, stride 1")  # fmt: skip
        if weight.shape[1] != self.channels:
            raise refuse(name, f"{weight.shape[1]} input channels on a map of "
                         f"{[self.channels, *self.size]}",
                         "give the input_shape that the network is for")  # fmt: skip
        self._weights(name, weight, bias, stride[0], padding[0])
        self.size = tuple(
            (n + 2 * p - k) // s + 1 for n, k, s, p in zip(self.size, kernel, stride, padding)
        )

    def dense(self, name, weight, bias):
        """A dense layer: weight [out, n], bias [out] or None."""
        weight = np.asarray(weight, float)
        if weight.shape[1] != self.channels * math.prod(self.size):
            raise refuse(name, f"{weight.shape[1]} inputs on a map of "
                         f"{[self.channels, *self.size]}",
                         "give the input_shape that the network is for")  # fmt: skip
        self._weights(name, weight, bias)
        self.size = (1, 1)

    def _weights(self, name, weight, bias, stride=1, padding=0):
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, float)
        if bias.shape not in ((), (len(weight),)):
            raise refuse(name, f"has a bias of shape {list(bias.shape)} for {len(weight)} outputs",
                         "give one for each output")  # fmt: skip
        self.stages.append(Weights(name, weight, bias, self._factor, stride, padding))
        self.channels, self._factor = len(weight), 1.0

    def gain(self, name, gain, offset):
        """gain * x + offset per channel, of the current of a layer."""
        for values in (gain, offset):
            if np.size(values) not in (1, self.channels):
                raise refuse(name, f"is of {np.size(values)} channels, behind {self.channels}",
                             "give one of the layer's channels")  # fmt: skip
        self.stages.append(Gain(name, np.asarray(gain, float), np.asarray(offset, float)))

    def scale(self, name, factor):
        """factor * x, scalar or [channels]: of a current, or of the input or the spikes before a layer."""
        factor = np.asarray(factor, float)
        if self.stages and isinstance(self.stages[-1], Weights | Gain):
            self.gain(name, factor, 0.0)
        elif factor.size == 1:
            self._factor *= float(factor.reshape(()))
        else:
            raise refuse(name, "scales the channels of spikes by more than one factor",
                         "scale the weights of the next layer instead")  # fmt: skip

    def fire(self, stage: Fire):
        """A neuron."""
        self.stages.append(stage)

    def _map(self):
        return len(self.stages), (self.channels, *self.size), self._factor

    def keep(self):
        """Remembers the map so far, for ``add``."""
        self._maps.append(self._map())

    def add(self, name, number):
        """The sum of this map and of the one that was kept as the so manyth, 0 being the input."""
        stages, shape, factor = self._maps[number]
        if (shape, factor) != self._map()[1:]:
            raise refuse(name, f"adds maps of {list(shape)} and {[self.channels, *self.size]}",
                         "allowed: maps of one size, both of spikes")  # fmt: skip
        self.stages.append(Add(name, stages))

    def pool(self, name, kernel, stride, padding=0, dilation=1, ceil=False):
        """The maximum of spikes."""
        found = [_pair(v) for v in (kernel, stride, padding, dilation)]
        if found != [(2, 2), (2, 2), (0, 0), (1, 1)] or ceil:
            raise refuse(name, f"kernel {kernel}, stride {stride}, padding {padding}, "
                         f"dilation {dilation}" + (", ceil_mode" if ceil else ""),
                         "allowed: 2, stride 2, padding 0")  # fmt: skip
        self.stages.append(Pool(name))
        self.size = (self.size[0] // 2, self.size[1] // 2)

    def mean(self, name, kernel, stride, padding=0, plain=True, total=False):
        """The mean of spikes, their sum with ``total``; kernel None: of the whole map."""
        size = self.size[0] if kernel is None else _pair(kernel)[0]
        found = [_pair(size if v is None else v) for v in (kernel, stride)]
        square = self.size[0] == self.size[1] or kernel is not None
        if found != [(size, size)] * 2 or _pair(padding) != (0, 0) or not plain or not square:
            raise refuse(name, f"kernel {kernel}, stride {stride}, padding {padding} on a map of "
                         f"{list(self.size)}",
                         "allowed: a square, stride as the kernel, padding 0, as in AvgPool2d(2)")  # fmt: skip
        if any(n % size for n in self.size):
            raise refuse(name, f"means of {size}x{size} on a map of {list(self.size)}",
                         "allowed: what divides both sides")  # fmt: skip
        if size > 1:
            self.stages.append(Mean(name, size))
        self._factor *= size**2 if total else 1
        self.size = (self.size[0] // size, self.size[1] // size)

    def votes(self, name, outputs):
        """Groups of so many outputs are a class."""
        if self.channels % outputs:
            raise refuse(name, f"groups of {outputs} of {self.channels} outputs",
                         "allowed: what divides them")  # fmt: skip
        self.stages.append(Votes(name, outputs))

    def flatten(self, name, features=None):
        """Maps to a vector, of so many features."""
        size = self.channels * math.prod(self.size)
        if features not in (None, size):
            raise refuse(name, f"{features} features of a map of {[self.channels, *self.size]}",
                         f"allowed: {size}")  # fmt: skip
        self.stages.append(Flatten(name))


def _pair(value):
    """A number or two as a tuple of two ints."""
    values = np.atleast_1d(np.asarray(value)).astype(int).tolist()
    return (values[0], values[-1])


def input_shape(given) -> tuple[int, int, int]:
    """(C, H, W) of (C, H, W) or (n,); InterchangeError for others."""
    try:
        shape = tuple(index(n) for n in given)
    except TypeError:
        raise refuse("(network)", f"input_shape {given!r}", "allowed: (C, H, W) or (n,)") from None
    if len(shape) == 1:
        shape = (*shape, 1, 1)
    if len(shape) != 3 or min(shape) < 1:
        raise refuse("(network)", f"input_shape {tuple(given)}", "allowed: (C, H, W) or (n,)")
    return shape
