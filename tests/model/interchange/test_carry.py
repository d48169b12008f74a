"""Sums of spikes of two layers (SEW ADD): the library's own spikes, by maps that come along."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.peer_networks import LIBRARIES, bits, cropped, dyadic, neuron, run, sew_network
from volley.model import golden
from volley.model.interchange import check, torch_import
from volley.model.interchange.chain import InterchangeError
from volley.model.interchange.torch_import import from_torch

RNG = np.random.default_rng(3)


def differing(library, reset, seed, tau=None):
    """(spikes that differ, spikes, neurons x ticks) of one random network; also compares the scores."""
    module, shape, ticks = sew_network(library, reset, seed, tau)
    model = from_torch(module, shape, ticks=ticks, scale=1.0)
    images = np.random.default_rng(seed).integers(0, 256, (4, *shape), dtype=np.uint8)
    theirs, total = run(module, images, ticks)
    ours = golden.run(model, images)
    wrong = fired = count = 0
    for mine, other in zip(ours.spikes, cropped(model, theirs)):
        mine = bits(mine, ticks)[:, :, : other.shape[2]].reshape(other.shape)
        wrong, fired = wrong + int((mine != other).sum()), fired + int(other.sum())
        count += other.size
    if not tau:
        scale = 2 ** model.fraction_bits_of(model.layers[-1])
        assert np.array_equal(ours.scores, total * scale)
    return wrong, fired, count


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_no_spike_differs(library, reset):
    found = [differing(library, reset, seed) for seed in range(3)]
    assert sum(wrong for wrong, _, _ in found) == 0
    assert sum(fired for _, fired, _ in found) > 100


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_no_spike_of_many_networks_differs(library, reset):
    assert sum(differing(library, reset, 100 + seed)[0] for seed in range(50)) == 0


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_leak(library, reset):
    """Maps come along through leaking layers, both orders of leak and reset."""
    found = [differing(library, reset, 20 + seed, 2.0) for seed in range(3)]
    assert sum(wrong for wrong, _, _ in found) <= 2e-3 * sum(count for *_, count in found)
    assert sum(fired for _, fired, _ in found) > 100


def test_check_compares_each_layer():
    module, shape, ticks = sew_network("snntorch", "hard", 5)
    net = torch_import.read(module, shape)
    model = from_torch(module, shape, ticks=ticks, scale=1.0)
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    found = check.compare(module, net.walk, model, images, 1.0)
    assert not any(row[4] for row in found.layers) and all(row[1] for row in found.layers)


class Adds(nn.Module):
    """Three convolutions of spikes; ``how`` puts them together."""

    def __init__(self, how):
        super().__init__()
        self.convs = nn.ModuleList(dyadic(nn.Conv2d(2, 2, 3, padding=1), RNG) for _ in range(4))
        self.fires = nn.ModuleList(neuron("spikingjelly", "hard", 2.0) for _ in range(4))
        self.pool, self.mean, self.flat = nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten()
        self.dense = dyadic(nn.Linear(72, 3), RNG)
        self.small = dyadic(nn.Linear(18, 3), RNG)
        self.how = how

    def block(self, index, x):
        return self.fires[index](self.convs[index](x))

    def forward(self, x):
        return self.how(self, self.block(0, x))


ALLOWED = {
    "twice": lambda net, x: net.dense(net.flat(x + net.block(2, x + net.block(1, x)))),
    "from afar": lambda net, x: net.dense(net.flat(x + net.block(2, net.block(1, x)))),
    "the same map again": lambda net, x: net.dense(net.flat(net.block(2, net.block(1, x) + x) + x)),
    "mean": lambda net, x: net.small(net.flat(net.mean(net.block(1, x) + x))),
    "into a convolution": lambda net, x: net.dense(
        net.flat(net.block(3, torch.add(net.block(2, net.block(1, x)), x)))
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_shapes_of_sums(name):
    module = Adds(ALLOWED[name]).eval()
    model = from_torch(module, (2, 6, 6), ticks=5, scale=1 / 64)
    images = np.random.default_rng(1).integers(0, 256, (6, 2, 6, 6), dtype=np.uint8)
    with torch.no_grad():
        total = sum(module(torch.from_numpy(images) / 64) for _ in range(5)).numpy()
    ours = golden.run(model, images)
    unit = 2.0 ** model.fraction_bits_of(model.layers[-1]) * (4 if name == "mean" else 1)
    assert np.allclose(ours.scores / unit, total) and np.ptp(total, axis=0).all()


@pytest.mark.parametrize(
    "how, text",
    [
        (lambda net, x: net.small(net.flat(net.pool(net.block(1, x) + x))),
         "node 'pool': is the maximum of sums of spikes"),
        (lambda net, x: net.small(net.flat(net.pool(net.block(1, x)) + x)),
         "node 'add': adds maps of [2, 6, 6] and [2, 3, 3]"),
        (lambda net, x: net.dense(net.flat(net.fires[1](net.convs[1](x) + x))),
         "node 'add': adds something else than the spikes of two layers"),
        (lambda net, x: net.block(1, x) + x, "node 'add': is a sum of spikes that no layer follows"),
        (lambda net, x: net.block(1, x) + net.block(2, x), "branches off before 'convs.1'"),
    ],
)  # fmt: skip
def test_refused(how, text):
    with pytest.raises(InterchangeError) as error:
        from_torch(Adds(how), (2, 6, 6), ticks=2, scale=1.0)
    assert text in str(error.value) and "\n" not in str(error.value)
