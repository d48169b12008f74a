"""python host/infer.py: what it prints and writes; exit code 2, a clear text, no traceback."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_device import SMALL, FakeBoard, FakeDevice, small_program
from tests.support.random_models import random_model
from volley.firmware import modelfile
from volley.firmware.registers import Register
from volley.host import infer, ports, trace
from volley.host.device import Device
from volley.model import golden

ROOT = Path(__file__).resolve().parents[2]
COUNT = 4
KEYS = {"model", "board", "ticks", "clock_hz", "images", "accuracy", "layers"}
IMAGE_KEYS = {"file", "index", "expected", "label", "scores", "spikes", "cycles", "core_latency_us",
              "round_trip_ms"}  # fmt: skip


def convolution():
    """A model with a convolution, a dense layer and a readout."""
    return next(
        model
        for model in (random_model(seed, layers=3, readout=True) for seed in range(200))
        if [layer["kind"] for layer in model.meta["layers"]] == ["conv", "dense", "dense"]
    )


class Files:
    """A model, its pictures and labels in a folder, and what the golden model makes of them."""

    def __init__(self, folder, model=None):
        model = model or convolution()
        self.folder = folder
        self.model = model.save(folder / "model.safetensors")
        self.loaded = modelfile.load(self.model)
        self.images = model.images(COUNT)
        np.save(folder / "images.npy", self.images)
        self.wanted = golden.run(self.loaded, self.images)
        np.save(folder / "labels.npy", self.wanted.labels)

    def arguments(self, port, *more, model=None):
        return [
            "--port",
            port,
            "--model",
            str(model or self.model),
            "--images",
            str(self.folder / "images.npy"),
            "--labels",
            str(self.folder / "labels.npy"),
            *more,
        ]


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def fake():
    with FakeDevice() as device:
        yield device


def run(arguments, capsys, code=0):
    """Output of infer.py; for an exit code of 2, the one line of error."""
    try:
        found = infer.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        found = exit.code
    output = capsys.readouterr()
    assert found == code, output.err
    return output.err if code == infer.BAD_INPUT else output.out


def error(arguments, capsys, *texts):
    """The error of a command that must fail with exit code 2 and say all of ``texts``."""
    message = run(arguments, capsys, infer.BAD_INPUT)
    assert "Traceback" not in message
    for text in texts:
        assert text in message
    return message


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
        for m in (random_model(s, layers=2, readout=False) for s in range(200))
        if m.meta["layers"][1].get("pool") == 2
    )
    files = Files(tmp_path, model)
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


def test_trace_says_that_there_is_no_difference_and_saves_maps(files, fake, capsys):
    folder = files.folder / "trace"
    out = run(files.arguments(fake.path, "--trace", folder), capsys)
    assert f"trace: no difference from the golden model in {COUNT} images, 2 layers" in out
    for index in range(COUNT):
        for layer in range(2):
            found = np.load(folder / f"{index:04d}-layer{layer}.npy")
            np.testing.assert_array_equal(found, files.wanted.maps[layer][index])


def test_trace_names_the_first_difference(files, fake, capsys, monkeypatch):
    """One bit of one spike train of one picture is turned over on its way from the board."""
    spoilt = files.wanted.maps[0].copy()
    channel, row, column = (n - 1 for n in spoilt.shape[1:])
    read, calls = Device.trace_map, []

    def trace_map(self, picture, layer):
        found = read(self, picture, layer)
        calls.append(layer)
        if len(calls) == 3:  # picture 1, layer 0
            found[channel, row, column] ^= 1
        return found

    monkeypatch.setattr(Device, "trace_map", trace_map)
    out = run(files.arguments(fake.path, "--trace", files.folder / "t"), capsys, infer.DIFFERENT)
    assert (
        f"first difference: image 1, layer layer0, channel {channel}, row {row}, column "
        f"{column}, tick 0: the board has"
    ) in out


def test_first_difference_of_more_than_eight_ticks():
    golden_map = np.zeros((3, 2, 4, 5), np.uint8)
    board = golden_map.copy()
    board[1, 1, 2, 3], board[2, 1, 2, 3] = 0b1000, 1
    assert trace.first_difference("a", board, golden_map) == (
        "layer a, channel 1, row 2, column 3, tick 11: the board has 1, the golden model 0 "
        "(1 of 40 spike trains of this map differ)"
    )


def test_first_difference_is_in_the_order_channel_row_column_tick():
    golden_map = np.zeros((3, 4, 5), np.uint8)
    board = golden_map.copy()
    board[2, 0, 0], board[1, 3, 4], board[1, 3, 3] = 1, 1, 0b10100000
    text = trace.first_difference("conv1", board, golden_map)
    assert text.startswith(
        "layer conv1, channel 1, row 3, column 3, tick 5: the board has 1, the "
        "golden model 0 (3 of 60"
    )
    assert trace.first_difference("conv1", golden_map, golden_map) is None


@pytest.mark.parametrize("on_board", [True, False])
def test_plot_is_a_picture(files, fake, capsys, on_board):
    path = files.folder / "out.png"
    run(files.arguments(fake.path if on_board else "golden", "--plot", path), capsys)
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.width > 500


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
    big = random_model(1, layers=1, readout=True)
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


@pytest.mark.parametrize(
    "options, text",
    [
        (["--limit", "0"], "a whole number from 1 on"),
        (["--port", "golden", "--trace", "x"], "--trace reads a board"),
        (["--labels", "x"], "--labels needs --images"),
        (["--colour"], "unrecognized arguments"),
        (["--port", "sim:nowhere"], "no board 'nowhere'; there are arty"),
    ],
)
def test_bad_options(options, text, files, capsys):
    if "sim:nowhere" in options:
        options = files.arguments(*options[1:])
    error(options, capsys, text)


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
