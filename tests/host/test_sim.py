"""The host on the simulated board: the shipped model and pictures, and an end that is clear."""

import json
import os
import signal
import time

import numpy as np
import pytest

from volley.firmware import modelfile
from volley.host import Device, HostError, images, infer
from volley.model import golden

pytestmark = [pytest.mark.slow, pytest.mark.verilator]
LIMIT = 20


@pytest.fixture
def shipped():
    if not infer.MODEL.exists():
        pytest.skip(f"{infer.MODEL.name} is missing in model/pretrained/")
    model = modelfile.load(infer.MODEL)
    return model, images.load(infer.IMAGES, (1, 28, 28), limit=LIMIT).images


def test_infer_on_the_simulated_board_is_the_golden_model(shipped, tmp_path, capsys):
    model, pictures = shipped
    wanted = golden.run(model, pictures)
    path = tmp_path / "out.json"
    code = infer.main(["--limit", str(LIMIT), "--json", str(path), "--verify"])
    output = capsys.readouterr()
    assert code == 0, output.err
    entries = json.loads(path.read_text())["images"]
    assert [entry["scores"] for entry in entries] == wanted.scores.tolist()
    assert [entry["spikes"] for entry in entries] == wanted.spike_counts.tolist()


def test_trace_on_the_simulated_board_finds_no_difference(shipped, tmp_path, capsys):
    assert infer.main(["--limit", "1", "--trace", str(tmp_path)]) == 0
    assert "trace: no difference from the golden model" in capsys.readouterr().out


def test_loading_takes_15_s_at_most_and_a_picture_one(shipped):
    model, pictures = shipped
    with Device.open("sim") as device:
        began = time.perf_counter()
        device.load(infer.MODEL)
        loaded = time.perf_counter() - began
        began = time.perf_counter()
        results = list(device.infer_many(pictures))
        seconds = time.perf_counter() - began
    print(f"loading {loaded:.1f} s, {len(results) / seconds:.2f} images/s")
    np.testing.assert_array_equal(
        [result.scores for result in results], golden.run(model, pictures).scores
    )
    assert loaded < 15
    assert len(results) / seconds >= 1


def test_a_simulator_that_is_killed_is_a_clear_error(shipped):
    _, pictures = shipped
    with Device.open("sim") as device:
        device.load(infer.MODEL)
        os.kill(device.simulator.process.pid, signal.SIGKILL)
        with pytest.raises(HostError, match="went away"):
            device.infer(pictures[0])
