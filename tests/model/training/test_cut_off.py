"""Runs that are cut off or stopped, and go on; and what is refused before the first epoch."""

import numpy as np
import pytest

from tests.support.striped import command, data  # noqa: F401
from volley.model import train
from volley.model.training import checkpoint, outputs, training_log


def test_cut_off_between_the_files(data, tmp_path, monkeypatch):  # noqa: F811
    """A run that ends while it writes the last epoch's files goes on to the same model and log."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train.main(command(data, whole)) == 0
    draw = training_log.draw

    def cut_off(rows, path):
        if len(rows) == 4:
            raise KeyboardInterrupt
        draw(rows, path)

    monkeypatch.setattr(training_log, "draw", cut_off)
    assert train.main(command(data, parts)) == 130
    monkeypatch.setattr(training_log, "draw", draw)
    assert train.main(command(data, parts, "--resume")) == 0
    assert whole.read_bytes() == parts.read_bytes()
    logs = [(tmp_path / f"{name}.csv").read_text().splitlines() for name in ("whole", "parts")]
    assert [len(log) for log in logs] == [5, 5]


def test_stopped_run_goes_on(data, tmp_path, capsys):  # noqa: F811
    """Ended by --stop among the rates there is no model; resumed, it is that of a run without."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train.main(command(data, whole)) == 0
    assert train.main(command(data, parts, "--stop", "1", "--keep", "last")) == 0
    assert not parts.exists() and "parts: not written; a model comes" in capsys.readouterr().out
    assert train.main(command(data, parts, "--resume")) == 0
    assert whole.read_bytes() == parts.read_bytes()


def test_nothing_to_go_on_from(data, tmp_path, monkeypatch, capsys):  # noqa: F811
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train.trainer.Trainer, "epoch", stop)
    assert train.main(command(data, tmp_path / "m")) == 130
    assert "there is no checkpoint" in capsys.readouterr().err


def test_resume_with_other_pictures(tmp_path, capsys):
    """Pictures of one's own that changed since are not trained on as if they were the same."""
    file, out = tmp_path / "own.npz", tmp_path / "m"
    words = "--net 8-2 --ticks 2 --rate-epochs 1 --epochs 0 --batch 4 --threads 1 --kernels torch"
    run = [*words.split(), "--device", "cpu", "--data", str(file), "--out", str(out)]
    arrays = {"train_images": np.zeros((24, 4, 4), np.uint8), "train_labels": np.arange(24) % 2}
    np.savez(file, **arrays)
    assert train.main(run) == 0
    assert train.main([*run, "--resume"]) == 0
    np.savez(file, **arrays, classes=["no", "yes"])
    train.sources._own.cache_clear()
    assert train.main([*run, "--resume"]) == 2
    assert "the pictures or classes of --data" in capsys.readouterr().err


def test_torn_checkpoint(data, tmp_path):  # noqa: F811
    out = tmp_path / "m"
    assert train.main(command(data, out, "--stop", "1")) == 0
    content = (tmp_path / "m.ckpt").read_bytes()
    for size in (0, 3, len(content) // 2, len(content) - 1):
        (tmp_path / "m.ckpt").write_bytes(content[:size])
        with pytest.raises(
            checkpoint.ResumeError, match="m.ckpt: not a checkpoint .* or a damaged"
        ):
            checkpoint.read(tmp_path / "m.ckpt")


@pytest.mark.parametrize(
    "more, words",
    [
        (["--prune", "2"], "--prune is for"),
        (["--rate-epochs", "0", "--epochs", "0"], "nothing to train"),
        (["--name", "x" * 5000], "5000 characters"),
        (["--data", "mnist-events", "--augment", "affine"], "are for pictures"),
    ],
)
def test_refused_before_the_first_epoch(data, tmp_path, capsys, more, words):  # noqa: F811
    assert train.main(command(data, tmp_path / "m", *more)) == 2
    assert words in capsys.readouterr().err and not list(tmp_path.glob("m*"))


def test_a_crop_of_small_pictures(tmp_path, capsys):
    pictures, labels = np.zeros((24, 3, 4, 4), np.uint8), np.arange(24) % 2
    np.savez(tmp_path / "own.npz", train_images=pictures, train_labels=labels)
    run = [
        "--net",
        "2",
        "--batch",
        "4",
        "--device",
        "cpu",
        "--augment",
        "crop4",
        "--kernels",
        "torch",
    ]
    more = ["--threads", "1", "--data", str(tmp_path / "own.npz"), "--out", str(tmp_path / "m")]
    assert train.main([*run, *more]) == 2
    assert "shifts by up to 4 pixels; pictures of 3x4x4" in capsys.readouterr().err


def test_name_of_other_bytes(data, tmp_path, capsys):  # noqa: F811
    with pytest.raises(SystemExit):
        train.main(command(data, tmp_path / "m", "--name", "a\udc80"))
    assert "allowed: UTF-8" in capsys.readouterr().err


def test_force_spares_what_the_run_reads(tmp_path):
    """--init of the run's own checkpoint, which --force would remove."""
    (tmp_path / "m.ckpt").write_bytes(b"weights")
    (tmp_path / "link").symlink_to(tmp_path / "m.ckpt")
    with pytest.raises(outputs.OutputError, match="link, which the run reads, is one of its files"):
        outputs.Outputs(tmp_path / "m").check(force=True, inputs=[str(tmp_path / "link")])


def test_curves_without_an_error(tmp_path, recwarn):
    """Every picture right from the first epoch on: no logarithm of 0, no warning."""
    row = {"stage": "rate", "loss": 0.0, "train_accuracy": 1.0, "test_accuracy": 1.0}
    training_log.draw([row] * 2, tmp_path / "m.png")
    assert not [w for w in recwarn if "log-scaled" in str(w.message)]
