"""python host/infer.py: a mistake ends with exit code 2, a clear text and no traceback."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_device import SMALL, FakeBoard, FakeDevice, small_program
from tests.support.infer_files import COUNT, convolution, error, run
from tests.support.random_models import random_model
from volley.firmware.registers import Register
from volley.host import infer
from volley.host.device import Device

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"model", "board", "ticks", "clock_hz", "images", "accuracy", "layers"}
IMAGE_KEYS = {"file", "index", "expected", "label", "scores", "spikes", "cycles", "core_latency_us",
              "round_trip_ms"}  # fmt: skip


def test_no_such_port(files, capsys):
    error(files.arguments("/dev/ttyNOT0"), capsys, "no such port: /dev/ttyNOT0", "ports here")


def test_port_busy(files, fake, capsys):
    with Device.open(fake.path, 115200):
        error(files.arguments(fake.path), capsys, "is busy: another program has it open")


def test_board_of_another_design(files, fake, capsys):
    import dataclasses

    path = files.folder / "program"
    small_program(convolution(), dataclasses.replace(SMALL, co=4))[0].save(path)
    error(
        files.arguments(fake.path, model=path),
        capsys,
        "co is 4 in the program, 2 on the board",
        "compile the model for this board",
    )


def test_a_board_whose_clock_stands(files, capsys):
    with FakeDevice(FakeBoard(identity={Register.CLOCK_HZ: 0})) as fake:
        error(files.arguments(fake.path), capsys, "its clock has 0 Hz")


@pytest.mark.parametrize("baud", ["3000000000", "9" * 30])
def test_a_baud_rate_that_no_port_has(baud, files, fake, capsys):
    error(files.arguments(fake.path, "--baud", baud), capsys, f"cannot be set to {baud} baud")


def test_a_port_that_is_no_terminal(files, capsys):
    error(files.arguments("/dev/null"), capsys, "/dev/null is no serial port; ports here")


def test_no_volley_board(files, capsys):
    with FakeDevice(FakeBoard(identity={Register.MAGIC: 1})) as fake:
        error(files.arguments(fake.path), capsys, "no Volley board")


def test_board_silent(files, capsys):
    with FakeDevice(silent=True) as fake:
        error(files.arguments(fake.path), capsys, "no answer", "is the board powered")


def test_unplugged_in_mid_run(files, capsys):
    np.save(files.folder / "images.npy", np.repeat(files.images, 100, axis=0))
    np.save(files.folder / "labels.npy", np.repeat(files.wanted.labels, 100))
    with FakeDevice(FakeBoard(run_s=0.02)) as fake:
        threading.Timer(1.5, fake.unplug).start()
        error(files.arguments(fake.path), capsys, fake.path, "went away")


def test_model_truncated(files, fake, capsys):
    data = Path(files.model).read_bytes()
    for cut in (0, 5, 100, len(data) - 1):
        (files.folder / "cut.safetensors").write_bytes(data[:cut])
        for port in (fake.path, "golden"):
            error(
                files.arguments(port, model=files.folder / "cut.safetensors"),
                capsys,
                "cut.safetensors",
                "truncated",
            )


def test_compiled_program_truncated_or_damaged(files, fake, capsys):
    path = files.folder / "program"
    small_program(convolution())[0].save(path)
    data = path.read_bytes()
    path.write_bytes(data[:-4])
    error(files.arguments(fake.path, model=path), capsys, "its header says")
    path.write_bytes(data[:-4] + bytes(4 * [data[-1] ^ 255]))
    error(files.arguments(fake.path, model=path), capsys, "damaged, its CRC-32 does not match")


def test_model_with_a_wrong_shape_or_unknown_kind(files, fake, capsys):
    wrong = convolution()
    wrong.tensors["layer1.bias"] = wrong.tensors["layer1.bias"][:-1]
    wrong.save(files.folder / "shape.safetensors")
    error(
        files.arguments(fake.path, model=files.folder / "shape.safetensors"),
        capsys,
        "layer1.bias",
        "shape",
    )
    wrong = convolution()
    wrong.meta["layers"][0]["kind"] = "lstm"
    wrong.save(files.folder / "kind.safetensors")
    error(
        files.arguments(fake.path, model=files.folder / "kind.safetensors"),
        capsys,
        "'lstm'",
        "'conv', 'dense'",
    )


def test_model_not_there(files, fake, capsys):
    for port in (fake.path, "golden"):
        error(files.arguments(port, model="gone.safetensors"), capsys, "gone.safetensors")


def test_fusion_is_forced_for_a_model_file_alone(files, fake, capsys):
    run(files.arguments(fake.path, "--fuse", "pairs"), capsys)
    path = files.folder / "program.volley"
    small_program(convolution())[0].save(path)
    error(
        files.arguments(fake.path, "--fuse", "pairs", model=path),
        capsys,
        "--fuse pairs",
        "is a compiled program",
        "python -m firmware.compile --fuse",
    )


def test_model_that_does_not_fit(files, fake, capsys):
    big = random_model(1, layers=1, readout=True, news=False)
    big.meta["input"].update(channels=1, height=100, width=100)
    big.meta["layers"] = [
        {"name": "layer0", "kind": "dense", "in": 10000, "out": 32, "encode": True, "readout": True}
    ]
    big.meta["classes"] = [str(n) for n in range(32)]
    big.tensors = {
        "layer0.weight": np.zeros((32, 1250), np.uint8),
        "layer0.bias": np.zeros(32, np.int32),
    }
    big.save(files.folder / "big.safetensors")
    np.save(files.folder / "images.npy", np.zeros((COUNT, 100, 100), np.uint8))
    np.save(files.folder / "labels.npy", np.zeros(COUNT, np.int64))
    error(
        files.arguments(fake.path, model=files.folder / "big.safetensors"),
        capsys,
        "does not fit",
        "bytes too many",
        "it fits",
    )


def test_image_of_wrong_size_or_type_and_a_folder_without(files, fake, capsys):
    def options(path):
        return ["--port", fake.path, "--model", files.model, "--images", path]

    np.save(files.folder / "size.npy", np.zeros((2, 99, 98), np.uint8))
    np.save(files.folder / "type.npy", files.images.astype(np.float32))
    (files.folder / "empty").mkdir()
    error(options(files.folder / "size.npy"), capsys, "99")
    error(options(files.folder / "type.npy"), capsys, "float32", "uint8")
    error(options(files.folder / "empty"), capsys, "no picture in this folder")
    error(options(files.folder / "gone.npy"), capsys, "no such file or folder")


def test_labels_that_do_not_match(files, capsys):
    np.save(files.folder / "labels.npy", files.wanted.labels[:-1])
    error(files.arguments("golden"), capsys, f"{COUNT - 1} labels for {COUNT} pictures")


def test_disk_full_on_json(files, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is missing on this system")
    error(files.arguments("golden", "--json", "/dev/full"), capsys, "No space left on device")
    assert Path("/dev/full").is_char_device()


def test_json_is_written_whole_or_not_at_all(files, tmp_path):
    """A process that may write 200 bytes a file: the old file stays, nothing is left beside it."""
    path = files.folder / "out.json"
    path.write_text("old")
    limited = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200));"
        "sys.argv[0] = 'host/infer.py';"
        "runpy.run_path('host/infer.py', run_name='__main__')"
    )
    command = [sys.executable, "-c", limited, *files.arguments("golden", "--json", str(path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == infer.BAD_INPUT, done.stderr
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert path.read_text() == "old"
    assert sorted(p.name for p in files.folder.iterdir()) == [
        "images.npy",
        "labels.npy",
        "model.safetensors",
        "out.json",
    ]


def test_json_into_a_folder_that_is_not_there(files, capsys):
    error(files.arguments("golden", "--json", "/nowhere/out.json"), capsys, "no such folder")


@pytest.mark.parametrize("name", ["labels.npy", "labels.npy/below"])
def test_trace_into_a_file(name, files, capsys):
    """Told before a board is opened."""
    arguments = files.arguments("/dev/ttyNOT0", "--trace", files.folder / name)
    error(arguments, capsys, f"{files.folder / 'labels.npy'} is no folder")


def test_trace_of_a_program_is_refused_before_the_board_is_opened(files, capsys):
    path = files.folder / "program"
    small_program(convolution())[0].save(path)
    arguments = files.arguments("/dev/ttyNOT0", "--trace", files.folder / "t", model=path)
    error(arguments, capsys, "--trace compares with the golden model", "not a compiled program")
    assert not (files.folder / "t").exists()


def test_no_permission_to_write_is_told_first(files, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for option in ("--json", "--plot"):
        arguments = files.arguments("/dev/ttyNOT0", option, files.folder / "x")
        error(arguments, capsys, f"{option} {files.folder / 'x'}: no permission to write")


@pytest.mark.parametrize(
    "options, text",
    [
        (["--limit", "0"], "a whole number from 1 on"),
        (["--port", "golden", "--trace", "x"], "--trace reads a board"),
        (["--labels", "x"], "--labels needs --images"),
        (["--colour"], "unrecognized arguments"),
        (["--port", "sim:nowhere"], "no board 'nowhere'; there are acorn"),
    ],
)
def test_bad_options(options, text, files, capsys):
    if "sim:nowhere" in options:
        options = files.arguments(*options[1:])
    error(options, capsys, text)
