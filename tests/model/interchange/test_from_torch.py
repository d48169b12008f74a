"""Imported networks against the library's own spikes, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.peer_networks import LIBRARIES, bits, dyadic, network, neuron, run
from volley.model import golden
from volley.model.interchange.chain import InterchangeError
from volley.model.interchange.torch_import import from_torch


def differing(library, reset, seed):
    """(spikes that differ, spikes) of one random network; also compares the scores."""
    module, shape, ticks = network(library, reset, seed)
    model = from_torch(module, shape, ticks=ticks, library=library, scale=1.0)
    images = np.random.default_rng(seed + 1).integers(0, 256, (4, *shape), dtype=np.uint8)
    theirs, total = run(module, images, ticks)
    ours = golden.run(model, images)
    assert np.array_equal(ours.scores, total * 2**model.fraction_bits)
    assert len(ours.spikes) == len(theirs) == 3
    wrong = count = 0
    for mine, other in zip(ours.spikes, theirs):
        mine = bits(mine, ticks).reshape(other.shape)
        wrong += int((mine != other).sum())
        count += int(other.sum())
    return wrong, count


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_no_spike_differs(library, reset):
    counts = [differing(library, reset, seed) for seed in range(4)]
    assert sum(wrong for wrong, _ in counts) == 0
    assert sum(count for _, count in counts) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_no_spike_of_many_networks_differs(library, reset):
    assert sum(differing(library, reset, 100 + seed)[0] for seed in range(50)) == 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_normalisation_of_both_signs(library):
    rng = np.random.default_rng(5)
    norm = nn.BatchNorm1d(6, eps=0.0)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -1.0, 2.0, -0.5, 1.0, -2.0]))
        norm.bias.copy_(torch.tensor([0.5, 1.0, -0.25, 0.0, 0.25, 0.5]))
        norm.running_var.fill_(4.0)
        norm.running_mean.copy_(torch.tensor([1.0, -2.0, 0.0, 4.0, 2.0, 1.0]))
    module = nn.Sequential(
        nn.Flatten(), dyadic(nn.Linear(16, 6), rng), norm, neuron(library, "hard", 8.0)
    ).eval()
    model = from_torch(module, (1, 4, 4), ticks=9, scale=1.0)
    images = rng.integers(0, 16, (50, 1, 4, 4), dtype=np.uint8)
    theirs, total = run(module, images, 9)
    assert np.array_equal(golden.run(model, images).scores, total)
    assert 0 < total.sum() < total.size * 9


def refused(layers, text, shape=(1, 6, 6), **options):
    with pytest.raises(InterchangeError) as error:
        from_torch(nn.Sequential(*layers), shape, ticks=4, **options)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def conv(*arguments, **options):
    return dyadic(nn.Conv2d(*arguments, **options), np.random.default_rng(0))


@pytest.mark.parametrize("library", LIBRARIES)
def test_refused_order(library):
    fire = neuron(library)
    refused([conv(1, 2, 3, padding=1), nn.MaxPool2d(2), fire], "node '1': pools something else")
    refused([conv(1, 2, 3, padding=1), conv(2, 2, 1), fire], "node '1': follows '0'")
    refused([fire], "node '0': a neuron without a layer")
    layers = [conv(1, 2, 3, padding=1), fire, nn.MaxPool2d(2)]
    refused(layers, "node '2': pools a map of 5x6", (1, 5, 6))
    other = LIBRARIES[library == LIBRARIES[0]]
    refused(layers, f"node '1': is of {library}", library=other)


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.Conv2d(1, 2, 5, padding=2), "node '0': kernel (5, 5)"),
        (nn.Conv2d(1, 2, 3, padding=1, stride=2), "stride (2, 2)"),
        (nn.Conv2d(1, 2, 3), "padding (0, 0)"),
        (nn.AvgPool2d(2), "node '0': is AvgPool2d"),
        (nn.ReLU(), "node '0': is ReLU"),
        (nn.Linear(5, 2), "node '0': 5 inputs on a map of [1, 6, 6]"),
        (nn.BatchNorm2d(1), "node '0': normalises spikes"),
        (nn.Conv2d(1, 2, 3, padding=1), "of 2 outputs are not +-one magnitude (output 0: "),
    ],
)
def test_refused_layers(layer, text):
    refused([layer], text)


def test_refused_neurons():
    snn = pytest.importorskip("snntorch")
    first = conv(1, 2, 3, padding=1)
    refused([first, snn.Leaky(0.9, init_hidden=True)], "node '1': leaks (beta 0.9); format 2")
    late = snn.Leaky(1.0, init_hidden=True, reset_delay=False)
    refused([first, late], "node '1': fires by a rule of its own")
    refused([first, snn.Synaptic(0.9, 0.8, init_hidden=True)], "node '1': is Synaptic")


def test_refused_leak_of_spikingjelly():
    sj = pytest.importorskip("spikingjelly.activation_based.neuron")
    refused([conv(1, 2, 3, padding=1), sj.LIFNode()], "node '1': is LIFNode, which leaks")


def test_refused_branch():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)

        def forward(self, x):
            return self.a(x) + self.b(x)

    with pytest.raises(InterchangeError, match="node 'b': branches off before 'a'"):
        from_torch(Branch(), (1, 4, 4), ticks=1)


def test_binarised():
    fire = neuron("snntorch")
    said = []
    layers = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), fire)
    model = from_torch(layers, (1, 6, 6), ticks=4, binarise=True, log=said.append)
    assert np.array_equal(model.layers[0].weight, np.where(layers[0].weight.detach() < 0, -1, 1))
    assert "0: binarised" in said[0] and "energy lost" in said[0]
