"""Modules with a forward of their own: loops over ticks, sequences of ticks, and what is no chain."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.peer_networks import dyadic
from volley.model import golden
from volley.model.interchange import check
from volley.model.interchange.chain import InterchangeError
from volley.model.interchange.torch_import import from_torch
from volley.model.interchange.trace import walk

RNG = np.random.default_rng(3)
SHAPE, TICKS = (1, 6, 6), 7


def images():
    return np.random.default_rng(0).integers(0, 256, (5, *SHAPE), dtype=np.uint8)


class Loop(nn.Module):
    """As in snnTorch's tutorials: membranes from outside the neurons, outputs in a list."""

    def __init__(self, delayed=False, branch=False):
        super().__init__()
        snn = pytest.importorskip("snntorch")
        self.conv1, self.lif1 = dyadic(nn.Conv2d(1, 3, 3, padding=1), RNG), snn.Leaky(1.0, 300.0)
        self.fc1, self.lif2 = dyadic(nn.Linear(27, 4), RNG), snn.Leaky(1.0)
        self.delayed, self.branch = delayed, branch

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        out, late = [], None
        for _ in range(TICKS):
            spk1, mem1 = self.lif1(self.conv1(x), mem1)
            use, late = (late if self.delayed and late is not None else spk1), spk1
            pooled = F.max_pool2d(use, 2)
            if self.branch:
                pooled = pooled + pooled
            spk2, mem2 = self.lif2(self.fc1(pooled.view(x.size(0), -1)), mem2)
            out.append(spk2)
        return torch.stack(out, dim=0), mem2


def test_loop_over_ticks():
    module = Loop().eval()
    model = from_torch(module, SHAPE, scale=1.0)
    assert model.ticks == TICKS
    with torch.no_grad():
        spikes, _ = module(torch.from_numpy(images()).float())
    scores = golden.run(model, images()).scores
    assert np.array_equal(scores, spikes.sum(0).numpy()) and scores.any()
    with pytest.raises(InterchangeError, match="runs 7 ticks by itself"):
        from_torch(module, SHAPE, ticks=8)


class Sequence(nn.Module):
    """As in spikingjelly's tutorials: step_mode m, the input repeated, the mean over ticks."""

    def __init__(self):
        super().__init__()
        layer = pytest.importorskip("spikingjelly.activation_based.layer")
        neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
        functional = pytest.importorskip("spikingjelly.activation_based.functional")
        self.body = nn.Sequential(
            dyadic(layer.Conv2d(1, 3, 3, padding=1), RNG),
            neuron.IFNode(v_threshold=300.0),
            layer.MaxPool2d(2, 2),
            layer.Flatten(),
            layer.Dropout(0.5),
            dyadic(layer.Linear(27, 4), RNG),
            neuron.IFNode(),
        )
        functional.set_step_mode(self, "m")

    def forward(self, x):
        x_seq = x.unsqueeze(0).repeat(TICKS, 1, 1, 1, 1)
        return self.body(x_seq).mean(0)


def test_sequence_of_ticks():
    module = Sequence().eval()
    model = from_torch(module, SHAPE, scale=1.0)
    assert (model.ticks, model.reset) == (TICKS, "hard")
    with torch.no_grad():
        rates = module(torch.from_numpy(images()).float())
    scores = golden.run(model, images()).scores
    assert np.array_equal(scores, np.rint(rates.numpy() * TICKS)) and scores.any()


class Functional(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
        self.function = function

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda net, x: net.b(F.relu(net.a(x))), "node 'relu': calls relu"),
        (lambda net, x: net.a(x) if x.sum() > 0 else x, "torch.fx cannot trace it"),
        (lambda net, x: (net.a(x), net.a(x))[0][:, 0], "node 'getitem': takes a part of a map"),
        (lambda net, x: net.b(net.a(x) + x), "node 'add': calls add"),
        (lambda net, x: net.b(net.a(x)).sum(0), "node 'sum_1': calls sum"),
        (lambda net, x: x, "has no convolution or dense layer"),
        (lambda net, x: net.a(x).view(-1), "node 'view': calls view"),
        (lambda net, x: net.a(x).view(-1, 18), "node 'view': 18 features of a map of [1, 6, 6]"),
        (lambda net, x: F.max_pool2d(net.a(x), 2, 2, 1), "kernel 2, stride 2, padding 1"),
        (lambda net, x: F.max_pool2d(net.a(x), 2, ceil_mode=True), "dilation 1, ceil_mode"),
        (lambda net, x: F.max_pool2d(net.a(x), 2, dilation=2), "dilation 2"),
        (lambda net, x: F.avg_pool2d(net.a(x), 2, divisor_override=1), "kernel 2, stride 2"),
    ],
)
def test_refused(function, text):
    with pytest.raises(InterchangeError) as error:
        from_torch(Functional(function), SHAPE, ticks=1)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_refused_loops():
    with pytest.raises(InterchangeError, match="node 'lif2': takes the spikes of tick 0 at tick 1"):
        from_torch(Loop(delayed=True), SHAPE)
    with pytest.raises(InterchangeError, match="node 'add': calls add"):
        from_torch(Loop(branch=True), SHAPE)
    with pytest.raises(InterchangeError, match="does not say its ticks"):
        from_torch(nn.Sequential(nn.Conv2d(1, 1, 1)), SHAPE)


@pytest.mark.parametrize(
    "ends, ticks",
    [
        (lambda out: out[-1], "[6]"),
        (lambda out: sum(out[3:]), "[3, 4, 5, 6]"),
        (lambda out: torch.stack(out[2:]).sum(0), "[2, 3, 4, 5, 6]"),
        (lambda out: torch.stack(out + out[:1]), "[0, 1, 2, 3, 4, 5, 6, 0]"),
        (lambda out: (out[-1], sum(out)), None),
        (lambda out: out, None),
    ],
)
def test_every_tick_counts_once(ends, ticks):
    """What a forward returns of its ticks must be what scores add up."""

    class Ends(Loop):
        def forward(self, x):
            mem, out = self.lif1.init_leaky(), []
            for _ in range(TICKS):
                spikes, mem = self.lif1(self.conv1(x), mem)
                out.append(spikes)
            return ends(out)

    if ticks is None:
        assert from_torch(Ends(), SHAPE, scale=1.0).ticks == TICKS
        return
    with pytest.raises(InterchangeError) as error:
        from_torch(Ends(), SHAPE, scale=1.0)
    assert f"in ticks {ticks} of 0 to 6; return the sum" in str(error.value)


def test_view_of_so_many_features():
    class View(Loop):
        def forward(self, x):
            mem1, mem2, total = self.lif1.init_leaky(), self.lif2.init_leaky(), 0
            for _ in range(TICKS):
                spk1, mem1 = self.lif1(self.conv1(x), mem1)
                pooled = F.max_pool2d(spk1, 2).view(-1, 27)
                spk2, mem2 = self.lif2(self.fc1(pooled), mem2)
                total = total + spk2
            return total

    module = View().eval()
    scores = golden.run(from_torch(module, SHAPE, scale=1.0), images()).scores
    with torch.no_grad():
        assert np.array_equal(scores, module(torch.from_numpy(images()).float()).numpy())
    assert scores.any()


def test_traced_in_evaluation_mode():
    """A forward that differs in training gives the network of evaluation, and stays in its mode."""

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(36, 4), dyadic(nn.Linear(36, 4), RNG)

        def forward(self, x):
            return (self.a if self.training else self.b)(torch.flatten(x, 1))

    module = Both().train()
    assert [layer.name for layer in from_torch(module, SHAPE, ticks=2).layers] == ["b"]
    assert module.training and module.a.training


class Events(nn.Module):
    """Spike trains: as in snnTorch's event tutorials, data[step], ticks first."""

    def __init__(self):
        super().__init__()
        snn = pytest.importorskip("snntorch")
        self.conv1, self.lif1 = dyadic(nn.Conv2d(1, 3, 5), RNG), snn.Leaky(0.5, 2.0)
        self.fc1, self.lif2 = dyadic(nn.Linear(12, 4), RNG), snn.Leaky(0.5)

    def forward(self, data):
        mem1, mem2, out = self.lif1.reset_mem(), self.lif2.reset_mem(), []
        for step in range(TICKS):
            spk1, mem1 = self.lif1(self.conv1(data[step]), mem1)
            spk2, mem2 = self.lif2(self.fc1(torch.flatten(spk1, 1)), mem2)
            out += [spk2]
        return torch.stack(out)


class BatchFirst(nn.Module):
    """Spike trains [N,T,C,H,W], as spikingjelly's event data sets give them."""

    def __init__(self):
        super().__init__()
        layer = pytest.importorskip("spikingjelly.activation_based.layer")
        neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
        functional = pytest.importorskip("spikingjelly.activation_based.functional")
        self.body = nn.Sequential(
            dyadic(layer.Conv2d(1, 3, 3, padding=1), RNG), neuron.IFNode(2.0), layer.MaxPool2d(2, 2),
            layer.Flatten(), dyadic(layer.Linear(27, 8), RNG), neuron.IFNode(), layer.VotingLayer(2),
        )  # fmt: skip
        functional.set_step_mode(self, "m")

    def forward(self, x):
        return self.body(x.transpose(0, 1)).mean(0)


@pytest.mark.parametrize("kind", [Events, BatchFirst])
def test_spike_trains(kind):
    module = kind().eval()
    model = from_torch(module, SHAPE, ticks=TICKS, spikes=1)
    trains = np.random.default_rng(1).integers(0, 2, (30, TICKS, *SHAPE), dtype=np.uint8)
    found = check.compare(module, walk(module), model, trains, 1.0)
    assert [row[4] for row in found.layers] == [0, 0]
    assert (found.classes[0] == found.classes[1]).all() and found.layers[1][2] > 0


def test_containers():
    """SeqToANNContainer around the layers, neurons of step_mode m: [T,N,...] goes through them."""
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    norm = nn.BatchNorm2d(3, eps=0.0)
    norm.weight.data.copy_(torch.tensor([0.5, -0.5, 0.25]))
    module = nn.Sequential(
        layer.SeqToANNContainer(dyadic(nn.Conv2d(1, 3, 3, padding=1), RNG), norm),
        neuron.IFNode(100.0, step_mode="m", v_reset=None),
        layer.SeqToANNContainer(nn.MaxPool2d(2), nn.Flatten(), dyadic(nn.Linear(27, 4), RNG)),
        neuron.IFNode(step_mode="m", v_reset=None),
    ).eval()
    model = from_torch(module, SHAPE, ticks=TICKS, scale=1.0)
    found = check.compare(module, walk(module), model, images(), 1.0)
    assert [row[4] for row in found.layers] == [0, 0] and found.layers[1][2] > 0
