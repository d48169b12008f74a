"""Readouts of several outputs a class: trained, exported, compiled, and begun from one output a class."""

import numpy as np
import pytest
import torch

from tests.support.striped import command, data  # noqa: F401
from volley.firmware import boards, modelfile
from volley.firmware.compiler.program import compile_model
from volley.firmware.results import class_scores
from volley.firmware.simulator.host import infer
from volley.firmware.simulator.simulator import Simulator
from volley.model import golden, train
from volley.model.data import datasets
from volley.model.nets import net as networks
from volley.model.training import votes

ONE, TWO, SIX = "6C3-P2-8C1-12-10", "6C3-P2-8C1-12-20", "6C3-P2-8C1-12-60"


def made(text, count):
    """A network of a text, with weights of its own, in evaluation."""
    torch.manual_seed(count)
    return networks.Net(networks.parse(text, (1, 28, 28), 10), 4, votes=count).eval()


@pytest.mark.parametrize("text, count, larger, more", [(ONE, 1, TWO, 2), (TWO, 2, SIX, 6)])
def test_a_readout_of_more_outputs_computes_the_same(text, count, larger, more):
    """Scores are so many times the first one's; the copies' latent weights differ."""
    source, net = made(text, count), made(larger, more)
    assert votes.suits(source, net) and votes.suits(source, source) and not votes.suits(net, source)
    pictures = torch.randint(0, 256, (5, 1, 28, 28)).float()
    wanted = source(pictures)
    state, share = votes.spread(source, net)
    net.load_state_dict(state)
    torch.testing.assert_close(net(pictures) * share, wanted)
    assert wanted.std() > 0 and share == count / more
    first, second = net.layers[-1].weight.view(10, more, -1)[:, :2].unbind(1)
    assert not torch.equal(first, second) and torch.equal(first >= 0, second >= 0)


def test_training_with_votes(data, tmp_path):  # noqa: F811
    """From a readout of one output a class; the file's program gives golden's scores, which are of classes."""
    start, out = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert train.main(command(data, start, "--net", ONE, "--epochs", "4")) == 0
    more = ["--net", TWO, "--rate-epochs", "0", "--init", f"{start}.ckpt"]
    assert train.main(command(data, out, *more)) == 0
    model = modelfile.load(out)
    assert model.votes == 2 and model.layers[-1].outputs == 20 and len(model.classes) == 10
    pictures, labels = datasets.load("mnist", "test", data)
    found = golden.run(model, pictures, layers=False)
    assert (found.labels == labels).mean() > 0.5 and found.scores.shape == (100, 10)
    program = compile_model(model, boards.load("sim").design, explain=False)
    simulator = Simulator(program.design, 3)
    simulator.load(program)
    infer(simulator, program, pictures[:3])
    assert np.array_equal(class_scores(program, simulator.scores[:, :20], 0), found.scores[:3])
    again = tmp_path / "again.safetensors"  # a model file with votes, to train on from
    more = ["--net", SIX, "--rate-epochs", "0", "--epochs", "1", "--lr", "1e-9", "--init", str(out)]
    assert train.main(command(data, again, *more)) == 0
    wider = golden.run(modelfile.load(again), pictures, layers=False)
    assert (wider.labels == found.labels).mean() > 0.8


def test_outputs_are_a_multiple_of_the_classes(data, tmp_path, capsys):  # noqa: F811
    assert train.main(command(data, tmp_path / "m", "--net", "6C3-P2-15")) == 2
    said = capsys.readouterr().err
    assert "15 outputs" in said and "10 classes" in said and "multiple" in said
    assert train.main(command(data, tmp_path / "a.safetensors", "--net", TWO, "--epochs", "1")) == 0
    less = ["--net", ONE, "--init", str(tmp_path / "a.safetensors.ckpt"), "--rate-epochs", "0"]
    assert train.main(command(data, tmp_path / "b", *less)) == 2
    assert "is not of --net" in capsys.readouterr().err
