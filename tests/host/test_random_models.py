"""The random models reach what they are for, and are what a seed says."""

import numpy as np

from tests.support.random_models import BOTTOM, TOP, fan_in, random_model

MODELS = [random_model(seed) for seed in range(300)]


def layers():
    return [layer for model in MODELS for layer in model.meta["layers"]]


def test_every_corner_is_reached():
    assert {model.meta["ticks"] for model in MODELS} == set(range(1, 33))
    assert {model.meta["reset"] for model in MODELS} == {"soft", "hard"}
    assert {len(model.meta["layers"]) for model in MODELS} == {1, 2, 3, 4}
    assert {bool(model.meta["layers"][-1].get("readout")) for model in MODELS} == {True, False}
    kinds = {(layer["kind"], layer.get("kernel"), layer.get("pool")) for layer in layers()}
    assert kinds >= {("dense", None, None)} | {("conv", k, p) for k in (1, 3) for p in (1, 2)}
    assert {model.meta["format"] for model in MODELS} == {1, 2}
    for key in ("fraction_bits", "leak", "leak_first", "stride", "pool_kind"):
        assert any(key in layer for layer in layers()), key
    assert {model.meta["input"].get("kind", "picture") for model in MODELS} == {"picture", "spikes"}
    assert any(layer["out"] % 8 for layer in layers())
    thresholds = np.concatenate(
        [t for m in MODELS for name, t in m.tensors.items() if name.endswith("threshold")]
    )
    assert thresholds.min() == 1 and thresholds.max() == TOP
    biases = np.concatenate(
        [t for m in MODELS for name, t in m.tensors.items() if name.endswith("bias")]
    )
    assert biases.min() == BOTTOM and biases.max() == TOP and (biases == 0).any()


def test_tensors_have_the_shapes_of_the_format():
    for model in MODELS:
        for layer in model.meta["layers"]:
            weight = model.tensors[layer["name"] + ".weight"]
            assert weight.shape == (layer["out"], -(-fan_in(layer) // 8))
            assert weight.dtype == np.uint8


def test_a_seed_gives_the_same_model_again():
    first, second = random_model(7), random_model(7)
    assert first.meta == second.meta
    for name, tensor in first.tensors.items():
        np.testing.assert_array_equal(tensor, second.tensors[name])
    np.testing.assert_array_equal(first.images(5), second.images(5))
