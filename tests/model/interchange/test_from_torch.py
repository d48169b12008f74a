"""Imported networks against the library's own spikes, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.peer_networks import LIBRARIES, bits, cropped, dyadic, network, neuron, run
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
    theirs = cropped(model, theirs)
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
    layers = [conv(1, 2, 3, padding=1), fire, nn.AvgPool2d(2)]
    refused(layers, "node '2': means of 2x2 on a map of [5, 6]", (1, 5, 6))
    refused(layers, "node '2': is a mean that no dense layer follows")
    refused([*layers, conv(2, 2, 1)], "node '3': is a convolution behind the mean '2'")
    other = LIBRARIES[library == LIBRARIES[0]]
    refused(layers, f"node '1': is of {library}", library=other)


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.Conv2d(1, 2, (5, 3), padding=1), "node '0': kernel (5, 3)"),
        (nn.Conv2d(1, 2, 3, padding=1, dilation=2), "dilation (2, 2)"),
        (nn.Conv2d(1, 2, 1, padding=1), "padding (1, 1)"),
        (nn.Conv2d(1, 2, 4, padding="same"), "padding 'same', which pads one side more"),
        (nn.LazyLinear(3), "node '0': has weights without values"),
        (nn.Linear(36, 2, device="meta"), "node '0': has weights without values"),
        (nn.AvgPool2d(2), "node '0': pools something else"),
        (nn.AvgPool2d(2, 1), "node '0': kernel 2, stride 1"),
        (nn.AvgPool2d(2, ceil_mode=True), "node '0': kernel 2, stride 2"),
        (nn.ReLU(), "node '0': is ReLU"),
        (nn.Linear(5, 2), "node '0': 5 inputs on a map of [1, 6, 6]"),
        (nn.BatchNorm2d(1), "node '0': normalises spikes"),
        (nn.Conv2d(1, 2, 3, padding=1), "of 2 outputs are not +-one magnitude (output 0: "),
    ],
)
def test_refused_layers(layer, text):
    refused([layer], text)


@pytest.mark.parametrize(
    "second, text",
    [
        (nn.Conv2d(2, 2, 5, padding=2), "node '2': kernel (5, 5)"),
        (nn.Conv2d(2, 2, 3, padding=1, stride=2), "stride (2, 2)"),
        (nn.Conv2d(2, 2, 3), "padding (0, 0)"),
        (nn.Conv2d(2, 2, 3, padding=1, groups=2), "node '2': is depthwise (2 groups)"),
    ],
)
def test_refused_second_layers(second, text):
    refused([conv(1, 2, 3, padding=1), neuron("spikingjelly"), second], text)


def test_refused_neurons():
    snn = pytest.importorskip("snntorch")
    first = conv(1, 2, 3, padding=1)
    refused(
        [first, snn.Leaky(0.9, init_hidden=True)], "node '1': leaks with beta 0.9; allowed: tau 2"
    )
    late = snn.Leaky(1.0, init_hidden=True, reset_delay=False)
    refused([first, late], "node '1': fires by a rule of its own")
    refused([first, snn.Synaptic(0.9, 0.8, init_hidden=True)], "node '1': is Synaptic")
    refused(
        [first, snn.RLeaky(0.5, linear_features=3, init_hidden=True)], "recurrent layers are not"
    )
    none = snn.Leaky(1.0, init_hidden=True, reset_mechanism="none")
    refused([first, none], "node '1': fires by a rule of its own")


def test_refused_neurons_of_spikingjelly():
    sj = pytest.importorskip("spikingjelly.activation_based.neuron")
    first = conv(1, 2, 3, padding=1)
    refused([first, sj.LIFNode(3.0)], "node '1': leaks with tau 3; allowed: tau 2, 4, 8, 16")
    refused([first, sj.CUBALIFNode()], "node '1': is CUBALIFNode; use LIFNode")
    refused([first, sj.QIFNode()], "node '1': is QIFNode; use neuron.IFNode or LIFNode")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_leak(library, reset):
    """Membranes that halve have more bits than any: at most 0.05 % of the spikes of tau 2 differ."""
    wrong = count = fired = 0
    for seed in range(5):
        module, shape, ticks = network(library, reset, seed, tau=2.0)
        model = from_torch(module, shape, ticks=ticks, scale=1.0)
        assert [x.leak for x in model.layers] == [1, 1, 1, 0]
        assert model.layers[0].leak_first == (library == "snntorch" and reset == "soft")
        images = np.random.default_rng(seed).integers(0, 256, (20, *shape), dtype=np.uint8)
        theirs, _ = run(module, images, ticks)
        for mine, other in zip(golden.run(model, images).spikes, cropped(model, theirs)):
            wrong += int((bits(mine, ticks).reshape(other.shape) != other).sum())
            count, fired = count + other.size, fired + int(other.sum())
    assert wrong <= 5e-4 * count and fired > 0.05 * count


@pytest.mark.parametrize("tau", [1.0, 2.0, 4.0, 8.0, 16.0])
def test_leak_that_decays_the_input(tau):
    """spikingjelly's default: the current is divided by tau as well, so the threshold counts tau times."""
    sj = pytest.importorskip("spikingjelly.activation_based.neuron")
    rng = np.random.default_rng(1)
    module = nn.Sequential(
        nn.Flatten(),
        dyadic(nn.Linear(16, 30), rng),
        sj.LIFNode(tau, v_reset=0.5, v_threshold=20.5) if tau > 1 else sj.IFNode(20.5, v_reset=0.5),
    )
    model = from_torch(module, (1, 4, 4), ticks=12, scale=1.0)
    assert model.layers[0].leak == np.log2(tau)
    assert (model.layers[0].threshold == tau * 20 * 2**model.fraction_bits).all()
    images = rng.integers(0, 16, (50, 1, 4, 4), dtype=np.uint8)
    # spikingjelly starts at v_reset, and leaks to it
    (theirs,), _ = run(module, images, 12)
    mine = bits(golden.run(model, images).spikes[0], 12).reshape(theirs.shape)
    assert (mine != theirs).mean() < 2e-3 and theirs.any()


def test_learned_tau():
    """spikingjelly's ParametricLIFNode with the tau that it learned, if it is one there is."""
    sj = pytest.importorskip("spikingjelly.activation_based.neuron")
    layer = dyadic(nn.Linear(16, 9), np.random.default_rng(0))
    fire = sj.ParametricLIFNode(4.0, v_threshold=30.0, decay_input=False)
    module = nn.Sequential(nn.Flatten(), layer, fire)
    model = from_torch(module, (1, 4, 4), ticks=8, scale=1.0)
    images = np.random.default_rng(1).integers(0, 32, (40, 1, 4, 4), dtype=np.uint8)
    (theirs,), _ = run(module, images, 8)
    mine = bits(golden.run(model, images).spikes[0], 8).reshape(theirs.shape)
    assert model.layers[0].leak == 2
    assert (mine != theirs).mean() < 2e-3 and theirs.any()
    fire.w.data += 0.1
    refused([nn.Flatten(), layer, fire], "node '2': leaks with tau 3.71", (1, 4, 4))


def test_votes():
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    rng = np.random.default_rng(2)
    module = nn.Sequential(nn.Flatten(), dyadic(nn.Linear(16, 12), rng), neuron("spikingjelly", "hard", 9.0),
                           layer.VotingLayer(4))  # fmt: skip
    model = from_torch(module, (1, 4, 4), ticks=6, scale=1.0)
    assert (model.votes, len(model.classes)) == (4, 3)
    images = rng.integers(0, 16, (20, 1, 4, 4), dtype=np.uint8)
    _, total = run(module, images, 6)
    assert np.array_equal(golden.run(model, images).scores, 4 * total) and total.any()


def test_fraction_bits_by_layer():
    """Pixels leave the first layer less room than spikes leave the second: each has its own bits."""
    rng = np.random.default_rng(4)
    norms = [nn.BatchNorm2d(4), nn.BatchNorm2d(4)]
    for norm, spread in zip(norms, (3.0, 6.0)):
        norm.running_var.fill_(spread**2)
        norm.running_mean.copy_(torch.from_numpy(rng.normal(0, spread, 4)))
    layers = []
    for inputs, norm in zip((2, 4), norms):
        layers += [dyadic(nn.Conv2d(inputs, 4, 3, padding=1), rng), norm, neuron("spikingjelly")]
    said = []
    module = nn.Sequential(*layers).eval()
    model = from_torch(module, (2, 6, 6), ticks=32, log=said.append)
    assert [model.fraction_bits_of(x) for x in model.layers] == [6, 8]
    assert said == ["fraction bits 0 6, 3 8: parameters are rounded"]


def spike_trains(shape, most, ticks, count=6):
    return np.random.default_rng(9).integers(0, most + 1, (count, ticks, *shape), dtype=np.uint8)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("most", [1, 3])
def test_spike_trains(library, most):
    """Spikes or counts for each tick instead of a picture; the first layer of any kernel."""
    rng = np.random.default_rng(8)
    layers = [dyadic(nn.Conv2d(2, 5, 5, 2, 1), rng), neuron(library, "hard", 3.0), nn.Flatten()]
    module = nn.Sequential(*layers, dyadic(nn.Linear(5 * 9, 4), rng)).eval()
    model = from_torch(module, (2, 8, 8), ticks=11, spikes=most)
    assert (model.kind, model.most, model.layers[0].encode) == ("spikes", most, False)
    trains = spike_trains((2, 8, 8), most, 11)
    with torch.no_grad():
        total = sum(module(torch.from_numpy(trains[:, t]).float()) for t in range(11))
    scores = golden.run(model, trains).scores
    assert np.array_equal(scores, total.numpy() * 2**model.fraction_bits) and scores.any()


def test_modules_that_stand_twice():
    """A pool or layer may stand twice in a Sequential, which counts; a neuron may not."""
    rng = np.random.default_rng(6)
    pool, again = nn.MaxPool2d(2), dyadic(nn.Conv2d(2, 2, 3, padding=1), rng)
    fires = [neuron("spikingjelly", "hard", threshold) for threshold in (200.0, 1.0, 1.0)]
    first = dyadic(nn.Conv2d(1, 2, 3, padding=1), rng)
    layers = [first, fires[0], pool, again, fires[1], pool, again, fires[2]]
    module = nn.Sequential(*layers).eval()
    model = from_torch(module, (1, 8, 8), ticks=6, scale=1.0)
    images = rng.integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    _, total = run(module, images, 6)
    assert np.array_equal(golden.run(model, images).scores, total.sum((2, 3))) and total.any()
    refused([first, fires[0], again, fires[0]], "node '3': is used twice")


@pytest.mark.parametrize("library", LIBRARIES)
def test_after_a_training_step(library):
    """A membrane that still has its graph is no obstacle, and stays."""
    fire = neuron(library, threshold=20.0)
    layers = [nn.Flatten(), dyadic(nn.Linear(16, 3), np.random.default_rng(0)), fire]
    module = nn.Sequential(*layers)
    module(torch.rand(2, 1, 4, 4)).sum().backward()
    membrane = fire.mem if library == "snntorch" else fire.v
    assert membrane.grad_fn and from_torch(module, (1, 4, 4), ticks=3, scale=1.0).ticks == 3
    assert membrane is (fire.mem if library == "snntorch" else fire.v)


def test_learned_beta_and_threshold():
    snn = pytest.importorskip("snntorch")
    layer = dyadic(nn.Linear(16, 3), np.random.default_rng(0))
    fire = snn.Leaky(0.5, threshold=20.0, learn_beta=True, learn_threshold=True, init_hidden=True)
    model = from_torch(nn.Sequential(nn.Flatten(), layer, fire), (1, 4, 4), ticks=3, scale=1.0)
    assert model.layers[0].leak == 1


def test_pruned():
    """Pruning makes the weight at each call: the one imported is the mask's, not the last call's."""
    from torch.nn.utils import prune

    layer = dyadic(nn.Linear(16, 3), np.random.default_rng(0))
    prune.l1_unstructured(layer, "weight", amount=0)
    with torch.no_grad():
        layer.weight_orig.neg_()  # as load_state_dict may
    model = from_torch(nn.Sequential(nn.Flatten(), layer), (1, 4, 4), ticks=3, scale=1.0)
    assert np.array_equal(model.layers[0].weight, layer.weight_orig.detach().numpy())


def test_names_in_another_script():
    module = nn.Sequential()
    for name, part in (
        ("卷积", conv(1, 2, 1)),
        ("一", neuron("spikingjelly")),
        ("全连", conv(2, 2, 1)),
        ("二", neuron("spikingjelly")),
    ):
        module.add_module(name, part)
    model = from_torch(module, (1, 4, 4), ticks=2, scale=1.0)
    assert [layer.name for layer in model.layers] == ["__", "___1"]


@pytest.mark.parametrize("shape", [16, "1,4,4", None, (1, 4.5, 4)])
def test_refused_shapes(shape):
    refused([conv(1, 2, 1)], f"input_shape {shape!r}; allowed: (C, H, W) or (n,)", shape)


def test_refused_wrappers():
    module = nn.Sequential(conv(1, 2, 1), neuron("spikingjelly"))
    for wrapped, key in ((nn.DataParallel(module), "module"), (torch.compile(module), "_orig_mod")):
        with pytest.raises(InterchangeError, match=f"around a network; give its .{key}"):
            from_torch(wrapped, (1, 4, 4), ticks=2)


def test_refused_norm_of_other_channels():
    refused([conv(1, 2, 1), nn.BatchNorm2d(3)], "node '1': is of 3 channels, behind 2")


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
