"""Devices: the same code on another device, an absent one, torch.compile off and on."""

import pytest
import torch

from tests.support.striped import command, data  # noqa: F401
from volley.model import train
from volley.model.nets import compiled, neuron
from volley.model.nets import net as networks
from volley.model.training import augment, checkpoint, devices, knobs


def test_absent_device(data, tmp_path, capsys, monkeypatch):  # noqa: F811
    """It is refused in one line, never replaced by another."""
    monkeypatch.setattr(devices, "found", lambda: ["cpu"])
    for name in ("cuda", "mps"):
        assert train.main(command(data, tmp_path / "m", "--device", name)) == 2
        said = capsys.readouterr().err
        assert f"--device {name}: PyTorch finds none here (there is cpu)" in said
        assert said.count("\n") == 1


def test_auto_says_what_it_took(monkeypatch):
    said = []
    monkeypatch.setattr(devices, "found", lambda: ["mps", "cpu"])
    assert devices.choose("auto", said.append) == torch.device("mps")
    assert said == ["device: mps"]
    assert devices.choose("cpu", said.append) == torch.device("cpu") and len(said) == 1


@pytest.mark.parametrize("by_rate, rate", [(False, True), (False, False), (True, False)])
def test_whole_step_on_another_device(by_rate, rate):
    """Variations, both stages and both gradients on PyTorch's device without memory, `meta`: an
    operation that takes a tensor of the CPU, or a kernel that is for the CPU, would fail there."""
    net = networks.Net(networks.parse("16C3-P2-16C3-P2-24-10", (3, 8, 8), 10), 4).to("meta").train()
    net.rate, net.by_rate = rate, by_rate
    x = torch.zeros(4, 3, 8, 8, device="meta")
    for vary in augment.CHOICES.values():
        x = vary(x, None)
    scores = net.by_tick(x)
    loss = torch.nn.functional.cross_entropy(
        scores.mean(0), torch.zeros(4, dtype=torch.long, device="meta")
    )
    loss.backward()
    assert scores.device.type == "meta" and scores.shape == (
        4 if not (rate or by_rate) else 1,
        4,
        10,
    )
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in net.parameters())


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("rate", [True, False])
def test_compiled_is_as_written(backend, rate):
    torch.manual_seed(2)
    x = torch.randn(1 if rate else 3, 2, 4, 4, 8)
    grads = []
    for choice in (None, backend):
        compiled.use(choice)
        inputs = [t.requires_grad_() for t in (x.clone(), torch.ones(8), torch.full((8,), 0.3))]
        try:
            out = neuron.if_bn(
                *inputs, *neuron.moments(x), ticks=3, pool=2, rate=rate, batch_stats=True
            )
            out.square().sum().backward()
        finally:
            compiled.use(None)
        grads.append([out.detach()] + [t.grad for t in inputs])
    for one, two in zip(*grads):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_checkpoint_moves(data, tmp_path, capsys):  # noqa: F811
    """A run of another device goes on here, whatever kernels that device had."""
    out = tmp_path / "m.safetensors"
    assert train.main(command(data, out, "--stop", "1")) == 0
    state = torch.load(f"{out}.ckpt", weights_only=True)
    state["device"], state["settings"]["kernels"] = "cuda", "native"
    torch.save(state, f"{out}.ckpt")
    assert train.main(command(data, out, "--resume")) == 0
    assert len(checkpoint.read(f"{out}.ckpt")["rows"]) == 4
    state = torch.load(f"{out}.ckpt", weights_only=True)
    state["settings"]["kernels"] = "native"
    torch.save(state, f"{out}.ckpt")
    assert train.main(command(data, out, "--resume")) == 2
    assert "--kernels = 'native', now 'torch'" in capsys.readouterr().err


def test_width_over_a_stage():
    assert knobs.width(None, 3, 10) == neuron.WINDOW
    assert [knobs.width("1:0.5", k, 11) for k in (0, 5, 10)] == pytest.approx([1, 0.75, 0.5])
    assert knobs.width("2", 7, 11) == 2


@pytest.mark.parametrize("choice", ["mixup", "cutmix"])
def test_mixed_pictures(choice):
    """Of white and black pictures: the mean brightness is the share of the labels."""
    x = torch.zeros(6, 1, 20, 20)
    y = torch.tensor([1, 0, 1, 0, 1, 0])
    x[y == 1] = 255
    found, other, kept = knobs.mixed(choice, x, y, torch.Generator().manual_seed(4))
    share = kept * y + (1 - kept) * other
    torch.testing.assert_close(found.mean((1, 2, 3)) / 255, share, atol=3e-3, rtol=0)
    assert 0.4 < kept < 1 and torch.equal(found, found.round()) and not torch.equal(y, other)


def test_surrogate_width_by_hand():
    """Membranes 0.8, 1.1, 0.4: with a half-width of 0.15 the first is outside and carries on."""
    v = torch.tensor([0.8, 1.1, 0.4]).view(3, 1, 1, 1, 1)
    grad = torch.tensor([1.0, 10.0, 100.0]).view(3, 1, 1, 1, 1)
    found = neuron._fire_back(grad, v, v, 1, False, 1.0, 0.15).flatten().tolist()
    assert found == [10.0, 10.0, 0.0]


def test_centred_and_real_weights():
    net = networks.Net(networks.parse("8C3-P2-10", (1, 4, 4), 10), 2, centre=True)
    with torch.no_grad():
        net.layers[0].weight.add_(0.3)  # plain signs would nearly all be +1
    used = net.layers[0].used()
    assert set(used.unique().tolist()) == {-1.0, 1.0} and used.mean().abs() < 0.4
    real = networks.Net(networks.parse("8C3-P2-10", (1, 4, 4), 10), 2, real=True)
    assert torch.equal(real.layers[0].used(), real.layers[0].weight)


def test_loss_of_every_tick(data, tmp_path):  # noqa: F811
    """--tet 1: the mean over the ticks of each tick's cross-entropy."""
    words = command(data, tmp_path / "m", "--tet", "1", "--gradient", "ticks")
    run = train.prepare(train.parser("").parse_args(words))
    x, y = run.train[0][:20].float(), run.train[1][:20].long()
    run.net.eval()
    loss, _ = run.loss(x, y)
    ticks = run.net.by_tick(x) * run.log_scale.exp()
    wanted = sum(torch.nn.functional.cross_entropy(s, y) for s in ticks) / len(ticks)
    torch.testing.assert_close(loss, wanted)
    assert len(ticks) == 4


def test_real_weights_teach(data, tmp_path, capsys):  # noqa: F811
    """A run with real weights leaves no model file, and is teacher and start of a binary one."""
    real, out = tmp_path / "real", tmp_path / "m.safetensors"
    assert train.main(command(data, real, "--real", "--epochs", "0")) == 0
    assert not real.exists()
    after = ["--teacher", f"{real}.ckpt", "--init", f"{real}.ckpt", "--mix", "mixup", "--centre"]
    assert train.main(command(data, out, *after)) == 0 and out.is_file()
    assert train.main(command(data, tmp_path / "n", "--tet", "0.5", "--gradient", "rate")) == 2
    assert "--gradient ticks" in capsys.readouterr().err
