"""python -m firmware.compile: the program that it writes, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.random_models import random_model
from volley.firmware import compile as command
from volley.firmware import program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(tmp_path):
    return random_model(1, layers=2, readout=True, news=False).save(tmp_path / "m.safetensors")


def test_the_program_is_written_though_nobody_reads_the_report(model, tmp_path):
    read, write = os.pipe()
    os.close(read)
    made = tmp_path / "m.program"
    done = subprocess.run(
        [sys.executable, "-u", "-m", "firmware.compile", str(model), "-o", str(made)],
        cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert program.load(made).name == "random"


def test_the_model_is_not_overwritten(model, tmp_path, capsys):
    before = model.read_bytes()
    (tmp_path / "link").symlink_to(model)
    for name in (model, tmp_path / "link"):
        assert command.main([str(model), "-o", str(name)]) == 2
        assert f"-o {name} is the model file" in capsys.readouterr().err
    assert model.read_bytes() == before


def test_settings_that_come_apart(model, capsys):
    assert command.main([str(model), "--set", "ci=8", "--set", "co=4"]) == 0
    assert "CI=8 CO=4" in capsys.readouterr().out
    assert command.main([str(model), "--set", "ci=8", "--set", "ci=16"]) == 2
    assert "--set: ci is there twice; allowed: once" in capsys.readouterr().err
