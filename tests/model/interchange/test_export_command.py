"""The command ``volley export``: what it writes gives the model's scores."""

import ast
import importlib.util
import warnings

import numpy as np
import pytest
import torch

from tests.support.random_models import random_model
from volley.firmware import modelfile
from volley.model import golden
from volley.model.interchange import command, export_command, twin


@pytest.fixture
def model(tmp_path):
    made = random_model(5, layers=3, ticks=9, readout=True, news=False)
    made.save(tmp_path / "model.safetensors")
    images = made.images(6)
    return str(tmp_path / "model.safetensors"), images, golden.run(made.model(), images).scores


def test_source(model, tmp_path, capsys):
    path, images, scores = model
    assert export_command.main([path, "-o", str(tmp_path / "twin_of_it.py")]) == 0
    assert "the twin as a Python file" in capsys.readouterr().out
    text = (tmp_path / "twin_of_it.py").read_text()
    assert "volley." not in text
    spec = importlib.util.spec_from_file_location("twin_of_it", tmp_path / "twin_of_it.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert np.array_equal(module.make()(torch.from_numpy(images)).numpy(), scores)


@pytest.mark.slow
def test_program(model, tmp_path):
    path, images, scores = model
    assert export_command.main([path, "-o", str(tmp_path / "twin.pt2")]) == 0
    program = torch.export.load(tmp_path / "twin.pt2").module()
    assert np.array_equal(program(torch.from_numpy(images)).numpy(), scores)


def test_nir_and_back(model, tmp_path):
    pytest.importorskip("nir")
    path, images, scores = model
    assert export_command.main([path, "-o", str(tmp_path / "net.nir")]) == 0
    again = str(tmp_path / "again.safetensors")
    assert command.main([str(tmp_path / "net.nir"), "-o", again]) == 0
    assert np.array_equal(golden.run(modelfile.load(again), images).scores, scores)


def test_source_of_format_2(tmp_path):
    """Spike trains, a leak, bits by layer ...: what ``make()`` gives has the scores."""
    made = [m for m in (random_model(seed) for seed in range(40)) if m.meta["format"] == 2]
    for number, random in enumerate(made[:6]):
        path = str(random.save(tmp_path / "model.safetensors"))
        name = f"twin_{number}"
        assert export_command.main([path, "-o", str(tmp_path / f"{name}.py")]) == 0
        spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        images = random.images(4)
        scores = golden.run(random.model(), images).scores
        assert np.array_equal(module.make()(torch.from_numpy(images)).numpy(), scores)


@pytest.mark.parametrize("name", ['"""; raise SystemExit; """', "a\\" * 40, '"', "\\"])
def test_source_of_any_name(name, tmp_path):
    """A model's name, which may be anything, stays text in the Python file."""
    made = random_model(5, layers=1, ticks=2, news=False).model()
    made.name = name
    twin.save_source(made, tmp_path / "named.py")
    text = (tmp_path / "named.py").read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of an escape that is none
        first, second = ast.parse(text).body[:2]
    assert isinstance(first.value, ast.Constant) and "make() gives" in first.value.value
    assert isinstance(second, ast.Import)


def test_wrong_use(model, tmp_path, capsys):
    assert export_command.main([model[0], "-o", str(tmp_path / "net.onnx")]) == 2
    assert "allowed: a name that ends in .nir, .pt2, .py" in capsys.readouterr().err
    assert export_command.main([str(tmp_path / "no.safetensors"), "-o", "x.nir"]) == 2
    assert "no such file" in capsys.readouterr().err
