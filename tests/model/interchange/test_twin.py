"""The twin of a model file gives the golden model's spikes and scores."""

from pathlib import Path

import numpy as np
import pytest
import torch

import volley.model
from tests.support.random_models import random_model
from volley.firmware import modelfile
from volley.model import golden
from volley.model.interchange.twin import IntegrateFire, to_torch

PRETRAINED = Path(volley.model.__file__).parent / "pretrained"


@pytest.mark.parametrize("name, count", [("mnist", 6), ("cifar10", 1)])
def test_twin_of_a_shipped_model(name, count):
    model = modelfile.load(PRETRAINED / f"{name}.safetensors")
    shape = (count, model.channels, model.height, model.width)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    twin, spikes = to_torch(model), []
    for module in twin:
        if isinstance(module, IntegrateFire):
            kept = []
            spikes.append(kept)
            module.register_forward_hook(lambda m, i, o, kept=kept: kept.append(o.numpy()))
    with torch.no_grad():
        scores = twin(torch.from_numpy(images)).numpy()
    ours = golden.run(model, images)
    assert np.array_equal(scores, ours.scores)
    assert len(spikes) == len(ours.spikes)
    for kept, mine in zip(spikes, ours.spikes):
        packed = sum(s.astype(np.uint8) << t for t, s in enumerate(kept))
        assert np.array_equal(packed.reshape(mine.shape), mine)
        assert mine.any()


@pytest.mark.parametrize("seed", range(40))
def test_twin_of_random_models(seed):
    """Leaks in both orders, odd and mean pools, kernels, votes, spike trains, bits by layer: scores."""
    made = random_model(seed)
    model, images = made.model(), made.images(5)
    with torch.no_grad():
        scores = to_torch(model)(torch.from_numpy(images)).numpy()
    assert np.array_equal(scores, golden.run(model, images).scores)
