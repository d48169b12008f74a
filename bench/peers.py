"""A model file as a network of spikingjelly or of snnTorch: what users would run instead.

Weights and thresholds are the file's, with thresholds normalised to 1. Psums of all ticks come from
one call, the encoding convolution's once per picture; then each library's own neurons fire.
"""

import importlib

import torch
from torch import nn

INSTALL = "pip install --no-deps spikingjelly snntorch loguru"


class Sums(nn.Module):
    """The psums of a model file, in units of the threshold; starts: v_init of each firing layer."""

    def __init__(self, model):
        super().__init__()
        self.ticks, self.layers, self.hard = model.ticks, model.layers, model.reset == "hard"
        self.parts, self.starts = nn.ModuleList(), []
        for layer in model.layers:
            scale = torch.ones(layer.outputs)
            if not layer.readout:
                scale = 2.0**model.fraction_bits / torch.from_numpy(layer.threshold)
                self.starts.append(torch.from_numpy(layer.v_init / layer.threshold).float())
            if layer.kind == "conv":
                part = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, padding=layer.padding)
            else:
                part = nn.Linear(layer.inputs, layer.outputs)
            shape = (-1,) + (1,) * (layer.weight.ndim - 1)
            part.weight.data = torch.from_numpy(layer.weight).float() * scale.view(shape)
            part.bias.data = (
                -torch.from_numpy(layer.bias) / 2.0**model.fraction_bits * scale
            ).float()
            self.parts.append(part)

    def forward(self, x):
        """Mean scores [N, classes] of pictures float [N,C,H,W]."""
        for index, layer in enumerate(self.layers):
            rows = x if layer.encode else x.flatten(0, 1)
            y = self.parts[index](rows.flatten(1) if layer.kind == "dense" else rows)
            y = (
                y.expand(self.ticks, *y.shape)
                if layer.encode
                else y.view(self.ticks, -1, *y.shape[1:])
            )
            if layer.readout:
                return y.mean(0)
            y = y.clone() if layer.encode else y
            y[0] += self.starts[index].view(-1, *(1,) * (y.ndim - 3))
            x = self.fire(index, y)
            if layer.pool == 2:
                x = nn.functional.max_pool2d(x.flatten(0, 1), 2).unflatten(0, (self.ticks, -1))
        return x.mean(0).flatten(2).sum(2) if x.ndim > 3 else x.mean(0)


class Jelly(Sums):
    """With spikingjelly's IFNode, all ticks in one call (multi-step mode)."""

    name, library = "spikingjelly", "spikingjelly.activation_based"

    def __init__(self, model):
        super().__init__(model)
        from spikingjelly.activation_based import functional, neuron

        self.reset_net = functional.reset_net
        self.nodes = nn.ModuleList(
            neuron.IFNode(step_mode="m", v_reset=0.0 if self.hard else None) for _ in self.starts
        )

    def fire(self, index, y):
        """Spikes [T, ...] of the drives y [T, ...]."""
        return self.nodes[index](y)

    def forward(self, x):
        self.reset_net(self)
        return super().forward(x)


class SnnTorch(Sums):
    """With snnTorch's Leaky, beta = 1. It fires above, not at, the threshold, which seldom matters, and
    resets at the start of the next tick, which gives the same spikes (bench/interchange.py)."""

    name, library = "snnTorch", "snntorch"

    def __init__(self, model):
        super().__init__(model)
        import snntorch

        how = "zero" if self.hard else "subtract"
        self.cell = snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism=how)

    def fire(self, index, y):
        """Spikes [T, ...] of the drives y [T, ...]."""
        membrane, spikes = torch.zeros_like(y[0]), []
        for drive in y:
            spike, membrane = self.cell(drive, membrane)
            spikes.append(spike)
        return torch.stack(spikes)


ALL = (Jelly, SnnTorch)


def installed():
    """(classes of ALL whose library can be imported, names of those whose cannot)."""
    present, absent = [], []
    for network in ALL:
        try:
            importlib.import_module(network.library)
            present.append(network)
        except ImportError:
            absent.append(network.name)
    return present, absent
