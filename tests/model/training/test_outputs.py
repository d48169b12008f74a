"""The files of a run: checked before the first epoch, never overwritten unasked, resumed or replaced."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.support.striped import command, data, write_data  # noqa: F401
from volley.model import train
from volley.model.training import checkpoint, trainer


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run, trained once."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "runs").mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        data = write_data(folder / "data", monkeypatch)
        assert train.main(command(data, folder / "runs" / "m.safetensors")) == 0
    return folder / "runs"


@pytest.fixture
def run(finished, data, tmp_path):  # noqa: F811
    """(OUT of a finished run, function that runs train.py again with more options)."""
    out = tmp_path / "runs" / "m.safetensors"
    shutil.copytree(finished, out.parent)
    return out, lambda *more: train.main(command(data, out, *more))


def no_epoch(monkeypatch):
    """Let a test fail in which an epoch begins."""
    monkeypatch.setattr(trainer.Trainer, "epoch", lambda *_: pytest.fail("an epoch began"))


@pytest.mark.parametrize("kind", ["", ".ckpt", ".csv", ".png"])
def test_files_of_a_run_are_not_overwritten(data, tmp_path, monkeypatch, capsys, kind):  # noqa: F811
    """Any one of the four files is named, with both ways on, before the first epoch."""
    out = tmp_path / "m.safetensors"
    Path(f"{out}{kind}").write_text("kept")
    no_epoch(monkeypatch)
    assert train.main(command(data, out)) == 2
    said = capsys.readouterr().err
    for word in (f"{out}{kind} would be overwritten", "--resume", "--force"):
        assert word in said
    assert Path(f"{out}{kind}").read_text() == "kept"


def test_output_that_cannot_be_written(data, tmp_path, monkeypatch, capsys):  # noqa: F811
    no_epoch(monkeypatch)
    (tmp_path / "a.csv").mkdir()
    assert train.main(command(data, tmp_path)) == 2
    assert f"{tmp_path} is a folder" in capsys.readouterr().err
    assert train.main(command(data, tmp_path / "a", "--force")) == 2
    assert f"{tmp_path / 'a.csv'} is a folder" in capsys.readouterr().err

    def refuse(*_, **__):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert train.main(command(data, tmp_path / "b")) == 2
    assert "cannot be written (Read-only file system)" in capsys.readouterr().err


def test_force_replaces_the_run(run, monkeypatch):
    """With --force the earlier files are gone before the first epoch, and a new run ends."""
    out, again = run
    before = out.read_bytes()
    original, found = trainer.Trainer.epoch, []

    def epoch(self, *rest):
        found.append(sorted(os.listdir(out.parent)))
        original(self, *rest)

    monkeypatch.setattr(trainer.Trainer, "epoch", epoch)
    assert again("--force", "--seed", "2") == 0
    assert found[0] == [] and out.read_bytes() != before


def test_finished_run_is_said_and_repaired(run, monkeypatch, capsys):
    """Resuming a finished run trains nothing, and writes what was lost, the same."""
    out, again = run
    wanted = {path: path.read_bytes() for path in out.parent.iterdir()}
    assert len(wanted) == 4
    no_epoch(monkeypatch)
    assert again("--resume") == 0
    assert "a finished run of 4 epochs" in capsys.readouterr().out
    for path in wanted:
        if path.suffix != ".ckpt":
            path.unlink()
    assert again("--resume") == 0
    said = capsys.readouterr().out
    assert {path: path.read_bytes() for path in out.parent.iterdir()} == wanted
    assert all(
        f"{out}{kind}: was not there; written again" in said for kind in ("", ".csv", ".png")
    )


@pytest.mark.parametrize(
    "more, words",
    [
        (["--fraction-bits", "3"], "--fraction-bits = 6, now 3"),
        (["--name", "other"], "--name = 'mnist', now 'other'"),
        (["--half"], "--half = False, now True"),
        (["--seed", "5"], "--seed = 1, now 5"),
        (["--distil", "0.25"], "--distil = 0.5, now 0.25"),
        (["--test-limit", "50"], "--test-limit = None, now 50"),
    ],
)
def test_resume_names_the_option(run, capsys, more, words):
    _, again = run
    assert again("--resume", *more) == 2
    said = capsys.readouterr().err
    assert words in said and "give the same options" in said


def test_resume_knows_teacher_and_arithmetic(run, monkeypatch, capsys):
    """A teacher counts by its content, kernels by what was used."""
    out, again = run
    teacher = out.parent / "teacher.ckpt"
    teacher.write_bytes(Path(f"{out}.ckpt").read_bytes())
    assert again("--resume", "--teacher", str(teacher)) == 2
    assert f"--teacher = None, now '{checkpoint.digest(teacher)}'" in capsys.readouterr().err
    monkeypatch.setattr(train.native, "active", lambda: not used)
    used = checkpoint.read(f"{out}.ckpt")["settings"]["kernels"] == "native"
    assert again("--resume") == 2
    assert "--kernels = " in capsys.readouterr().err


def test_resume_of_an_earlier_version(run, capsys):
    out, again = run
    state = torch.load(f"{out}.ckpt", weights_only=True)
    del state["settings"]["fraction_bits"]
    torch.save(state, f"{out}.ckpt")
    assert again("--resume") == 2
    assert "does not say which --fraction-bits" in capsys.readouterr().err


def test_init_of_a_checkpoint_without_net(run, data, capsys):  # noqa: F811
    out, _ = run
    state = torch.load(f"{out}.ckpt", weights_only=True)
    del state["settings"]["net"]
    torch.save(state, f"{out}.ckpt")
    assert train.main(command(data, out.parent / "b", "--init", f"{out}.ckpt")) == 2
    assert "does not say its --net" in capsys.readouterr().err


def test_every_option_is_kept_or_known_not_to_matter():
    """A new option has to be in the checkpoint, or in this list with a reason."""
    free = {
        "data_dir",  # where, not what
        "out",
        "keep",  # which epoch's model stays; may be changed
        "stop",  # where a run ends, not what it is until there
        "resume",
        "force",
        "threads",  # may differ on the machine that goes on
        "device",  # checkpoints move between devices
        "compile",  # the same to rounding
        "recipe",  # stands for the options that it holds
    }
    options = vars(train.parser("").parse_args(["--net", "10", "--data", "mnist", "--out", "m"]))
    assert set(options) == set(trainer.SETTINGS) | set(trainer.FILES) | free


@pytest.mark.parametrize("option", ["--resume", "--init", "--teacher"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_checkpoint_that_is_not_finite(run, data, capsys, option, value):  # noqa: F811
    """It is refused with the name of the tensor before it trains."""
    out, again = run
    state = torch.load(f"{out}.ckpt", weights_only=True)
    state["net"]["layers.1.gain"][2] = value
    torch.save(state, f"{out}.ckpt")
    if option == "--resume":
        assert again("--resume") == 2
    else:
        assert train.main(command(data, out.parent / "b", option, f"{out}.ckpt")) == 2
    assert f"net.layers.1.gain holds {value}" in capsys.readouterr().err


def test_diverged_training_keeps_the_last_epoch(data, tmp_path, monkeypatch, capsys):  # noqa: F811
    """Weights that become NaN in the second epoch: a message, and the first epoch's checkpoint."""
    original = trainer.Trainer.step

    def step(self, *rest):
        found = original(self, *rest)
        if self.done:
            self.net.layers[0].beta.data[1] = float("nan")
        return found

    monkeypatch.setattr(trainer.Trainer, "step", step)
    out = tmp_path / "m"
    assert train.main(command(data, out)) == 2
    said = capsys.readouterr().err
    assert "rate, epoch 2: layers.0.beta holds nan" in said and "learning rate" in said
    assert len(checkpoint.read(f"{out}.ckpt")["rows"]) == 1
