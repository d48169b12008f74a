"""Writers on a full disk: the file that was there stays whole, nothing is left beside it, the file is named."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.full_disk import room
from volley.firmware import modelfile
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.network_text import network
from volley.host import report, trace

ROOM = 100  # bytes that a file may take


def model(path):
    modelfile.save(network("4C3-4", (1, 4, 4)), path)


def program(path):
    compile_model(network("4C3-4", (1, 4, 4)), Design()).save(path)


def json_results(path):
    report.write_json(path, {"images": list(range(1000))})


def spikes_of_a_trace(path):
    trace._save(path, np.zeros(1000, np.uint8))


def csv(path):
    from volley.model.training import training_log

    row = {"stage": "rate", "epoch": 1, "loss": 1.0, "validation_accuracy": 0.5, "seconds": 1.0}
    training_log.write_log([row] * 50, path)


def curves(path):
    from volley.model.training import training_log

    row = {"stage": "rate", "epoch": 1, "loss": 1.0, "test_accuracy": 0.5, "seconds": 1.0}
    training_log.draw([row] * 3, path)


def checkpoint(path):
    torch = pytest.importorskip("torch")
    from volley.model.training import trainer

    run = SimpleNamespace(
        settings=dict, net=torch.nn.Linear(100, 10), average=None, done=[], log_scale=torch.zeros(()),
        files=SimpleNamespace(ckpt=path), device=torch.device("cpu"),
    )  # fmt: skip
    trainer.Trainer.checkpoint(run, SimpleNamespace(state_dict=dict))


WRITERS = [model, program, json_results, spikes_of_a_trace, csv, curves, checkpoint]


@pytest.mark.parametrize("writer", WRITERS, ids=[writer.__name__ for writer in WRITERS])
def test_a_full_disk_names_the_file_and_leaves_what_was_there(tmp_path, writer):
    path = tmp_path / "out.bin"
    writer(path)
    assert path.stat().st_size > ROOM, "the test must not fit"
    path.write_bytes(b"what was there")
    with room(ROOM), pytest.raises(OSError, match="out.bin"):
        writer(path)
    assert path.read_bytes() == b"what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["out.bin"]


@pytest.mark.parametrize("writer", WRITERS, ids=[writer.__name__ for writer in WRITERS])
def test_an_interruption_leaves_what_was_there(tmp_path, writer, monkeypatch):
    """Ctrl+C just before the new file takes its place."""
    path = tmp_path / "out.bin"
    path.write_bytes(b"what was there")

    def interrupt(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer(path)
    assert path.read_bytes() == b"what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["out.bin"]
