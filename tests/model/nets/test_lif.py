"""Training with leaky neurons, spike trains and odd maps, and the integers that come of it."""

import numpy as np
import pytest
import torch

from volley.firmware import modelfile
from volley.model import golden, reference
from volley.model.data import datasets
from volley.model.nets import native, net, neuron
from volley.model.training import export


@pytest.mark.parametrize("hard", (False, True))
@pytest.mark.parametrize("rate", (False, True))
def test_kernels_equal_pytorch(hard, rate):
    """Spikes and gradients of leaky neurons, by the native loops and by PyTorch."""
    torch.manual_seed(0)
    x = torch.randn(1 if rate else 8, 2, 4, 4, 8)
    found = []
    for kernels in ("native", "torch"):
        native.use(kernels)
        leaf = x.clone().requires_grad_()
        out = neuron.if_bn(
            leaf, torch.ones(8), torch.full((8,), 0.4), torch.zeros(8), torch.ones(8), ticks=8,
            pool=2, hard=hard, rate=rate, decay=0.5,
        )  # fmt: skip
        (out * torch.arange(out.numel()).view(out.shape)).sum().backward()
        found.append((out.detach(), leaf.grad))
    native.use("torch")
    assert torch.equal(found[0][0], found[1][0]) and found[0][0].any()
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-5, atol=1e-4)


def test_the_leak_is_that_of_the_sums():
    drive = torch.tensor([0.3, 0.9, 0.1, 0.9, 0.9]).view(5, 1, 1, 1, 1)
    out = neuron.if_bn(
        drive, torch.ones(1), torch.zeros(1), torch.zeros(1), torch.ones(1) - neuron.EPS, ticks=5,
        decay=0.75,
    )  # fmt: skip
    v, wanted = neuron.V_INIT, []
    for y in (0.3, 0.9, 0.1, 0.9, 0.9):
        v = 0.75 * v + y
        wanted.append(float(v >= 1))
        v -= wanted[-1]
    assert out.flatten().tolist() == wanted and 0 < sum(wanted) < 5


@pytest.mark.parametrize("by_rate", (False, True))
@pytest.mark.parametrize("kernels", ("native", "torch"))
def test_a_network_of_spike_trains_and_its_integers(by_rate, kernels, tmp_path):
    """Odd maps, LIF, spikes in: trained a step, exported; the file's scores are the network's."""
    native.use(kernels)
    torch.manual_seed(3)
    data = datasets.SETS["mnist-events"]
    made = net.Net(net.parse("64C3-P2-8C3-P2-10", (2, 9, 11), 10), 8, tau=2).train()
    made.by_rate = by_rate
    trains = (torch.rand(6, 8, 2, 9, 11) < 0.3).float()
    for rate in (True, False):
        made.rate = rate
        made(trains).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())
    made.eval()
    native.use("torch")
    made.by_rate = False
    with torch.no_grad():
        wanted = made(trains).numpy()
    small = type(data)(**{**vars(data), "shape": (2, 9, 11)})
    model = export.to_model(made, "events", small, 8)
    assert [layer.leak for layer in model.layers] == [1, 1, 0] and model.kind == "spikes"
    path = tmp_path / "m.safetensors"
    modelfile.save(model, path)
    model, images = modelfile.load(path), trains.numpy().astype(np.uint8)
    found = golden.run(model, images)
    assert np.array_equal(reference.run(model, images)[2].numpy(), found.scores)
    scores = found.scores / 2.0**8 / 8
    assert np.abs(scores - wanted).max() <= 0.15 * np.abs(wanted).max()
