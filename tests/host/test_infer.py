"""python host/infer.py: what it prints and writes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_device import small_program
from tests.support.infer_files import COUNT, InferFiles, convolution, error, run
from tests.support.random_models import random_model
from volley.firmware import modelfile
from volley.firmware.compiler.throughput import rate_text
from volley.host import ports

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"model", "board", "ticks", "clock_hz", "images", "accuracy", "images_per_s", "layers"}
IMAGE_KEYS = {"file", "index", "expected", "label", "scores", "spikes", "cycles", "core_latency_us",
              "round_trip_ms"}  # fmt: skip


@pytest.mark.parametrize("on_board", [True, False])
def test_table_and_json(files, fake, capsys, on_board):
    path = files.folder / "out.json"
    port = fake.path if on_board else "golden"
    out = run(files.arguments(port, "--json", path), capsys)
    content = json.loads(path.read_text())
    assert set(content) == KEYS
    assert content["model"] == files.loaded.name and content["ticks"] == files.loaded.ticks
    assert content["board"] == ("fake" if on_board else "golden")
    assert content["clock_hz"] == (100_000_000 if on_board else None)
    assert content["accuracy"] == 1.0
    for index, entry in enumerate(content["images"]):
        assert set(entry) == IMAGE_KEYS
        assert entry["index"] == index
        assert entry["scores"] == files.wanted.scores[index].tolist()
        assert entry["label"] == entry["expected"] == files.wanted.labels[index]
        assert entry["spikes"] == files.wanted.spike_counts[index].tolist()
        assert (entry["cycles"] is None) == (not on_board)
        assert str(entry["scores"][entry["label"]]) in out
    assert [layer["name"] for layer in content["layers"]] == ["layer0", "layer1", "layer2"]
    rates = files.wanted.spike_counts.mean(0) / [
        np.prod(layer.map_shape) * files.loaded.ticks for layer in files.loaded.layers[:2]
    ]
    assert [layer["firing_rate"] for layer in content["layers"][:2]] == pytest.approx(rates)
    assert content["layers"][2]["firing_rate"] is None
    assert (content["layers"][0]["cycles"] is None) == (not on_board)
    speeds = content["images_per_s"]
    assert (speeds is None) == (not on_board)
    if speeds:
        assert speeds["end_to_end"] <= min(speeds["core"], speeds["link"])
        assert f"{rate_text(speeds['link'])} of the link" in out
    assert f"accuracy 100.00 % ({COUNT} of {COUNT} right)" in out
    assert list(files.folder.glob(".*part")) == []


def test_accuracy_counts_what_is_wrong(files, capsys):
    labels = files.wanted.labels.copy()
    labels[1] = (labels[1] + 1) % len(files.loaded.classes)
    np.save(files.folder / "labels.npy", labels)
    out = run(files.arguments("golden"), capsys)
    assert f"accuracy 75.00 % (3 of {COUNT} right)" in out and "*" in out
    assert "accuracy 100.00 %" in run(files.arguments("golden", "--limit", 1), capsys)


def test_a_model_that_ends_in_a_firing_layer_scores_by_spikes(tmp_path, fake, capsys):
    model = next(
        m
        for m in (random_model(s, layers=2, readout=False, news=False) for s in range(200))
        if m.meta["layers"][1].get("pool") == 2
    )
    files = InferFiles(tmp_path, model)
    path = tmp_path / "out.json"
    run(files.arguments(fake.path, "--json", path), capsys)
    found = [entry["scores"] for entry in json.loads(path.read_text())["images"]]
    assert found == files.wanted.scores.tolist()


def test_a_compiled_program_runs(files, fake, capsys):
    program, _ = small_program(convolution())
    path = files.folder / "program"
    program.save(path)
    assert "accuracy 100.00 %" in run(files.arguments(fake.path, model=path), capsys)
    error(files.arguments("golden", model=path), capsys, "compiled program", ".safetensors")
    error(
        files.arguments(fake.path, "--trace", files.folder / "t", model=path),
        capsys,
        "--trace compares with the golden model",
    )


@pytest.mark.parametrize("on_board", [True, False])
def test_plot_is_a_picture(files, fake, capsys, on_board):
    path = files.folder / "out.png"
    run(files.arguments(fake.path if on_board else "golden", "--plot", path), capsys)
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.width > 500


@pytest.mark.parametrize("ticks", [1, 3, 17])
def test_plot_of_spike_trains(ticks, tmp_path, capsys):
    """Three ticks are not three colours."""
    seeded = (random_model(s, layers=2, spikes=True, ticks=ticks) for s in range(200))
    model = next(m for m in seeded if m.meta["input"].get("kind") == "spikes")
    files = InferFiles(tmp_path, model)
    run(files.arguments("golden", "--plot", tmp_path / "out.png"), capsys)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.format == "PNG"


def test_files_are_written_though_nobody_reads_the_table(files):
    """As with ``| head -1``, or for ``> >(less)`` that is ended."""
    read, write = os.pipe()
    os.close(read)
    path = files.folder / "out.json"
    command = [sys.executable, "host/infer.py", *files.arguments("golden", "--json", str(path))]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(path.read_text())["images"]) == COUNT


def test_list_shows_ports_and_boards(capsys):
    out = run(["--list"], capsys)
    for text in ("sim ", "golden", "arty", "Digilent Arty A7-35T", "PE"):
        assert text in out


def test_usb_identities_are_named():
    assert "ULX3S" in ports.identity(0x0403, 0x6015, "ULX3S FPGA 85K")
    assert "Arty" in ports.identity(0x0403, 0x6010, "Digilent USB Device")
    assert "Tang Nano" in ports.identity(0x0403, 0x6010, "SIPEED JTAG Debugger")
    assert ports.identity(0x1234, 0x5678) == ""


# bad input


def test_as_a_script_without_torch(files):
    """The command line works from the repository's root, and never imports torch."""
    program = (
        "import runpy, sys; sys.modules['torch'] = None; sys.argv[0] = 'host/infer.py';"
        "runpy.run_path('host/infer.py', run_name='__main__')"
    )
    for start in (["host/infer.py"], ["-c", program]):
        done = subprocess.run(
            [sys.executable, *start, *files.arguments("golden")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert "accuracy 100.00 %" in done.stdout


def test_a_model_trained_on_a_folder_scales_pictures(files, capsys):
    """``input.fit`` of the model file does what --fit does; without both, another size is an error."""
    model = modelfile.load(files.model)
    large = np.kron(files.images, np.ones((1, 1, 2, 2), np.uint8))
    np.save(files.folder / "large.npy", large)
    arguments = ["--port", "golden", "--images", files.folder / "large.npy", "--model", files.model]
    assert "--fit scales pictures" in run(arguments, capsys, code=2)
    path = files.folder / "out.json"

    def scores(*more):
        run([*arguments, "--json", path, *more], capsys)
        return [entry["scores"] for entry in json.loads(path.read_text())["images"]]

    asked = scores("--fit")
    modelfile.save(replace(model, fit=True), files.model)
    assert scores() == asked and len(asked) == COUNT
