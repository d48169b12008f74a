"""The second stage with real spikes and the gradient of rates: kernels against PyTorch, the forward
pass against that of every tick, and training with it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.support.striped import command, data  # noqa: F401
from tests.support.tools import skip_or_fail
from volley.firmware import modelfile
from volley.model import golden, train
from volley.model.nets import native, net, rate_backprop, winograd

NET = "64C3-64C3-P2-128C3-P2-12-10"


@pytest.fixture(autouse=True)
def compiled():
    """Native kernels on, and off again afterwards."""
    if native.compiler() is None:
        skip_or_fail("no C++ compiler found ($CXX, g++, c++); install with: apt-get install g++")
    native.use("native")
    yield
    native.use("torch")


@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("shape, outputs", [((2, 3, 5, 64), 8), ((1, 4, 6, 192), 24)])
def test_psums_are_the_convolution_of_every_tick(shape, outputs, ticks):
    """Odd and even widths, one word of channels and three; the kernels are compiled for 1, 2, 4 and 8 ticks."""
    generator = np.random.default_rng(0)
    spikes = generator.integers(0, 2, (8, *shape), np.uint8)
    spikes[ticks:] = 0
    weight = torch.from_numpy(generator.choice([-1.0, 1.0], (outputs, shape[-1], 3, 3))).float()
    words = np.packbits(spikes, axis=-1, bitorder="little").view("<i8")
    bits = torch.from_numpy(np.ascontiguousarray(words.transpose(1, 2, 3, 4, 0)))
    psums, mean = native.spike_psums(bits, rate_backprop.weight_bits(weight), outputs, ticks)
    maps = torch.from_numpy(spikes).float().permute(0, 1, 4, 2, 3).flatten(0, 1)
    wanted = F.conv2d(maps, weight, padding=1).unflatten(0, (8, -1)).permute(1, 3, 4, 0, 2)
    psums, wanted = psums[:, :, :, :ticks].float(), wanted[:, :, :, :ticks]
    assert torch.equal(psums, wanted) and wanted.abs().max() > 9
    assert torch.equal(mean, wanted.sum(3) / ticks)
    unpacked = rate_backprop.unpacked(rate_backprop.Spikes(mean, bits), 8)
    assert torch.equal(unpacked, torch.from_numpy(spikes).float())


def run(text, ticks, hard, kernels, half=False, size=16):
    """Scores and gradients of a network in training, always the same one."""
    native.use(kernels, half)
    torch.manual_seed(1)
    model = net.Net(net.parse(text, (3, size, size), 10), ticks, hard).train()
    model.by_rate = True
    generator = torch.Generator().manual_seed(2)
    scores = model(torch.randint(0, 256, (3, 3, size, size), generator=generator).float())
    F.cross_entropy(scores * 0.05, torch.arange(3)).backward()
    return scores.detach(), [p.grad for p in model.parameters()]


def distance(ours, theirs):
    """Of two gradients, in lengths of the second."""
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("hard, size", [(False, 16), (True, 16), (False, 12)])
def test_kernels_equal_pytorch(hard, size):
    """8 ticks: the same scores, and gradients to rounding; with bfloat16 to a tenth."""
    scores, wanted = run(NET, 8, hard, "torch", size=size)
    for half, limit in ((False, 1e-4), (True, 0.1)):
        found, gradients = run(NET, 8, hard, "native", half, size)
        assert torch.equal(found, scores)
        assert max(map(distance, gradients, wanted)) < limit


@pytest.mark.parametrize("ticks", [3, 5, 12])
def test_any_ticks_and_channels(ticks):
    """Layers with and without words of 64 channels in turn; ticks that fill no byte, or two."""
    text = "64C3-24C3-P2-64C3-64C3-10"
    scores, _ = run(text, ticks, False, "torch")
    found, _ = run(text, ticks, False, "native")
    torch.testing.assert_close(found, scores, rtol=0.1, atol=4)


def test_the_gradient_is_that_of_the_rates():
    """The first firing layer's drive is constant: there both stages have the same gradient."""
    grads = {}
    for rate in (True, False):
        native.use("native")
        torch.manual_seed(3)
        model = net.Net(net.parse("64C3-P2-10", (3, 16, 16), 10), 8).train()
        model.rate, model.by_rate = rate, True
        scores = model(torch.randint(0, 256, (2, 3, 16, 16)).float())
        scores.square().sum().backward()
        grads[rate] = [scores.detach(), *(p.grad for p in model.parameters())]
    for ours, theirs in zip(grads[False], grads[True]):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_same_spikes_as_the_stage_through_every_tick():
    """With the same statistics to normalise with, both ways to train see the same scores."""
    found = []
    for by_rate, kernels in ((True, "native"), (False, "torch")):  # Winograd's sums are rounded
        native.use(kernels)
        torch.manual_seed(4)
        model = net.Net(net.parse(NET, (3, 16, 16), 10), 8).eval()
        for layer in model.layers[:-1]:
            layer.var.fill_(layer.weight[0].numel() * (3000.0 if layer is model.layers[0] else 0.4))
        model.by_rate = by_rate
        with torch.no_grad():
            found.append(model(torch.randint(0, 256, (4, 3, 16, 16)).float()))
    assert torch.equal(*found) and found[0].std() > 0.1


def test_training(data, tmp_path):  # noqa: F811
    """One command trains with it, learns, and the integers of its file agree with the network."""
    out = tmp_path / "rates"
    more = [
        "--kernels",
        "native",
        "--net",
        "64C3-P2-64C3-P2-10",
        "--gradient",
        "rate",
        "--half",
        "--rate-epochs",
        "0",
    ]
    assert train.main(command(data, out, *more, "--epochs", "2")) == 0
    rows = (tmp_path / "rates.csv").read_text().splitlines()
    heads = rows[0].split(",")
    accuracy = float(rows[-1].split(",")[heads.index("test_accuracy")])
    assert accuracy > 0.5
    from volley.model.data import datasets

    pictures, labels = datasets.load("mnist", "test", data)
    result = golden.run(modelfile.load(out), pictures, layers=False)
    assert abs((result.labels == labels).mean() - accuracy) < 0.05


def test_half_is_only_for_layers_in_sixteens():
    """Other channel counts take the float32 products, to the same gradients."""
    x, dy = torch.randn(1, 8, 8, 8), torch.randn(1, 8, 8, 24)
    weight = torch.randn(24, 8, 3, 3)
    u = winograd.transformed(weight)
    wanted = winograd.gradients(x, u, dy)
    native.use("native", half=True)
    assert all(torch.equal(a, b) for a, b in zip(winograd.gradients(x, u, dy), wanted))


@pytest.mark.parametrize("pays", [True, False])
def test_half_says_where_it_is_slower(data, tmp_path, capsys, monkeypatch, pays):  # noqa: F811
    assert isinstance(native.half_pays(), bool)
    monkeypatch.setattr(native, "half_pays", lambda: pays)
    more = "--net 64C3-P2-10 --half --kernels native --rate-epochs 1 --epochs 0 --train-limit 100".split()
    assert train.main(command(data, tmp_path / "half", *more)) == 0
    assert ("note: --half is slower" in capsys.readouterr().err) == (not pays)
