"""What the options of training do: averages, schedules, validation, short epochs, logs, checkpoints."""

import copy
import csv

import numpy as np
import pytest
import torch

from tests.support.striped import command, data  # noqa: F401
from volley.firmware import files, modelfile
from volley.model import golden, train
from volley.model.data import datasets
from volley.model.nets import net
from volley.model.training import (
    checkpoint,
    ema,
    export,
    schedule,
    trainer,
    training_log,
)


def test_average_by_hand():
    """Two steps of decay 0.5 after the first, in which it keeps 1/10, 2/11, ... at most."""
    first = net.Net(net.parse("8-10", (1, 2, 2), 10), 4)
    average = ema.Average(first, 0.15)
    wanted = {k: v.double() for k, v in first.state_dict().items()}
    now = copy.deepcopy(first)
    for step, keep in enumerate((1 / 10, 0.15, 0.15)):
        with torch.no_grad():
            for value in now.state_dict().values():
                value.copy_(torch.randn(value.shape, generator=trainer.seeded(step)))
        average.update(now)
        wanted = {k: keep * v + (1 - keep) * now.state_dict()[k] for k, v in wanted.items()}
    for key, value in average.net.state_dict().items():
        torch.testing.assert_close(value.double(), wanted[key], rtol=1e-5, atol=1e-6)
    assert "layers.0.mean" in wanted  # running statistics are averaged too


@pytest.mark.parametrize(
    "choice, wanted",
    [
        ("constant", [0.5, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 0.5, 0.125]),
        ("cosine", [0.5, 1, 1, 0.5, 0.0380602]),
    ],
)
def test_schedule_values(choice, wanted):
    """A rise over 20 % of 10 steps, and the values at steps 0, 1, 2, 6 and 9."""
    found = [schedule.rate(choice, step, 10, 3.0, 0.2) for step in (0, 1, 2, 6, 9)]
    assert found == pytest.approx([3 * w for w in wanted], rel=1e-5)


@pytest.mark.parametrize("kernels", ["torch", "auto"])
def test_resume_equals_uninterrupted(data, tmp_path, monkeypatch, kernels):  # noqa: F811
    """With averages, validation and short epochs: stopped after each epoch, the very same state."""
    more = ["--kernels", kernels, "--net", "8C3-P2-8C3-12-10", "--ema", "0.9", "--validate", "40"]
    more += ["--epoch-pictures", "100", "--augment", "affine", "--schedule", "linear"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train.main(command(data, whole, *more)) == 0
    original = trainer.Trainer.epoch

    def one_epoch(self, *rest):
        original(self, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.Trainer, "epoch", one_epoch)
    assert train.main(command(data, parts, *more)) == 130
    for _ in range(3):
        assert train.main(command(data, parts, *more, "--resume")) == 130
    states = [checkpoint.read(f"{path}.ckpt") for path in (whole, parts)]
    for key in ("net", "average"):
        one, two = (s[key].get("net", s[key]) for s in states)
        assert all(torch.equal(one[k], two[k]) for k in one)
    assert whole.read_bytes() == parts.read_bytes()


def test_short_epochs_take_every_picture_once(data, tmp_path):  # noqa: F811
    """Epochs of 80 out of 300: the first 300 picks are all pictures, then another shuffle."""
    options = train.parser("").parse_args(
        command(data, tmp_path / "m", "--epoch-pictures", "80", "--kernels", "torch")
    )
    run = train.prepare(options)
    picks = np.concatenate([run.picks("rate", epoch) for epoch in range(15)])
    assert len(picks) == 1200
    for at in range(0, 1200, 300):
        assert sorted(picks[at : at + 300]) == list(range(300))
    assert list(picks[:300]) != list(picks[300:600])


def test_validation_pictures_are_not_trained_on(data, tmp_path):  # noqa: F811
    options = train.parser("").parse_args(command(data, tmp_path / "m", "--validate", "50"))
    (pictures, labels), (held, held_labels) = train.pictures(options)
    everything, all_labels = datasets.load("mnist", "train", data)
    assert np.array_equal(np.concatenate([pictures, held]), everything)
    assert np.array_equal(np.concatenate([labels, held_labels]), all_labels)
    assert len(held) == len(held_labels) == 50


def test_model_is_the_best_epoch_by_validation(data, tmp_path, monkeypatch):  # noqa: F811
    """Of three epochs with given validation accuracies the model file holds the second, averaged."""
    given = iter([0.2, 0.1, 0.1, 0.6, 0.9, 0.5])  # network, average; epoch by epoch
    monkeypatch.setattr(trainer.Trainer, "accuracy", lambda self, net: next(given))
    kept = []

    def keep(trained, *rest):
        kept.append(trained)
        return to_model(trained, *rest)

    to_model = export.to_model
    monkeypatch.setattr(export, "to_model", keep)
    out = tmp_path / "m.safetensors"
    more = ["--rate-epochs", "0", "--epochs", "3", "--validate", "50", "--ema", "0.5"]
    assert train.main(command(data, out, *more)) == 0
    assert len(kept) == 3 and kept[1] is kept[2]  # the first one before the first epoch: a check
    assert modelfile.load(out).ticks == 4
    rows = training_log.read_log(f"{out}.csv")
    assert [row["validation_accuracy"] for row in rows] == [0.2, 0.1, 0.9]
    assert [row["ema_accuracy"] for row in rows] == [0.1, 0.6, 0.5]
    assert "test_accuracy" not in rows[0]
    best = out.read_bytes()
    assert train.main(command(data, out, *more, "--resume", "--keep", "last")) == 0
    assert len(kept) == 5 and out.read_bytes() != best


def test_averaged_model_classifies(data, tmp_path):  # noqa: F811
    out = tmp_path / "m.safetensors"
    assert train.main(command(data, out, "--ema", "0.8")) == 0
    pictures, labels = datasets.load("mnist", "test", data)
    assert (golden.run(modelfile.load(out), pictures).labels == labels).mean() > 0.6


def test_curves_command(tmp_path, capsys):
    rows = [
        dict(stage=s, epoch=1, learning_rate=0.1, loss=1.5, train_accuracy=0.5, seconds=3.0)
        for s in trainer.STAGES
    ]
    log = tmp_path / "m.csv"
    training_log.write_log(rows, log)
    assert training_log.read_log(log) == rows
    assert training_log.main([str(log)]) == 0
    assert (tmp_path / "m.png").read_bytes()[:4] == b"\x89PNG"
    assert "2 epochs" in capsys.readouterr().out
    for bad in ("", "a,b\n1,x\n", "a,b\n1,2\n"):
        log.write_text(bad)
        assert training_log.main([str(log)]) == 2
        assert str(log) in capsys.readouterr().err
    assert training_log.main([str(tmp_path / "none.csv")]) == 2


def test_shipped_log_can_be_drawn(tmp_path):
    """The log of the MNIST model, written by an earlier version, is still one."""
    log = str(files.PRETRAINED / "mnist.csv")
    assert training_log.main([log, "--out", str(tmp_path / "m.png")]) == 0
    with open(log, newline="") as file:
        assert len(training_log.read_log(log)) == len(list(csv.reader(file))) - 1


def test_slim_checkpoint(data, tmp_path, capsys):  # noqa: F811
    """It starts another run from the averaged weights, and says so when asked to resume."""
    out, small = tmp_path / "m.safetensors", tmp_path / "small.ckpt"
    assert train.main(command(data, out, "--ema", "0.8")) == 0
    assert checkpoint.main([f"{out}.ckpt", str(small)]) == 0
    assert small.stat().st_size < 0.5 * (tmp_path / "m.safetensors.ckpt").stat().st_size
    source, _ = train.from_checkpoint(small, "mnist")
    averaged = checkpoint.read(f"{out}.ckpt")["average"]["net"]
    for key, value in source.state_dict().items():
        if key.endswith(".weight"):  # bfloat16, with every sign
            torch.testing.assert_close(value, averaged[key], rtol=2**-8, atol=0)
            assert torch.equal(value >= 0, averaged[key] >= 0)
        else:
            assert torch.equal(value, averaged[key])
    small.replace(f"{out}.ckpt")
    capsys.readouterr()
    assert train.main(command(data, out, "--ema", "0.8", "--resume")) == 2
    assert "--init" in capsys.readouterr().err
    assert checkpoint.main([str(tmp_path / "none.ckpt"), str(small)]) == 2


@pytest.mark.parametrize("losses", [(2.0, 1.5, 1.2), (2.0, 0.5, 0.2), (2.0, 0.02, 0.001)])
def test_curves_have_plain_numbers_and_a_caption(tmp_path, monkeypatch, losses):
    """Ticks such as 0.5 and 2, three or more of them; the dotted line is in the legend."""
    from matplotlib import pyplot

    rows = [
        dict(stage=stage, epoch=1, loss=loss, train_accuracy=1 - loss / 4)
        for stage, loss in zip(("rate", "rate", "spikes"), losses)
    ]
    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    training_log.draw(rows, tmp_path / "m.png")
    for axis in figures[0].axes:
        low, high = axis.get_ylim()
        shown = [t for t in axis.yaxis.get_major_ticks() if low <= t.get_loc() <= high]
        assert len(shown) >= 3
        assert all(float(t.label1.get_text()) == pytest.approx(t.get_loc()) for t in shown)
        assert not axis.yaxis.get_minorticklocs().size
        assert "stages: rate | spikes" in [
            text.get_text() for text in axis.get_legend().get_texts()
        ]
    monkeypatch.undo()
    pyplot.close(figures[0])
