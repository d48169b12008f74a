"""Ternary weights and weights of a few levels: the library's own spikes, by copies of the input."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.peer_networks import LIBRARIES, bits, cropped, dyadic, network, neuron, run
from volley.firmware import modelfile
from volley.model import golden
from volley.model.interchange import check, copies, torch_import
from volley.model.interchange.chain import InterchangeError
from volley.model.interchange.torch_import import from_torch

LEVELS = {2: (-1.0, 0.0, 1.0), 3: (-1.5, -0.5, 0.5, 1.5), 4: (-2.0, -1.0, 0.0, 1.0, 2.0)}


@pytest.mark.parametrize("k", LEVELS)
def test_spread_adds_up(k):
    rng = np.random.default_rng(k)
    weight = rng.choice(LEVELS[k], (9, 5, 3, 3)) * rng.uniform(0.5, 2, (9, 1, 1, 1))
    found, unit = copies.levels(weight)
    sign = copies.spread(weight, found, unit)
    assert found == k and set(np.unique(sign)) == {-1, 1}
    added = sign.reshape(9, k, 5, 3, 3).sum(1) * unit.reshape(-1, 1, 1, 1)
    assert np.allclose(added, weight, rtol=1e-5)
    x = rng.integers(0, 2, (5, 3, 3))
    doubled = np.concatenate([x] * k)
    psums = (sign * doubled).sum((1, 2, 3)) * unit
    assert np.allclose(psums, (weight * x).sum((1, 2, 3)))


def test_levels_of_each_output():
    """An output may have fewer levels than the others, or no weight at all; a readout one unit."""
    weight = np.array([[1.0, 0.0, -1.0, 1.0], [3.0, -3.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    k, unit = copies.levels(weight)
    assert k == 2 and unit.tolist() == [0.5, 1.5, 1.0]
    assert copies.levels(weight[:2], one_unit=True)[0] == 0  # 0, 1 and 3
    k, unit = copies.levels(np.array([[1.0, -1.0], [2.0, 0.0]]), one_unit=True)
    assert k == 4 and unit.tolist() == [0.5, 0.5]
    assert copies.levels(np.random.default_rng(0).normal(size=(3, 9)))[0] == 0


def differing(library, reset, seed, levels, tau=None):
    """(spikes that differ, spikes, copies) of one random network; also compares the scores."""
    module, shape, ticks = network(library, reset, seed, tau, levels)
    model = from_torch(module, shape, ticks=ticks, scale=1.0)
    modelfile.validate(model)
    images = np.random.default_rng(seed + 1).integers(0, 256, (4, *shape), dtype=np.uint8)
    theirs, total = run(module, images, ticks)
    ours = golden.run(model, images)
    readout = [m for m in module if isinstance(m, nn.Linear)][-1].weight.detach().numpy()
    _, unit = copies.levels(readout, one_unit=True)
    if not tau:
        assert np.allclose(
            ours.scores * unit[0], total * 2 ** model.fraction_bits_of(model.layers[-1])
        )
    wrong = count = 0
    for mine, other in zip(ours.spikes, cropped(model, theirs)):
        mine = bits(mine, ticks).reshape(ticks, 4, -1, *other.shape[3:])
        for j in range(mine.shape[2] // other.shape[2]):  # every copy
            wrong += int((mine[:, :, j * other.shape[2] :][:, :, : other.shape[2]] != other).sum())
        count += int(other.sum())
    return wrong, count, model.layers[0].outputs // module[0].out_channels


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_no_spike_differs(library, reset):
    for k, levels in LEVELS.items():
        found = [differing(library, reset, 10 * k + seed, levels) for seed in range(2)]
        assert sum(wrong for wrong, _, _ in found) == 0
        assert sum(count for _, count, _ in found) > 100
        assert max(times for _, _, times in found) == k


def test_leak_of_ternary_networks():
    found = [differing("spikingjelly", "soft", 60 + n, LEVELS[2], 2.0) for n in range(3)]
    assert sum(f[0] for f in found) <= 2e-3 * sum(f[1] for f in found)


def test_check_compares_the_first_copy():
    module, shape, ticks = network("spikingjelly", "soft", 24, None, LEVELS[2])
    net = torch_import.read(module, shape)
    model = from_torch(module, shape, ticks=ticks, scale=1.0)
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    found = check.compare(module, net.walk, model, images, 1.0)
    assert [row[4] for row in found.layers] == [0, 0, 0] and all(row[1] for row in found.layers)


def test_the_first_layer_is_binary():
    rng = np.random.default_rng(0)
    layers = [dyadic(nn.Conv2d(1, 2, 3, padding=1), rng, LEVELS[2]), neuron("spikingjelly")]
    with pytest.raises(InterchangeError, match="node '0': .* behind the first layer"):
        from_torch(nn.Sequential(*layers), (1, 6, 6), ticks=4)
    said = []
    from_torch(nn.Sequential(*layers), (1, 6, 6), ticks=4, binarise=True, log=said.append)
    assert "0: binarised" in said[0]


def test_what_it_costs_is_said():
    rng = np.random.default_rng(0)
    layers = [dyadic(nn.Conv2d(1, 2, 3, padding=1), rng), neuron("spikingjelly", "soft", 100.0)]
    layers += [nn.Flatten(), dyadic(nn.Linear(72, 3), rng, LEVELS[2])]
    said = []
    model = from_torch(nn.Sequential(*layers), (1, 6, 6), ticks=4, log=said.append)
    assert said[0] == "3: weights of 3 levels; '0' is computed 2 times for it"
    assert [(x.inputs, x.outputs) for x in model.layers] == [(1, 4), (144, 3)]
    with torch.no_grad():
        layers[0].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(InterchangeError, match="node '0': has weights.* not finite"):
        from_torch(nn.Sequential(*layers), (1, 6, 6), ticks=4)
