"""A model file as the start of a training: its network again, and refusals."""

import numpy as np
import pytest
import torch

from tests.support.striped import command, data  # noqa: F401
from volley.firmware import modelfile
from volley.model import golden, train
from volley.model.data import datasets
from volley.model.nets import net as networks
from volley.model.training import from_model, prune


def test_start_is_the_model(data, tmp_path):  # noqa: F811
    """The network read from a file scores as the file does, and its export is the file's integers."""
    out = tmp_path / "m.safetensors"
    assert train.main(command(data, out, "--data", "mnist")) == 0
    model = modelfile.load(out)
    pictures, labels = datasets.load("mnist", "train", data)
    net, scale = train.from_checkpoint(str(out), "mnist", (pictures, labels))
    with torch.no_grad():
        found = net(torch.from_numpy(pictures[:100]).float()).numpy()
    wanted = golden.run(model, pictures[:100], layers=False).scores
    theirs = wanted / (model.ticks * 2.0**model.fraction_bits)
    # rounding of a float may move a spike
    assert np.median(np.abs(found - theirs)) < 1e-3 and scale > 0
    from volley.model.training import export

    again = export.to_model(net, "m", datasets.SETS["mnist"], model.fraction_bits)
    for one, two in zip(model.layers, again.layers):
        assert np.array_equal(one.weight, two.weight)
        assert np.abs(one.bias - two.bias).max() <= 1
        if not one.readout:
            assert np.abs(one.threshold - two.threshold).max() <= 1


def test_scale_of_scores_that_are_all_right():
    """A factor that leaves the scores' softmax sure, but not so sure that a wrong picture blows up."""
    labels = torch.arange(10)
    scores = 30 * torch.nn.functional.one_hot(labels, 10).float()
    wrong = scores.roll(1, 0) * from_model._scale(scores, labels).exp()
    assert 3 < torch.nn.functional.cross_entropy(wrong, labels) < 10


def test_init_and_teacher_of_a_model_file(data, tmp_path):  # noqa: F811
    """--init at other ticks and --teacher take it; training from it goes on well."""
    out, more = tmp_path / "m.safetensors", tmp_path / "t2.safetensors"
    assert train.main(command(data, out)) == 0
    tail = ["--init", str(out), "--teacher", str(out), "--ticks", "2", "--rate-epochs", "0"]
    assert train.main(command(data, more, *tail, "--lr", "1e-3")) == 0
    model = modelfile.load(more)
    pictures, labels = datasets.load("mnist", "test", data)
    assert model.ticks == 2
    assert (golden.run(model, pictures, layers=False).labels == labels).mean() > 0.6


def test_refused(data, tmp_path, capsys):  # noqa: F811
    path = tmp_path / "no.safetensors"
    assert train.main(command(data, tmp_path / "m", "--init", str(path))) == 2
    assert "no such" in capsys.readouterr().err
    model = modelfile.load(golden.__file__.replace("golden.py", "pretrained/mnist.safetensors"))
    model.layers[1].leak = 1
    with pytest.raises(train.checkpoint.ResumeError, match="conv2.*leak"):
        from_model.text_of(model)


def test_pruned_start(data, tmp_path, capsys):  # noqa: F811
    """A network with an output that never fires: it is the one that goes, and no score changes."""
    pictures, _ = datasets.load("mnist", "train", data)
    wide = networks.Net(networks.parse("8C3-P2-16-10", (1, 28, 28), 10), 4).eval()
    x = torch.from_numpy(pictures[:50]).float()
    with torch.no_grad():
        wide.layers[0].mean.fill_(0)
        wide.layers[0].var.fill_(200.0**2)
        wide.layers[1].var.fill_(10.0**2)
        wide.layers[1].beta[5] = -100.0
        wanted = wide(x)
        net = networks.Net(networks.parse("8C3-P2-15-10", (1, 28, 28), 10), 4).eval()
        net.load_state_dict(prune.pruned(wide, net, pictures))
        torch.testing.assert_close(net(x), wanted)
    out = tmp_path / "m"
    assert train.main(command(data, out)) == 0
    tail = ["--init", f"{out}.ckpt", "--prune", "2", "--net", "6C3-P2-8C1-9-10"]
    assert train.main(command(data, tmp_path / "n", *tail)) == 2
    assert "has 12 outputs in --init and 9 in --net" in capsys.readouterr().err
    tail[-1] = "6C3-P2-8C1-10-10"
    assert train.main(command(data, tmp_path / "n", *tail)) == 0
