"""Builds a chain of stages (chain.py) layer by layer, checks each, and follows the shape of its maps."""

from __future__ import annotations

import math

import numpy as np

from volley.model.interchange.chain import Fire, Flatten, Gain, Pool, Weights, refuse


class ChainBuilder:
    """``stages`` is the chain so far; channels and size (height, width) are those of its last map."""

    def __init__(self, shape):
        """shape: (C, H, W) of the input."""
        self.stages: list = []
        self.channels, self.size = shape[0], tuple(shape[1:])
        self._factor = 1.0  # of the inputs of the next layer

    def conv(self, name, weight, bias, *, stride=1, padding=0, dilation=1, groups=1, mode="zeros"):
        """A convolution: weight [out, in, kh, kw], bias [out] or None."""
        weight = np.asarray(weight, float)
        kernel = weight.shape[2:]
        stride, dilation = _pair(stride), _pair(dilation)
        pad = tuple(k // 2 for k in kernel)
        if groups == self.channels == weight.shape[0] > 1:
            raise refuse(name, f"is depthwise ({groups} groups)",
                         "use a full convolution: one descriptor would read a channel")  # fmt: skip
        padded = pad if isinstance(padding, str) and padding == "same" else _pair(padding)
        if (
            kernel not in ((1, 1), (3, 3))
            or (stride, dilation, groups, mode) != ((1, 1), (1, 1), 1, "zeros")
            or padded != pad
        ):
            raise refuse(name, f"kernel {kernel}, stride {stride}, padding {padded}, "
                         f"dilation {dilation}, groups {groups}, {mode}",
                         "allowed: 3x3 with padding 1 or 1x1 with 0, stride, dilation, groups 1, "
                         "zeros")  # fmt: skip
        if weight.shape[1] != self.channels:
            raise refuse(name, f"{weight.shape[1]} input channels on a map of "
                         f"{[self.channels, *self.size]}",
                         "give the input_shape that the network is for")  # fmt: skip
        self._weights(name, weight, bias)

    def dense(self, name, weight, bias):
        """A dense layer: weight [out, n], bias [out] or None."""
        weight = np.asarray(weight, float)
        if weight.shape[1] != self.channels * math.prod(self.size):
            raise refuse(name, f"{weight.shape[1]} inputs on a map of "
                         f"{[self.channels, *self.size]}",
                         "give the input_shape that the network is for")  # fmt: skip
        self._weights(name, weight, bias)
        self.size = (1, 1)

    def _weights(self, name, weight, bias):
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, float)
        self.stages.append(Weights(name, weight, bias, self._factor))
        self.channels, self._factor = len(weight), 1.0

    def gain(self, name, gain, offset):
        """gain * x + offset per channel, of the current of a layer."""
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

    def pool(self, name, kernel, stride, padding=0, dilation=1, ceil=False):
        """The maximum of spikes."""
        found = [_pair(v) for v in (kernel, stride, padding, dilation)]
        if found != [(2, 2), (2, 2), (0, 0), (1, 1)] or ceil:
            raise refuse(name, f"kernel {kernel}, stride {stride}, padding {padding}, "
                         f"dilation {dilation}" + (", ceil_mode" if ceil else ""),
                         "allowed: 2, stride 2, padding 0")  # fmt: skip
        height, width = self.size
        if height % 2 or width % 2:
            raise refuse(name, f"pools a map of {height}x{width}",
                         "even sizes; odd ones: format 2, not yet")  # fmt: skip
        self.stages.append(Pool(name))
        self.size = (height // 2, width // 2)

    def flatten(self, name):
        """Maps to a vector."""
        self.stages.append(Flatten(name))


def _pair(value):
    """A number or two as a tuple of two ints."""
    values = np.atleast_1d(np.asarray(value)).astype(int).tolist()
    return (values[0], values[-1])


def input_shape(given) -> tuple[int, int, int]:
    """(C, H, W) of (C, H, W) or (n,); InterchangeError for others."""
    shape = tuple(int(n) for n in given)
    if len(shape) == 1:
        shape = (*shape, 1, 1)
    if len(shape) != 3 or min(shape) < 1:
        raise refuse("(network)", f"input_shape {tuple(given)}", "allowed: (C, H, W) or (n,)")
    return shape
