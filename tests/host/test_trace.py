"""infer --trace: every spike of the board beside the golden model's."""

from pathlib import Path

import numpy as np

from tests.support.infer_files import COUNT, run
from volley.host import infer, trace
from volley.host.device import Device

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"model", "board", "ticks", "clock_hz", "images", "accuracy", "layers"}
IMAGE_KEYS = {"file", "index", "expected", "label", "scores", "spikes", "cycles", "core_latency_us",
              "round_trip_ms"}  # fmt: skip


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
