"""``from_torch``: a PyTorch network of snnTorch or spikingjelly neurons as a model file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import nn

from volley.firmware.modelfile import Model
from volley.model.interchange import builder, neurons, trace
from volley.model.interchange.chain import refuse
from volley.model.interchange.fold import fold

NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
NORMS = ("BatchNorm1d", "BatchNorm2d")
WRAPPERS = {
    "OptimizedModule": "_orig_mod",  # of torch.compile
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}


def from_torch(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    ticks: int | None = None,
    library: str = "auto",
    fraction_bits: int | None = None,
    scale: float = 1 / 255,
    bits: int = 8,
    spikes: int | None = None,
    binarise: bool = False,
    classes: list[str] | None = None,
    name: str = "imported",
    log: Callable[[str], None] | None = None,
) -> Model:
    """A model that gives the module's spikes, taken in evaluation mode.

    module: a chain of Conv2d (the first of any square kernel, the others 3x3 or 1x1, stride 1, padded), Linear,
    BatchNorm, IF and LIF neurons (tau 2, 4, 8 or 16), MaxPool2d(2) after the neuron, AvgPool2d before a dense
    layer, Flatten, sums of the spikes of two layers, voting at the end; nested Sequentials, or what torch.fx traces to such a chain, loops over
    ticks and sequences of ticks included. ticks: None takes those of the module's own loop.
    input_shape: (C, H, W), or (n,) of a dense first layer. scale: what the network sees for a pixel of
    1 (1/255: pixels 0 to 1). spikes: the input is spike trains instead, [T,N,C,H,W] with
    counts up to so many. library: "snntorch" or "spikingjelly" refuses neurons of the other.
    fraction_bits, binarise, log: see ``fold.fold``. Raises InterchangeError, which names the node.
    """
    net = read(module, input_shape, library=library)
    return fold(net.stages, net.shape, net.ticks(ticks), name, scale=scale, bits=bits, spikes=spikes,
                fraction_bits=fraction_bits, binarise=binarise, classes=classes,
                log=log)  # fmt: skip


@dataclass
class Network:
    """A module that was read: its chain of stages, the input's (C, H, W), how it takes its ticks."""

    stages: list
    shape: tuple[int, int, int]
    walk: trace.Walk

    def ticks(self, given):
        """The ticks of a model; InterchangeError where the module's own are others."""
        own = self.walk.ticks
        if given is None and own is None:
            raise refuse("(network)", "does not say its ticks", "give ticks, 1 to 32")
        if None not in (given, own) and given != own:
            raise refuse("(network)", f"runs {own} ticks by itself", f"found ticks {given}")
        return own if given is None else given


def read(module: nn.Module, input_shape, *, library: str = "auto") -> Network:
    """The Network of a module; see ``from_torch``."""
    if library not in ("auto", "snntorch", "spikingjelly"):
        raise refuse("(network)", f"library {library!r}", "allowed: auto, snntorch, spikingjelly")
    if not isinstance(module, nn.Module):
        raise refuse("(network)", f"is {type(module).__name__}", "give a torch.nn.Module")
    kind = type(module).__name__
    if kind in WRAPPERS:
        raise refuse("(network)", f"is {kind} around a network", f"give its .{WRAPPERS[kind]}")
    shape = builder.input_shape(input_shape)
    chain, walk = builder.ChainBuilder(shape), trace.walk(module)
    for path, leaf in walk.links:
        _add(chain, path, leaf, library)
        chain.keep()
    return Network(chain.stages, shape, walk)


def _add(chain, path, m, library):
    """Adds a leaf module to the ChainBuilder."""
    if isinstance(m, nn.Conv2d):
        chain.conv(path, *_weights(path, m), stride=m.stride, padding=m.padding,
                   dilation=m.dilation, groups=m.groups, mode=m.padding_mode)  # fmt: skip
    elif isinstance(m, nn.Linear):
        chain.dense(path, *_weights(path, m))
    elif isinstance(m, nn.modules.batchnorm._BatchNorm) and type(m).__name__ in NORMS:
        if m.running_mean is None:
            raise refuse(path, "has no running statistics", "set track_running_stats=True")
        sd = np.sqrt(_real(m.running_var) + m.eps)
        gain = (_real(m.weight) if m.affine else 1.0) / sd
        shift = _real(m.bias) if m.affine else 0.0
        chain.gain(path, gain, shift - gain * _real(m.running_mean))
    elif neurons.is_neuron(m):
        if library not in ("auto", neurons.library_of(m)):
            raise refuse(
                path, f"is of {neurons.library_of(m)}", f"library={library!r} was asked for"
            )
        chain.fire(neurons.read(path, m, chain.channels))
    elif isinstance(m, nn.MaxPool2d):
        chain.pool(path, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode)
    elif isinstance(m, nn.AvgPool2d):
        plain = not m.ceil_mode and m.divisor_override in (None,)
        chain.mean(path, m.kernel_size, m.stride, m.padding, plain)
    elif isinstance(m, nn.AdaptiveAvgPool2d):
        if m.output_size not in (1, (1, 1)):
            raise refuse(
                path, f"output size {m.output_size}", "allowed: 1, the mean of a whole map"
            )
        chain.mean(path, None, None)
    elif type(m).__name__ == "VotingLayer":
        chain.votes(path, m.voting_size)
    elif isinstance(m, tuple):
        getattr(chain, m[0])(path, *m[1:])
    elif isinstance(m, nn.Flatten) or m == "flatten":
        chain.flatten(path)
    elif not isinstance(m, NOTHING) and type(m).__name__ not in ("Dropout", "Dropout2d"):
        raise refuse(path, f"is {type(m).__name__}",
                     "allowed: Conv2d, Linear, BatchNorm, IF and LIF neurons, "
                     "MaxPool2d, AvgPool2d, Flatten")  # fmt: skip


def _weights(path, m):
    """(weight, bias or None); a class that makes its weights in its forward is refused."""
    if not type(m).__module__.startswith(("torch.nn", "spikingjelly")) or type(
        m
    ).__name__.startswith("WS"):
        raise refuse(path, f"is {type(m).__name__}, whose weights its own code makes",
                     "copy the binary weights into a plain Conv2d or Linear")  # fmt: skip
    if isinstance(m.weight, nn.UninitializedParameter) or m.weight.is_meta:
        raise refuse(path, "has weights without values", "load the trained ones first")
    if m._forward_pre_hooks:  # pruning and norms of weights make the weight at each call
        m = neurons.copied(m).eval()
        for hook in m._forward_pre_hooks.values():
            if type(hook).__module__.startswith("torch.nn.utils"):
                hook(m, None)
    return _real(m.weight), None if m.bias is None else _real(m.bias)


def _real(tensor):
    return tensor.detach().double().cpu().numpy()
