"""Random networks of snnTorch and spikingjelly, and their own spikes."""

import numpy as np
import pytest
import torch
from torch import nn

LIBRARIES = ("snntorch", "spikingjelly")


def neuron(library, reset="soft", threshold=1.0, tau=None):
    """IF, or with tau LIF whose current is not divided by tau."""
    if library == "snntorch":
        snn = pytest.importorskip("snntorch")
        mechanism, beta = {"soft": "subtract", "hard": "zero"}[reset], 1 - 1 / tau if tau else 1.0
        return snn.Leaky(beta, threshold=threshold, reset_mechanism=mechanism, init_hidden=True)
    sj = pytest.importorskip("spikingjelly.activation_based.neuron")
    how = {"v_threshold": threshold, "v_reset": None if reset == "soft" else 0.0}
    return sj.LIFNode(tau, decay_input=False, **how) if tau else sj.IFNode(**how)


def dyadic(layer, rng, levels=(-1.0, 1.0)):
    """Weights +-1, or of other levels, biases on 1/4: ties are frequent, and float32 is exact."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rng.choice(levels, layer.weight.shape)))
        layer.bias.copy_(torch.from_numpy(rng.integers(-8, 9, layer.bias.shape) / 4))
    return layer


def network(library, reset, seed, tau=None, levels=(-1.0, 1.0)):
    """(module, input shape, ticks) of a random network; a first layer of any kernel, odd and even pools,
    a mean before the dense layers of some. levels: of the weights behind the first layer."""
    rng = np.random.default_rng(seed)

    def fire(threshold=1.0):
        return neuron(library, reset, threshold, tau)

    c, a, b = (int(v) for v in rng.integers(1, 5, 3))
    kernel, stride = int(rng.choice([1, 3, 3, 5])), int(rng.choice([1, 1, 2]))
    padding = int(rng.integers(0, kernel))
    size = rng.integers(5, 10, 2)
    shape, ticks = (c, *(int(n) for n in size)), int(rng.integers(1, 33))
    conv = nn.Conv2d(c, a, kernel, stride, padding)
    layers = [dyadic(conv, rng), fire(100.0 * kernel)]
    size = (size + 2 * padding - kernel) // stride + 1
    if rng.integers(2) and size.min() > 1:
        layers.append(nn.MaxPool2d(2))
        size = size // 2
    kernel = int(rng.choice([1, 3]))
    layers += [dyadic(nn.Conv2d(a, b, kernel, padding=kernel // 2), rng, levels), fire()]
    if rng.integers(2) and not (size % 2).any():
        layers.append(nn.AvgPool2d(2))
        size = size // 2
    features = b * int(size.prod())
    layers += [nn.Flatten(), dyadic(nn.Linear(features, 7), rng, levels), fire(2.0)]
    layers.append(dyadic(nn.Linear(7, 3), rng, levels))
    return nn.Sequential(*layers).eval(), shape, ticks


class Sew(nn.Module):
    """A block of spike-element-wise addition: spikes of two convolutions, and those that come in."""

    def __init__(self, channels, inner, fires, rng):
        super().__init__()
        self.a, self.fire_a = dyadic(nn.Conv2d(channels, inner, 3, padding=1), rng), fires[0]
        self.b, self.fire_b = dyadic(nn.Conv2d(inner, channels, 3, padding=1), rng), fires[1]

    def forward(self, x):
        out = self.fire_b(self.b(self.fire_a(self.a(x))))
        out += x
        return out


def sew_network(library, reset, seed, tau=None):
    """(module, input shape, ticks) of a random network of one or two SEW ADD blocks."""
    rng = np.random.default_rng(seed)
    c, inner = (int(n) for n in rng.integers(1, 4, 2))
    height, width = (int(n) for n in 2 * rng.integers(2, 4, 2))
    layers = [dyadic(nn.Conv2d(1, c, 3, padding=1), rng), neuron(library, reset, 300.0, tau)]
    for _ in range(int(rng.integers(1, 3))):
        layers.append(Sew(c, inner, [neuron(library, reset, 1.0, tau) for _ in range(2)], rng))
    layers += [dyadic(nn.Conv2d(c, 3, 1), rng), neuron(library, reset, 1.0, tau), nn.MaxPool2d(2), nn.Flatten(),
               dyadic(nn.Linear(3 * height * width // 4, 4), rng)]  # fmt: skip
    return nn.Sequential(*layers).eval(), (1, height, width), int(rng.integers(1, 20))


def normalised_network(library, reset, seed, tau=None):
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
        neuron(library, reset, tau=tau), nn.MaxPool2d(2),
        dyadic(nn.Conv2d(width, width, 3, padding=1), rng), norm(nn.BatchNorm2d, width, 6.0),
        neuron(library, reset, tau=tau), nn.MaxPool2d(2), nn.Flatten(),
        dyadic(nn.Linear(width * 9, 32), rng), norm(nn.BatchNorm1d, 32, 6.0),
        neuron(library, reset, tau=tau), dyadic(nn.Linear(32, 10), rng),
    ).eval(), shape  # fmt: skip


def run(module, images, ticks):
    """(spikes of each neuron [T,N,...], summed output [N,classes]) of the library itself."""
    spikes, hooks = [], []
    for child in module.modules():
        if hasattr(child, "threshold") or hasattr(child, "v_threshold"):
            kept = []
            spikes.append(kept)
            hooks.append(
                child.register_forward_hook(lambda m, i, o, kept=kept: kept.append(o.clone()))
            )
    with torch.no_grad():
        total = sum(module(torch.from_numpy(images).float()) for _ in range(ticks))
    for hook in hooks:
        hook.remove()
    return [torch.stack(kept).numpy() for kept in spikes], total.numpy()


def cropped(model, spikes):
    """The library's spikes without the rows and columns that pooling leaves out."""
    found = [layer for layer in model.layers if not layer.readout]
    return [
        s[..., : layer.map_shape[1], : layer.map_shape[2]] if s.ndim == 5 else s
        for s, layer in zip(spikes, found, strict=True)
    ]


def bits(spikes, ticks):
    """Golden's bytes as 0/1 [T,N,C,H,W]."""
    if spikes.ndim == 4:
        spikes = spikes[:, None]
    return np.stack([spikes[:, t // 8] >> t % 8 & 1 for t in range(ticks)])
