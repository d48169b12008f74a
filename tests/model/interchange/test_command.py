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
