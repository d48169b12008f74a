"""``from_torch``: a PyTorch network of snnTorch or spikingjelly neurons as a model file."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from torch import fx, nn

from volley.firmware.modelfile import Model
from volley.model.interchange import neurons
from volley.model.interchange.chain import Flatten, Gain, Pool, Weights, refuse
from volley.model.interchange.fold import fold

CONTAINERS = ("SeqToANNContainer", "MultiStepContainer", "StepModeContainer")
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def from_torch(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    ticks: int,
    library: str = "auto",
    fraction_bits: int | None = None,
    scale: float = 1 / 255,
    bits: int = 8,
    binarise: bool = False,
    classes: list[str] | None = None,
    name: str = "imported",
    log: Callable[[str], None] | None = None,
) -> Model:
    """A model that gives the module's spikes, taken in evaluation mode.

    module: a chain of Conv2d (3x3 or 1x1, stride 1, padded), Linear, BatchNorm, IF neurons, MaxPool2d(2)
    after the neuron and Flatten; nested Sequentials, or what torch.fx traces to such a chain.
    input_shape: (C, H, W), or (n,) of a dense first layer. scale: what the network sees for a pixel of
    1 (1/255: pixels 0 to 1). library: "snntorch" or "spikingjelly" refuses neurons of the other.
    fraction_bits, binarise, log: see ``fold.fold``. Raises InterchangeError, which names the node.
    """
    if library not in ("auto", "snntorch", "spikingjelly"):
        raise refuse("(network)", f"library {library!r}", "allowed: auto, snntorch, spikingjelly")
    shape = tuple(input_shape) if len(input_shape) == 3 else (*input_shape, 1, 1)
    if len(shape) != 3:
        raise refuse("(network)", f"input_shape {tuple(input_shape)}", "allowed: (C, H, W) or (n,)")
    chain, channels, size = [], shape[0], shape[1:]
    for path, leaf in _leaves(module):
        stage, channels, size = _stage(path, leaf, channels, size, library)
        if stage:
            chain.append(stage)
    return fold(chain, shape, ticks, name, scale=scale, bits=bits, fraction_bits=fraction_bits,
                binarise=binarise, classes=classes, log=log)  # fmt: skip


class _Tracer(fx.Tracer):
    """Takes modules of torch and of the libraries as wholes, but for their Sequentials."""

    def is_leaf_module(self, m, module_qualified_name):
        return neurons.library_of(m) is not None or super().is_leaf_module(m, module_qualified_name)


def _leaves(module, path=""):
    """(path, module) of the chain, in order of data flow."""
    if type(module) is nn.Sequential or type(module).__name__ in CONTAINERS:
        for key, child in module.named_children():
            yield from _leaves(child, f"{path}.{key}" if path else key)
        return
    if neurons.library_of(module) or type(module).__module__.startswith("torch.nn"):
        yield path or type(module).__name__, module
        return
    try:
        graph = _Tracer().trace(module)
    except Exception as error:  # torch.fx raises what the user's forward happens to
        raise refuse(path or "(network)", f"torch.fx cannot trace it ({error})".replace("\n", " "),
                     "give a plain nn.Sequential of the layers") from None  # fmt: skip
    inside, last = dict(module.named_modules()), None
    for node in graph.nodes:
        if node.op == "placeholder":
            if last is not None:
                raise refuse(node.name, "a second input", "give a network of one input")
            last = node
        elif node.op == "call_module":
            if node.args[:1] != (last,) or len(node.args) > 1 or node.kwargs:
                raise refuse(node.target, "is not one link of a chain", "only chains can be imported; "
                             "use init_hidden=True for neurons, and one tick a call")  # fmt: skip
            last = node
            prefix = f"{path}.{node.target}" if path else node.target
            yield from _leaves(inside[node.target], prefix)
        elif node.op == "output":
            if node.args != (last,):
                raise refuse("output", "is not the last layer's", "return the last layer's output")
        else:
            raise refuse(node.name, f"calls {node.target}", "use the module of it, in a chain")


def _stage(path, m, channels, size, library):
    """(stage or None, channels, map size) after a leaf module on maps [channels, *size]."""
    kind = type(m).__name__
    if isinstance(m, nn.Conv2d):
        plain = m.kernel_size in ((1, 1), (3, 3)) and m.stride == (1, 1) and m.dilation == (1, 1)
        pad = tuple(k // 2 for k in m.kernel_size)
        if (
            not plain
            or m.groups != 1
            or m.padding not in (pad, "same")
            or m.padding_mode != "zeros"
        ):
            raise refuse(path, f"kernel {m.kernel_size}, stride {m.stride}, padding {m.padding}, "
                         f"dilation {m.dilation}, groups {m.groups}, {m.padding_mode}",
                         "allowed: 3x3 with padding 1 or 1x1 with 0, stride, dilation, groups 1, "
                         "zeros")  # fmt: skip
        return _weights(path, m), m.out_channels, size
    if isinstance(m, nn.Linear):
        if m.in_features != channels * math.prod(size):
            raise refuse(path, f"{m.in_features} inputs on a map of {[channels, *size]}",
                         "give the input_shape that the network is for")  # fmt: skip
        return _weights(path, m), m.out_features, (1, 1)
    if type(m).__name__ in ("BatchNorm1d", "BatchNorm2d") and isinstance(
        m, nn.modules.batchnorm._BatchNorm
    ):
        if m.running_mean is None:
            raise refuse(path, "has no running statistics", "set track_running_stats=True")
        sd = np.sqrt(_real(m.running_var) + m.eps)
        gain = (_real(m.weight) if m.affine else 1.0) / sd
        shift = _real(m.bias) if m.affine else 0.0
        return Gain(path, gain, shift - gain * _real(m.running_mean)), channels, size
    if neurons.is_neuron(m):
        if library not in ("auto", neurons.library_of(m)):
            raise refuse(
                path, f"is of {neurons.library_of(m)}", f"library={library!r} was asked for"
            )
        return neurons.read(path, m, channels), channels, size
    if isinstance(m, nn.MaxPool2d):
        two = all(v in (2, (2, 2)) for v in (m.kernel_size, m.stride))
        if not two or m.padding not in (0, (0, 0)) or m.dilation not in (1, (1, 1)):
            raise refuse(path, f"kernel {m.kernel_size}, stride {m.stride}, padding {m.padding}",
                         "allowed: 2, stride 2, padding 0")  # fmt: skip
        if size[0] % 2 or size[1] % 2:
            raise refuse(
                path,
                f"pools a map of {size[0]}x{size[1]}",
                "even sizes; odd ones: format 2, not yet",
            )
        return Pool(path), channels, (size[0] // 2, size[1] // 2)
    if isinstance(m, nn.Flatten):
        return Flatten(path), channels, size
    if isinstance(m, NOTHING) or kind in ("Dropout", "Dropout2d"):
        return None, channels, size
    raise refuse(
        path, f"is {kind}", "allowed: Conv2d, Linear, BatchNorm, IF neurons, MaxPool2d, Flatten"
    )


def _weights(path, m):
    """The Weights stage; a class that makes its weights in its forward is refused."""
    if not type(m).__module__.startswith(("torch.nn", "spikingjelly")) or type(
        m
    ).__name__.startswith("WS"):
        raise refuse(path, f"is {type(m).__name__}, whose weights its own code makes",
                     "copy the binary weights into a plain Conv2d or Linear")  # fmt: skip
    bias = np.zeros(len(m.weight)) if m.bias is None else _real(m.bias)
    return Weights(path, _real(m.weight), bias)


def _real(tensor):
    return tensor.detach().double().cpu().numpy()
