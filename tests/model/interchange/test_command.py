"""The command ``volley import``."""

import pytest

from volley.firmware import modelfile
from volley.model.interchange import command

FACTORY = """
import snntorch, torch
def make():
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 4)
    return torch.nn.Sequential(torch.nn.Flatten(), layer, snntorch.Leaky(1.0, init_hidden=True))
def number():
    return 3
def raises():
    raise RuntimeError("two\\nlines")
def broken():
    made = make()
    made[1].weight.data.fill_(float("nan"))
    return made
"""


def test_import(tmp_path, monkeypatch, capsys):
    pytest.importorskip("snntorch")
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = ["tiny_factory:make", "--shape", "1,4,4", "--ticks", "5", "-o", "out.safetensors"]
    assert command.main(given) == 2
    assert "error: node '1': weights of 4 of 4 outputs" in capsys.readouterr().err
    assert command.main([*given, "--binarise"]) == 0
    model = modelfile.load("out.safetensors")
    assert (model.ticks, model.reset, len(model.layers)) == (5, "soft", 1)
    assert "wrote out.safetensors: 1 layers, 5 ticks, soft reset" in capsys.readouterr().out


def test_wrong_use(capsys):
    rest = ["--ticks", "5", "-o", "out.safetensors"]
    assert command.main(["make", "--shape", "1,4,4", *rest]) == 2
    assert "allowed: MODULE:FUNCTION" in capsys.readouterr().err
    assert command.main(["a:b", "--shape", "1,x", *rest]) == 2
    assert "--shape: found '1,x'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, options, text",
    [
        ("number", [], "node '(network)': is int"),
        ("raises", [], "RuntimeError in it: two lines"),
        ("broken", [], "node '1': has weights, offsets or thresholds that are not finite"),
        ("make", ["--ticks", "0"], "ticks: found 0; allowed: 1 to 32"),
        ("make", ["--scale", "0"], "scale: found 0.0"),
        ("make", ["--spikes", "0"], "spikes: found 0; allowed: 1 to 255"),
        ("make", ["--fraction-bits", "99"], "fraction_bits: found 99; allowed: 0 to 8"),
        ("make", ["--shape", "0,4,4"], "input_shape (0, 4, 4)"),
    ],
)
def test_bad_networks_and_options(name, options, text, tmp_path, monkeypatch, capsys):
    pytest.importorskip("snntorch")
    (tmp_path / "bad_factory.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = [f"bad_factory:{name}", "--shape", "1,4,4", "--ticks", "5", "-o", "out.safetensors"]
    assert command.main([*given, "--binarise", *options]) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1
