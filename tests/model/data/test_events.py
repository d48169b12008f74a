"""Simulated event frames, and files of events read back."""

import numpy as np
import pytest

from volley.model.data import datasets, event_files, events, events_command


def square():
    """A picture with a bright square in its middle."""
    picture = np.zeros((1, 1, 28, 28), np.uint8)
    picture[:, :, 10:18, 10:18] = 255
    return picture


def test_edges_that_move_make_events(monkeypatch):
    """In the first saccade the picture moves down and right: brighter below, darker above."""
    monkeypatch.setattr(events, "NOISE", 0.0)
    found = events.simulate(square(), 3)
    assert found.shape == (1, 3, 2, 34, 34) and set(np.unique(found)) == {0, 1}
    rows = np.arange(34)[:, None]
    brighter, darker = ((found[0, 0, c] * rows).sum() / found[0, 0, c].sum() for c in (0, 1))
    assert brighter > darker + 3
    assert not events.simulate(np.zeros_like(square()), 3).any()
    assert not events.simulate(square() + 0, 8)[:, :, :, :5].any()  # far from every edge


def test_the_path_is_a_closed_triangle():
    path = events.path()
    assert tuple(path[0]) == tuple(path[-1]) == events.CORNERS[0]
    assert len(path) == events.STEPS + 1 and np.abs(path).max() == 3


def test_ticks_share_the_same_events(monkeypatch):
    """Frames of a half are the union of two of a quarter."""
    monkeypatch.setattr(events, "NOISE", 0.0)
    coarse, fine = events.simulate(square(), 4), events.simulate(square(), 8)
    np.testing.assert_array_equal(coarse, fine.reshape(1, 4, 2, 2, 34, 34).max(2))


def test_noise_is_the_seeds(monkeypatch):
    one, same, other = (events.simulate(square(), 4, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def n_mnist_file(path, frames):
    """Writes the events of frames [T, 2, 34, 34] as N-MNIST's .bin: x, y, polarity and time, 5 bytes."""
    data = bytearray()
    for tick, channel, y, x in np.argwhere(frames):
        time = tick * 1000 + 500
        data += bytes((x, y, (1 - channel) << 7 | time >> 16, time >> 8 & 255, time & 255))
    path.write_bytes(bytes(data))


def test_n_mnist_files(tmp_path, capsys):
    pytest.importorskip("tonic", reason="tonic is not installed: pip install tonic")
    frames = events.simulate(square(), 6)[0]
    frames[0, 0, 0, 0] = frames[-1, 0, 0, 0] = 1  # so that the time is all of it
    for name in ("3", "7"):
        (tmp_path / "set" / name).mkdir(parents=True)
        n_mnist_file(tmp_path / "set" / name / "00001.bin", frames)
    out, labels = tmp_path / "events.npy", tmp_path / "labels.txt"
    given = [str(tmp_path / "set"), "--frames", "6", "-o", str(out), "--labels", str(labels)]
    assert events_command.main(given) == 0
    assert "uint8 [2, 6, 2, 34, 34]" in capsys.readouterr().out
    assert labels.read_text() == "3\n7\n"
    np.testing.assert_array_equal(np.load(out), [frames, frames])
    assert events_command.main([*given, "--size", "20,20"]) == 2
    assert "outside a sensor of 20 x 20" in capsys.readouterr().err


def test_counts_are_kept_and_clipped():
    kinds = [("x", int), ("y", int), ("t", int), ("p", int)]
    found = np.array([(1, 2, 0, 1), (1, 2, 10, 1), (1, 2, 11, 0), (3, 0, 99, 1)], kinds)
    frames = event_files.to_frames(found, (4, 5), 2)
    assert frames[0, 0, 2, 1] == 2 and frames[0, 1, 2, 1] == 1 and frames[1, 0, 0, 3] == 1
    assert frames.sum() == 4


def test_errors_are_one_line(tmp_path, capsys):
    out = str(tmp_path / "events.npy")
    for given, words in (
        ([str(tmp_path / "none.bin"), "-o", out], "no such file"),
        ([str(tmp_path / "none.txt"), "-o", out], "not an event file"),
        ([str(tmp_path), "-o", out], "no event file in this folder"),
    ):
        assert events_command.main(given) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(SystemExit):
        events_command.main(["-o", out])


def test_a_data_set_of_events():
    data = datasets.SETS["mnist-events"]
    assert data.kind == "spikes" and data.shape == (2, 34, 34) and len(data.classes) == 10
