"""The kernels of kernels.cpp against PyTorch: convolutions, neurons, and their gradients."""

import pytest
import torch
import torch.nn.functional as F

from tests.support.tools import skip_or_fail
from volley.model.nets import native, net, neuron, quantise, winograd


@pytest.fixture(autouse=True)
def compiled():
    """Native kernels on, and off again afterwards."""
    if native.compiler() is None:
        skip_or_fail("no C++ compiler found ($CXX, g++, c++); install with: apt-get install g++")
    native.use("native")
    yield
    native.use("torch")


def plain(x, weight):
    """conv2d in float64 of channel-last maps."""
    y = F.conv2d(x.double().permute(0, 3, 1, 2), weight.double(), padding=1)
    return y.permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    "shape, outputs",
    [((3, 8, 12, 16), 24), ((2, 4, 4, 8), 8), ((2, 14, 7, 8), 16), ((1, 3, 8, 8), 8)],
)
@pytest.mark.parametrize("chunk", [1, 2**21])
def test_winograd(monkeypatch, shape, outputs, chunk):
    """Convolution and both gradients, in one chunk and picture by picture, of whole tiles and parts."""
    monkeypatch.setattr(winograd, "CHUNK", chunk)
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.randn(outputs, shape[-1], 3, 3)
    assert winograd.suits(x, weight)
    dy = torch.randn(*shape[:3], outputs)
    results = []
    for conv in (winograd.conv3x3, plain):
        inputs = [t.clone().requires_grad_() for t in (x, weight)]
        y = conv(*inputs)
        results.append([y, *torch.autograd.grad(y, inputs, dy.to(y.dtype))])
    for ours, theirs in zip(*results):
        error = (ours - theirs).abs().max() / theirs.abs().max()
        assert error < 1e-5


def test_winograd_is_not_for_maps_that_hardly_fill_a_tile():
    weight = torch.zeros(8, 8, 3, 3)
    assert winograd.suits(torch.zeros(1, 3, 3, 8), weight)
    assert not winograd.suits(torch.zeros(1, 2, 2, 8), weight)
    assert not winograd.suits(torch.zeros(1, 5, 5, 8), weight)


def test_encoder():
    """The first layer's psums are exact integers; its weights' gradient is conv2d's."""
    torch.manual_seed(1)
    x = torch.randint(0, 256, (2, 5, 6, 3)).float()
    weight = quantise.binarise(torch.randn(7, 3, 3, 3)).requires_grad_()
    y = winograd.encode3x3(x, weight)
    assert torch.equal(y.double(), plain(x, weight))
    dy = torch.randn(y.shape)
    (ours,) = torch.autograd.grad(y, weight, dy)
    (theirs,) = torch.autograd.grad(plain(x, weight), weight, dy.double())
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-2)


def neuron_run(x, how):
    """Moments, output and gradients of if_bn, with the kernels that are on."""
    generator = torch.Generator().manual_seed(2)
    x = x.clone().requires_grad_()
    gain = (torch.rand(x.shape[-1], generator=generator) + 0.5).requires_grad_()
    beta = (torch.rand(x.shape[-1], generator=generator) * 0.4).requires_grad_()
    mean, var = neuron.moments(x)
    out = neuron.if_bn(x, gain, beta, mean, var, batch_stats=True, **how)
    weight = torch.rand(out.shape, generator=generator) - 0.4
    return mean, var, out.detach(), *torch.autograd.grad((out * weight).sum(), (x, gain, beta))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("drives, rate", [(1, True), (1, False), (8, False), (32, False)])
def test_neurons(hard, pool, drives, rate):
    """Spikes are the same bits, moments and gradients agree to rounding."""
    torch.manual_seed(3)
    x = torch.randn(drives, 2, 4, 6, 16) * 50 + 30
    how = dict(ticks=max(8, drives), pool=pool, hard=hard, rate=rate)
    found = neuron_run(x, how)
    native.use("torch")
    wanted = neuron_run(x, how)
    assert torch.equal(found[2], wanted[2]) and 0 < found[2].mean() < 1
    for ours, theirs in zip(found, wanted):
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_moments_of_a_large_mean():
    """The variance does not drown in a mean that is a thousand times as large."""
    x = torch.randn(1, 4, 16, 16, 8, dtype=torch.float64) * 3 + 3000
    mean, var = neuron.moments(x.float())
    torch.testing.assert_close(mean.double(), x.mean((0, 1, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(var.double(), x.var((0, 1, 2, 3), unbiased=False), rtol=1e-3, atol=0)


def gradients(threads, x):
    """Scores and gradients of a network in training on a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(4)
        model = net.Net(net.parse("8C3-16C3-P2-16C3-P2-10", (3, 16, 16), 10), 4)
        scores = model(x)
        scores.square().sum().backward()
        return [scores, *(p.grad for p in model.parameters())]
    finally:
        torch.set_num_threads(before)


def test_kernels_do_not_depend_on_threads():
    """The same work on one and three threads: the same to rounding."""
    x = torch.randint(0, 256, (3, 3, 16, 16)).float()
    for one, three in zip(gradients(1, x), gradients(3, x)):
        torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-4)


def test_compiler_errors(monkeypatch, tmp_path):
    """No compiler, or one that fails: 'auto' does without, 'native' says so in one line."""
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    broken = tmp_path / "kernels.cpp"
    broken.write_text("this is not C++\n")
    monkeypatch.setattr(native, "SOURCES", [broken])
    native.use("auto")
    assert not native.active()
    with pytest.raises(native.CompileError, match="failed.*error.*--kernels torch"):
        native.use("native")
    monkeypatch.setattr(native, "compiler", lambda: None)
    with pytest.raises(native.CompileError, match="no C\\+\\+ compiler.*g\\+\\+"):
        native.use("native")
