"""Random networks of snnTorch and spikingjelly, and their own spikes."""

import numpy as np
import pytest
import torch
from torch import nn

LIBRARIES = ("snntorch", "spikingjelly")


def neuron(library, reset="soft", threshold=1.0):
    if library == "snntorch":
        snn = pytest.importorskip("snntorch")
        mechanism = {"soft": "subtract", "hard": "zero"}[reset]
        return snn.Leaky(1.0, threshold=threshold, reset_mechanism=mechanism, init_hidden=True)
    sj = pytest.importorskip("spikingjelly.activation_based.neuron")
    return sj.IFNode(v_threshold=threshold, v_reset=None if reset == "soft" else 0.0)


def dyadic(layer, rng):
    """Weights +-1, biases on 1/4: ties are frequent, and float32 is exact."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rng.choice([-1.0, 1.0], layer.weight.shape)))
        layer.bias.copy_(torch.from_numpy(rng.integers(-8, 9, layer.bias.shape) / 4))
    return layer


def network(library, reset, seed):
    """(module, input shape, ticks) of a random network."""
    rng = np.random.default_rng(seed)
    c, h, w, a, b = (int(v) for v in rng.integers(1, 5, 5))
    h, w, ticks = 2 * h, 2 * w, int(rng.integers(1, 33))
    layers = [dyadic(nn.Conv2d(c, a, 3, padding=1), rng), neuron(library, reset, 200.0)]
    pool = bool(rng.integers(2))
    if pool:
        layers.append(nn.MaxPool2d(2))
    kernel = int(rng.choice([1, 3]))
    layers += [dyadic(nn.Conv2d(a, b, kernel, padding=kernel // 2), rng), neuron(library, reset)]
    features = b * h * w // (4 if pool else 1)
    layers += [nn.Flatten(), dyadic(nn.Linear(features, 7), rng), neuron(library, reset, 2.0)]
    layers.append(dyadic(nn.Linear(7, 3), rng))
    return nn.Sequential(*layers).eval(), (c, h, w), ticks


def normalised_network(library, reset, seed):
    """(module, input shape): conv, conv, dense with weights +-1 and real batch normalisation."""
    rng = np.random.default_rng(seed)

    def norm(kind, channels, spread):
        made = kind(channels)
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(rng.uniform(0.4, 1.6, channels)))
            made.weight *= torch.from_numpy(rng.choice([-1.0, 1.0], channels))
            made.bias.copy_(torch.from_numpy(rng.normal(0.3, 0.4, channels)))
            made.running_mean.copy_(torch.from_numpy(rng.normal(0, spread, channels)))
            made.running_var.copy_(torch.from_numpy(spread**2 * rng.uniform(0.5, 2, channels)))
        return made

    shape, width = (2, 12, 12), 16
    return nn.Sequential(
        dyadic(nn.Conv2d(2, width, 3, padding=1), rng), norm(nn.BatchNorm2d, width, 2.0),
        neuron(library, reset), nn.MaxPool2d(2),
        dyadic(nn.Conv2d(width, width, 3, padding=1), rng), norm(nn.BatchNorm2d, width, 6.0),
        neuron(library, reset), nn.MaxPool2d(2), nn.Flatten(),
        dyadic(nn.Linear(width * 9, 32), rng), norm(nn.BatchNorm1d, 32, 6.0),
        neuron(library, reset), dyadic(nn.Linear(32, 10), rng),
    ).eval(), shape  # fmt: skip


def run(module, images, ticks):
    """(spikes of each neuron [T,N,...], summed output [N,classes]) of the library itself."""
    spikes, hooks = [], []
    for child in module:
        if hasattr(child, "threshold") or hasattr(child, "v_threshold"):
            kept = []
            spikes.append(kept)
            hooks.append(child.register_forward_hook(lambda m, i, o, kept=kept: kept.append(o)))
    with torch.no_grad():
        total = sum(module(torch.from_numpy(images).float()) for _ in range(ticks))
    for hook in hooks:
        hook.remove()
    return [torch.stack(kept).numpy() for kept in spikes], total.numpy()


def bits(spikes, ticks):
    """Golden's bytes as 0/1 [T,N,C,H,W]."""
    if spikes.ndim == 4:
        spikes = spikes[:, None]
    return np.stack([spikes[:, t // 8] >> t % 8 & 1 for t in range(ticks)])
