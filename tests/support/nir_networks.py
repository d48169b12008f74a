"""Networks that NIR can say: of the libraries, written by them, and of Volley."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.peer_networks import dyadic, neuron
from tests.support.random_models import network as random_network
from volley.firmware import modelfile


def leaky(shape, threshold, reset, beta=1.0):
    """snnTorch's neuron in the one form that its NIR export takes: parameters of the map's shape."""
    snn = pytest.importorskip("snntorch")
    return snn.Leaky(torch.full(shape, beta), threshold=torch.full(shape, threshold), init_hidden=True,
                     reset_mechanism={"soft": "subtract", "hard": "zero"}[reset])  # fmt: skip


def network(library, reset, seed, tau=None):
    """(module, input shape, ticks): NIR has no max pool, so the hard ones pool by a mean and a neuron."""
    rng = np.random.default_rng(seed)
    c, a, b = (int(v) for v in rng.integers(1, 5, 3))
    h, w = (2 * int(v) for v in rng.integers(1, 5, 2))

    def fire(shape, threshold):
        if library == "snntorch":
            return leaky(shape, threshold, reset, 1 - 1 / tau if tau else 1.0)
        return neuron(library, reset, threshold, tau)

    layers = [dyadic(nn.Conv2d(c, a, 3, padding=1), rng), fire((a, h, w), 200.0)]
    if reset == "hard":
        h, w = h // 2, w // 2
        layers += [nn.AvgPool2d(2), fire((a, h, w), 0.125)]
        layers[-1].pools = True
    layers += [dyadic(nn.Conv2d(a, b, 1), rng), fire((b, h, w), 1.0), nn.Flatten()]
    layers += [dyadic(nn.Linear(b * h * w, 7), rng), fire((7,), 2.0), dyadic(nn.Linear(7, 3), rng)]
    return nn.Sequential(*layers).eval(), (c, 2 * h if reset == "hard" else h,
                                           2 * w if reset == "hard" else w), int(rng.integers(1, 33))  # fmt: skip


def written(library, module, shape, path):
    """Writes the library's own NIR file."""
    if library == "spikingjelly":
        exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
        exchange.export_to_nir(module, torch.zeros(1, *shape), save_path=path)
        pytest.importorskip("spikingjelly.activation_based.functional").reset_net(module)
    else:
        exporter = pytest.importorskip("snntorch.export_nir")
        pytest.importorskip("nir").write(
            path, exporter.export_to_nir(module, torch.zeros(1, *shape), ignore_dims=[0])
        )
        pytest.importorskip("snntorch.utils").reset(module)
    return path


def hard(seed):
    """A random model that NIR can say: hard reset, membranes that start at 0."""
    made = random_network("6C3-P2-5C1-9-4", (2, 8, 6), seed).model()
    rng = np.random.default_rng(seed)
    made.reset = "hard"
    for layer in made.layers:
        most = 500 if layer.encode else 60
        layer.bias[:] = rng.integers(-most, most, layer.outputs)
        if not layer.readout:
            layer.v_init[:] = 0
            layer.threshold[:] = rng.integers(1, most * 8, layer.outputs)
    modelfile.validate(made)
    return made
