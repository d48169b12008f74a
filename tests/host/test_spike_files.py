"""Spike trains from files: what is taken, and what is said of everything else."""

import json

import numpy as np
import pytest

from tests.support.random_models import random_model
from volley.host import images, infer, spike_files
from volley.host.errors import PictureError
from volley.model import golden

SHAPE = (4, 2, 5, 6)


def saved(tmp_path, array):
    path = tmp_path / "trains.npy"
    np.save(path, array)
    return path


def test_counts_and_flags_are_taken(tmp_path):
    counts = np.random.default_rng(1).integers(0, 3, (3, *SHAPE), dtype=np.uint8)
    np.testing.assert_array_equal(spike_files.load(saved(tmp_path, counts), SHAPE, 2), counts)
    assert len(spike_files.load(saved(tmp_path, counts), SHAPE, 2, limit=2)) == 2
    found = spike_files.load(saved(tmp_path, counts > 1), SHAPE, 1)
    assert found.dtype == np.uint8 and found.sum() == (counts > 1).sum()


@pytest.mark.parametrize(
    "array, words",
    (
        (np.zeros((3, 2, 5, 6), np.uint8), "shape [3, 2, 5, 6], which is of pictures"),
        (np.zeros((3, 5, 2, 5, 6), np.uint8), "the model takes [N, 4, 2, 5, 6]"),
        (np.zeros((0, *SHAPE), np.uint8), "no spike train"),
        (np.zeros((3, *SHAPE), np.float32), "float32 numbers"),
        (
            np.full((3, *SHAPE), 3, np.uint8),
            "3 spikes of an input in a tick, the model takes up to 2",
        ),
    ),
)
def test_others_are_refused(tmp_path, array, words):
    with pytest.raises(PictureError) as error:
        spike_files.load(saved(tmp_path, array), SHAPE, 2)
    assert words in str(error.value)


def test_trains_are_not_taken_for_pictures(tmp_path):
    path = saved(tmp_path, np.zeros((3, *SHAPE), np.uint8))
    with pytest.raises(PictureError, match="spike trains, which this model does not take"):
        images.load(path, (2, 5, 6))
    for name in ("picture.png", "."):
        (tmp_path / "picture.png").write_bytes(b"")
        with pytest.raises(PictureError, match="takes spike trains, not pictures"):
            spike_files.load(tmp_path / name, SHAPE, 1)


def test_infer_takes_them(tmp_path, capsys):
    """The command line with a model of spike trains: by the golden model, and what it refuses."""
    made = random_model(11, spikes=True, layers=2, readout=True, size=5)
    model = str(made.save(tmp_path / "model.safetensors"))
    trains = made.images(3)
    given = ["--port", "golden", "--model", model, "--json", str(tmp_path / "out.json")]
    assert infer.main([*given, "--images", str(saved(tmp_path, trains))]) == 0
    capsys.readouterr()
    found = json.loads((tmp_path / "out.json").read_text())["images"]
    wanted = golden.run(made.model(), trains)
    assert [row["scores"] for row in found] == wanted.scores.tolist()
    assert infer.main(given) == 2
    assert "takes spike trains" in capsys.readouterr().err
    assert infer.main([*given, "--images", str(saved(tmp_path, trains[:, 0]))]) == 2
    assert "which is of pictures" in capsys.readouterr().err
