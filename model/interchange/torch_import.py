"""``from_torch``: a PyTorch network of snnTorch or spikingjelly neurons as a model file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import fx, nn

from volley.firmware.modelfile import Model
from volley.model.interchange import builder, neurons
from volley.model.interchange.chain import refuse
from volley.model.interchange.fold import fold

CONTAINERS = ("SeqToANNContainer", "MultiStepContainer", "StepModeContainer")
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
NORMS = ("BatchNorm1d", "BatchNorm2d")


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
    shape = builder.input_shape(input_shape)
    chain = builder.ChainBuilder(shape)
    for path, leaf in _leaves(module):
        _add(chain, path, leaf, library)
    return fold(chain.stages, shape, ticks, name, scale=scale, bits=bits,
                fraction_bits=fraction_bits, binarise=binarise, classes=classes,
                log=log)  # fmt: skip


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
    elif isinstance(m, nn.Flatten):
        chain.flatten(path)
    elif not isinstance(m, NOTHING) and type(m).__name__ not in ("Dropout", "Dropout2d"):
        raise refuse(path, f"is {type(m).__name__}",
                     "allowed: Conv2d, Linear, BatchNorm, IF neurons, MaxPool2d, "
                     "Flatten")  # fmt: skip


def _weights(path, m):
    """(weight, bias or None); a class that makes its weights in its forward is refused."""
    if not type(m).__module__.startswith(("torch.nn", "spikingjelly")) or type(
        m
    ).__name__.startswith("WS"):
        raise refuse(path, f"is {type(m).__name__}, whose weights its own code makes",
                     "copy the binary weights into a plain Conv2d or Linear")  # fmt: skip
    return _real(m.weight), None if m.bias is None else _real(m.bias)


def _real(tensor):
    return tensor.detach().double().cpu().numpy()
