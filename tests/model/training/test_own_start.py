"""--init and --teacher on pictures of one's own, of their size and classes."""

import numpy as np
import pytest
from PIL import Image

from volley.model import train


def command(out, *more):
    """A command line that trains on the folder `own` in the current one."""
    words = (
        "--net 4C3-P2-2 --ticks 2 --rate-epochs 0 --epochs 1 --batch 4 --threads 1 --kernels torch"
    )
    return [*words.split(), "--data", "own", "--device", "cpu", "--out", str(out), *more]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A network trained on 8x8 pictures of the folder `own`: start.safetensors and its .ckpt."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    for name in ("no", "yes"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for k in range(12):
            picture = rng.integers(0, 256, (8, 8)).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "own" / name / f"{k}.png")
    train.sources._own.cache_clear()
    assert train.main(command("start.safetensors", "--picture", "1x8x8")) == 0


def test_own_pictures(start, tmp_path, capsys):
    """A start of the same pictures goes on; other sizes and other classes are refused in a line."""
    model, ckpt = "start.safetensors", "start.safetensors.ckpt"
    starts = [(o, f) for o in ("--init", "--teacher") for f in (model, ckpt)]
    for number, (option, file) in enumerate(starts):
        assert train.main(command(f"b{number}", option, file, "--picture", "1x8x8")) == 0
        assert train.main(command("c", option, file, "--picture", "1x10x10")) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert file in said and "1x8x8" in said and "1x10x10" in said
    (tmp_path / "own" / "no").rename(tmp_path / "own" / "zero")
    train.sources._own.cache_clear()
    for option in ("--init", "--teacher"):
        assert train.main(command("c", option, model, "--picture", "1x8x8")) == 2
        said = capsys.readouterr().err
        assert "its classes are ('yes', 'zero'), those of start.safetensors ['no', 'yes']" in said
