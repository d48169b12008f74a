"""Training: networks, gradients, resuming, export, data parallel and the command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.striped import command, data, striped  # noqa: F401
from volley.firmware import modelfile
from volley.model import golden, reference, train
from volley.model.data import datasets
from volley.model.nets import net as networks
from volley.model.nets import neuron
from volley.model.training import augment, export, trainer

ROOT = Path(__file__).resolve().parents[2]


def test_parse():
    layers = networks.parse("64C3-P2-64C3-P2-128-10", (1, 28, 28), 10)
    assert [(x.name, x.kind, x.outputs, x.kernel, x.pool, x.readout) for x in layers] == [
        ("conv1", "conv", 64, 3, 2, False),
        ("conv2", "conv", 64, 3, 2, False),
        ("fc1", "dense", 128, 1, 1, False),
        ("fc2", "dense", 10, 1, 1, True),
    ]
    assert layers[2].in_shape == (64, 7, 7)


@pytest.mark.parametrize(
    "text, word",
    [
        ("64C5-10", "'64C5' is not a layer"),
        ("", "'' is not a layer"),
        ("P2-10", "P2 must follow"),
        ("8C3-P2-P2-10", "P2 must follow"),
        ("8C3-P2-8C3-P2-8C3-P2-8C3-P2-8C3-P2-10", "1x1.*two rows"),
        ("10-8C3-10", "follows a dense layer"),
        ("8C3", "must end in a dense readout with 10"),
        ("8C3-12", "12 outputs.*10 classes"),
        ("0-10", "'0' is not a layer"),
        ("8c3-10", "'8c3'"),
    ],
)
def test_parse_errors(text, word):
    with pytest.raises(networks.SpecError, match=word):
        networks.parse(text, (1, 28, 28), 10)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("pool", [1, 2])
def test_fire_is_the_neuron(hard, pool):
    """The training neuron fires as one written tick by tick, and pools by OR."""
    torch.manual_seed(0)
    x = torch.randn(6, 3, 4, 4, 5)
    one, zero = torch.ones(5), torch.zeros(5)
    found = neuron.if_bn(x, one, zero, zero, one - neuron.EPS, ticks=6, pool=pool, hard=hard)
    v, spikes = torch.full(x.shape[1:], neuron.V_INIT), []
    for t in range(6):
        v = v + x[t]
        spikes.append((v >= 1).float())
        v = v * (1 - spikes[-1]) if hard else v - spikes[-1]
    wanted = torch.stack(spikes)
    if pool == 2:
        wanted = wanted.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
    assert torch.equal(found, wanted)


def test_rate_is_the_count_of_a_constant_drive():
    """Under a drive y a soft-reset neuron fires clamp(floor(T*y + 1/2), 0, T) times."""
    y = torch.linspace(-0.5, 1.5, 401).view(1, 1, 1, 1, -1) + 1e-4
    one, zero = torch.ones(401), torch.zeros(401)
    rate = neuron.if_bn(y, one, zero, zero, one - neuron.EPS, ticks=8, rate=True)
    assert torch.equal(rate * 8, (8 * y + 0.5).floor().clamp(0, 8))


@pytest.mark.parametrize("rate, ticks", [(True, 1), (False, 3)])
def test_normalisation_gradient(rate, ticks):
    """The hand-written gradient through batch statistics is autograd's, given dy."""
    torch.manual_seed(1)
    x = torch.randn(ticks, 4, 2, 2, 3, dtype=torch.float64)
    gain, beta = torch.rand(3).double() + 0.5, torch.rand(3).double()
    inputs = [t.requires_grad_() for t in (x, gain, beta)]
    mean, var = neuron.moments(x)
    out = neuron.if_bn(x, gain, beta, mean, var, ticks=3, rate=rate, batch_stats=True)
    found = torch.autograd.grad(out.sum(), inputs)
    mean, var = x.mean((0, 1, 2, 3)), x.var((0, 1, 2, 3), unbiased=False)
    y = gain * (x - mean) * torch.rsqrt(var + neuron.EPS) + beta
    grad = torch.ones_like(out)
    if rate:
        dy = ((y >= 0) & (y <= 1)).double()
    else:
        scale = (gain * torch.rsqrt(var + neuron.EPS)).detach()
        v = neuron._membranes(x.detach(), scale, (beta - mean * scale).detach(), False, 1.0)
        dy = neuron._fire_back(grad, v, v, 1, False, 1.0)
    wanted = torch.autograd.grad((y * dy.detach()).sum(), inputs)
    for ours, theirs in zip(found, wanted):
        torch.testing.assert_close(ours, theirs)


def test_soft_reset_gradient_by_hand():
    """One neuron, y = 0.3 a tick: membranes 0.8 (window), 1.1 (fires, window), 0.4."""
    v = torch.tensor([0.8, 1.1, 0.4]).view(3, 1, 1, 1, 1)
    grad = torch.tensor([1.0, 10.0, 100.0]).view(3, 1, 1, 1, 1)
    found = neuron._fire_back(grad, v, v, 1, False, 1.0).flatten().tolist()
    assert found == [1.0, 10.0, 0.0]  # each tick's drive moves its own spike, no other
    hard = neuron._fire_back(grad, v, v, 1, True, 1.0).flatten().tolist()
    assert hard == [11.0, 10.0, 0.0]  # carried on while there is no reset in between


@pytest.mark.parametrize("choice", augment.CHOICES)
def test_augmentation(choice):
    """Pictures stay whole numbers 0..255 of the same shape, and a seed gives the same ones."""
    x = torch.randint(0, 256, (5, 3, 12, 12)).float()
    one, two = (
        augment.CHOICES[choice](x.clone(), torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(one, two) and one.shape == x.shape
    assert torch.equal(one, one.round()) and one.min() >= 0 and one.max() <= 255


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_train_export_golden(data, tmp_path, reset):
    """A tiny network learns, and its file runs the same in PyTorch, integers and golden model."""
    out = tmp_path / "m.safetensors"
    assert train.main(command(data, out, "--reset", reset)) == 0
    model = modelfile.load(out)
    assert (model.ticks, model.reset, model.classes) == (4, reset, list("0123456789"))
    pictures, labels = datasets.load("mnist", "test", data)
    result = golden.run(model, pictures)
    assert (result.labels == labels).mean() > 0.6
    _, _, scores = reference.run(model, pictures)
    np.testing.assert_array_equal(result.scores, scores.numpy())
    # The unquantised network in training's own arithmetic: rounding moves few spikes.
    net, _ = train.from_checkpoint(tmp_path / "m.safetensors.ckpt", "mnist")
    net.rate = False
    with torch.no_grad():
        mean_scores = net(torch.from_numpy(pictures).float())
    theirs = scores.double() / 4 / 2**model.fraction_bits
    assert (mean_scores.argmax(1) == theirs.argmax(1)).double().mean() > 0.95
    rows = (tmp_path / "m.safetensors.csv").read_text().splitlines()
    assert rows[0] == "stage,epoch,learning_rate,loss,train_accuracy,test_accuracy,seconds"
    assert [r.split(",")[:2] for r in rows[1:]] == [
        ["rate", "1"],
        ["rate", "2"],
        ["spikes", "1"],
        ["spikes", "2"],
    ]
    assert (tmp_path / "m.safetensors.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(tmp_path.glob("*.part"))


def test_export_negates_channels_of_negative_gain():
    """A channel with gain < 0 fires where its normalised drive does."""
    torch.manual_seed(4)
    specs = networks.parse("8-10", (1, 28, 28), 10)
    net = networks.Net(specs, 8).eval()
    first = net.layers[0]
    with torch.no_grad():
        first.gain.copy_(torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1.0, -1.0]))
        first.mean.copy_(torch.linspace(-500, 500, 8))
        first.var.fill_(2000.0**2)
    model = export.to_model(net, "x", datasets.SETS["mnist"], 8)
    modelfile.validate(model)
    pictures = striped(40, 5)[0]
    with torch.no_grad():
        x = torch.from_numpy(pictures).float().permute(0, 2, 3, 1)[None].contiguous()
        wanted = neuron.if_bn(first.psum(x), first.gain, first.beta, first.mean, first.var, ticks=8)
    found = golden.run(model, pictures).spikes[0]
    bits = np.unpackbits(found[..., None], -1, bitorder="little").transpose(4, 0, 2, 3, 1)
    assert (bits == wanted.numpy()).mean() > 0.999
    assert 0.02 < bits.mean() < 0.98


def test_resume_equals_uninterrupted(data, tmp_path, monkeypatch):
    """A run stopped after each epoch and resumed ends in the very same file."""
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    assert train.main(command(data, whole)) == 0
    original = trainer.Trainer.epoch

    def one_epoch(self, *rest):
        original(self, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.Trainer, "epoch", one_epoch)
    assert train.main(command(data, parts)) == 130
    for _ in range(3):
        assert train.main(command(data, parts, "--resume")) == 130
    assert whole.read_bytes() == parts.read_bytes()


def test_seed_changes_the_run(data, tmp_path):
    files = []
    for seed in (1, 1, 2):
        files.append(tmp_path / f"{len(files)}.safetensors")
        assert train.main(command(data, files[-1], "--seed", str(seed))) == 0
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_init_and_teacher(data, tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert train.main(command(data, first)) == 0
    ckpt = f"{first}.ckpt"
    assert (
        train.main(command(data, second, "--init", ckpt, "--teacher", ckpt, "--rate-epochs", "0"))
        == 0
    )
    assert modelfile.load(second).layers[0].outputs == 6


@pytest.mark.parametrize(
    "more, words",
    [
        (["--data", "emnist"], ["emnist", "mnist", "no folder"]),
        (["--net", "8C9-10"], ["'8C9' is not a layer", "64C3-P2"]),
        (["--resume"], ["no such checkpoint", "without --resume"]),
        (["--init", "none.ckpt"], ["none.ckpt", "no such checkpoint"]),
        (["--batch", "400"], ["--batch 400", "300 training pictures"]),
        (["--epoch-pictures", "5"], ["--batch 20", "5 training pictures of an epoch"]),
        (["--validate", "300"], ["--validate 300", "none of the 300"]),
        (["--out", "nowhere/m.safetensors"], ["nowhere", "no folder"]),
    ],
)
def test_user_errors(data, tmp_path, monkeypatch, capsys, more, words):
    monkeypatch.chdir(tmp_path)
    assert train.main(command(data, "m.safetensors", *more)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "more, words",
    [
        (["--ticks", "0"], ["--ticks", "'0'", "1 to 32"]),
        (["--ticks", "many"], ["'many'", "1 to 32"]),
        (["--lr", "-1"], ["--lr", "0 to 1"]),
        (["--reset", "none"], ["none", "soft"]),
    ],
)
def test_option_errors(data, tmp_path, capsys, more, words):
    with pytest.raises(SystemExit) as error:
        train.main(command(data, tmp_path / "m", *more))
    assert error.value.code == 2
    said = capsys.readouterr().err
    for word in words:
        assert word in said


def test_resume_with_other_options(data, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert train.main(command(data, out)) == 0
    assert train.main(command(data, out, "--resume", "--lr", "0.01")) == 2
    assert "lr = 0.002, now 0.01" in capsys.readouterr().err
    Path(f"{out}.ckpt").write_bytes(b"damaged")
    assert train.main(command(data, out, "--resume")) == 2
    assert "not a checkpoint" in capsys.readouterr().err


def test_script_runs_from_the_root(tmp_path):
    """As typed by a user: exit code 2 and one line, no traceback, when there is no data."""
    for script, more in (
        ("train.py", ["--net", "10", "--out", str(tmp_path / "m")]),
        ("golden.py", [str(tmp_path / "none.safetensors")]),
    ):
        done = subprocess.run(
            [sys.executable, f"model/{script}", "--data", "mnist", "--data-dir", os.devnull, *more],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(f"{script}: ") and "Traceback" not in done.stderr
