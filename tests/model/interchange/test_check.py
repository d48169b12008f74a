"""``volley import --check`` and the training that goes on after ``--binarise``."""

import numpy as np
import pytest
import torch

from tests.support.peer_networks import LIBRARIES, network
from volley.firmware import modelfile
from volley.model import train
from volley.model.data import datasets
from volley.model.interchange import check, command, torch_import


@pytest.mark.parametrize("library", LIBRARIES)
def test_equal_and_changed(library):
    """No difference on a dyadic network; the table shows those of a threshold that was changed."""
    module, shape, ticks = network(library, "hard", 11)
    net = torch_import.read(module, shape)
    model = torch_import.from_torch(module, shape, ticks=ticks, scale=1.0)
    images = np.random.default_rng(0).integers(0, 256, (60, *shape), dtype=np.uint8)
    found = check.compare(module, net.walk, model, images, 1.0)
    assert [row[4] for row in found.layers] == [0, 0, 0]
    assert all(row[1] == row[2] > 0 for row in found.layers)
    assert (found.classes[0] == found.classes[1]).all()
    assert "classes that differ: 0 of 60" in found.table()
    model.layers[1].threshold += 1 << model.fraction_bits
    found = check.compare(module, net.walk, model, images, 1.0)
    assert [row[4] > 0 for row in found.layers][:2] == [False, True]
    assert found.layers[1][1] > found.layers[1][2]
    text = found.table(found.classes[0])
    assert "right: library 60" in text and f"{found.layers[1][4]:,} of" in text


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_types_of_numbers(dtype):
    """A network in double or half runs on pictures of its own type."""
    module, shape, ticks = network("spikingjelly", "hard", 11)
    module = module.to(dtype)
    net = torch_import.read(module, shape)
    model = torch_import.from_torch(module, shape, ticks=ticks, scale=1.0)
    images = np.random.default_rng(0).integers(0, 16, (7, *shape), dtype=np.uint8)
    found = check.compare(module, net.walk, model, images, 1.0)
    assert [row[4] for row in found.layers] == [0, 0, 0]


def test_as_many_pictures_as_ticks():
    """A sum of maps over the ticks, [N,C,H,W], is not added up again where N is the ticks."""
    snn = pytest.importorskip("snntorch")

    class Sums(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.fire = torch.nn.Conv2d(1, 3, 1, bias=False), snn.Leaky(1.0, 200.0)
            self.a.weight.data = torch.tensor([1.0, -1.0, 1.0]).view(3, 1, 1, 1)

        def forward(self, x):
            mem, total = self.fire.init_leaky(), 0
            for _ in range(5):
                spikes, mem = self.fire(self.a(x), mem)
                total = total + spikes
            return total

    module = Sums().eval()
    net = torch_import.read(module, (1, 4, 4))
    model = torch_import.from_torch(module, (1, 4, 4), scale=1.0)
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 4, 4), dtype=np.uint8)
    found = check.compare(module, net.walk, model, images, 1.0)
    assert found.classes.shape == (2, 5) and found.layers[0][4] == 0


FACTORY = """
import torch
from spikingjelly.activation_based import neuron
def make():
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm2d(4)
    torch.nn.init.uniform_(norm.weight, -1, 1)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), norm, neuron.IFNode(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(784, 10), neuron.IFNode())
"""


def test_binarise_and_train_on(tmp_path, monkeypatch, capsys):
    """The printed command trains one tiny epoch; its start is the imported network's own spikes."""
    pytest.importorskip("spikingjelly")
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (60, 1, 28, 28)).astype(np.uint8)
    labels = rng.integers(0, 10, 60).astype(np.uint8)
    monkeypatch.setattr(datasets, "load", lambda *given, **more: (pictures, labels))
    (tmp_path / "real_factory.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = ["real_factory:make", "--shape", "1,28,28", "--ticks", "4", "-o", "real.safetensors"]
    assert command.main([*given, "--binarise", "--check", "mnist", "--samples", "20"]) == 0
    out = capsys.readouterr().out
    assert "0: binarised, " in out and "classes that differ: " in out and "right: library" in out
    line = out.splitlines()[-1].split()
    assert line[:2] == ["volley", "train"]
    tiny = ["--epochs", "1", "--batch", "20", "--test-limit", "20", "--threads", "1"]
    assert train.main([*line[2:], *tiny, "--kernels", "torch"]) == 0
    model = modelfile.load("real-tuned.safetensors")
    assert (model.ticks, model.reset, [x.outputs for x in model.layers]) == (4, "hard", [4, 10])

    net, _ = train.from_checkpoint("real-start.ckpt", "mnist")
    net.rate = False
    imported = modelfile.load("real.safetensors")
    with torch.no_grad():
        layer = net.layers[0]
        y = layer.psum(torch.from_numpy(pictures[:50]).float().permute(0, 2, 3, 1).unsqueeze(0))
        current = (y - layer.mean) / torch.sqrt(layer.var + 1e-5) * layer.gain + layer.beta
    first = imported.layers[0]
    scale = 2.0 ** imported.fraction_bits_of(first)
    psum = torch.nn.functional.conv2d(
        torch.from_numpy(pictures[:50]).double(), torch.from_numpy(first.weight).double(), padding=1
    )
    wanted = (psum.permute(0, 2, 3, 1).numpy() * scale - first.bias) / first.threshold
    np.testing.assert_allclose(current[0].numpy(), wanted, rtol=2e-2, atol=2e-2)


def test_wrong_use(tmp_path, monkeypatch, capsys):
    pytest.importorskip("spikingjelly")
    (tmp_path / "other_factory.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.save("none.npy", np.zeros((0, 1, 28, 28), np.uint8))
    np.save("number.npy", np.uint8(3))
    given = ["other_factory:make", "--shape", "1,28,28", "--ticks", "4", "-o", "x.safetensors"]
    for more, text in (
        (["--binarise", "--check", "words"], "--check: found 'words'; allowed: mnist"),
        (["--binarise", "--check", "no.npy"], "no.npy: no such file"),
        (["--binarise", "--check", "none.npy"], "none.npy: holds no picture"),
        (["--binarise", "--check", "number.npy"], "found uint8 of shape []"),
        (["--binarise", "--check", "mnist", "--samples", "0"], "--samples: found 0"),
        (["--binarise", "--finetune", "words"], "--finetune: found 'words'"),
        (["--reset", "soft"], "--reset: is for NIR files"),
    ):
        assert command.main([*given, *more]) == 2
        assert text in capsys.readouterr().err
