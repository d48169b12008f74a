"""Board files: every key of a wrong type is named, and a broken file stops no other board."""

import re

import pytest

from volley.firmware import boards
from volley.firmware.boards import BoardError
from volley.firmware.compiler.program import fitting
from volley.firmware.network_text import network
from volley.host import ports

GOOD = re.sub(
    r"clock_hz = \d\S+", "clock_hz = 50_000_000", (boards.FOLDER / "ulx3s.toml").read_text()
)


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("clock_hz = 50_000_000", "clock_hz = inf", "clock_hz is inf"),
        ("clock_hz = 50_000_000", "clock_hz = nan", "clock_hz is nan"),
        ("clock_hz = 50_000_000", "clock_hz = 0.5", "clock_hz is 0.5"),
        ("clock_hz = 50_000_000", "clock_hz = true", "clock_hz is True"),
        ("baud = 115_200\n", "baud = []\n", r"baud is \[\]"),
        ("baud = 115_200\n", f"baud = {'9' * 4301}\n", "4300 digits"),
        ('title = "Radiona ULX3S, ECP5-85F"', 'title = "a\\nb"', "title is 'a"),
        ('title = "Radiona ULX3S, ECP5-85F"', "title = 3", "title is 3"),
        ('flow = "trellis"', "flow = 1", "flow is 1, a text"),
        ('flow = "trellis"', 'flow = "trellis"\nformat = 2', "format is 2"),
        ('rx = { site = "M1"', 'rx = 5\nrx2 = { site = "M1"', "pin rx is 5"),
        ('rx = { site = "M1"', "rx = { site = 5", "pin rx: site is 5"),
        ("lut = 83_640", "lut = 1.5", r"\[device\]: lut is 1.5"),
        ("dsp = 156\n", "", r"\[device\] has no dsp"),
        ("ci = 16", "ci = 16.0", "ci is 16.0, a whole number"),
        ("ci = 16", "ci = inf", "ci is inf, a whole number"),
        ("ci = 16", 'ci = "16"', "ci is '16', a whole number"),
        ("ci = 16", "ci = true", "ci is True, a whole number"),
        ("ci = 16", "colour = 16", "no parameter 'colour'"),
        ("spike_words = 1024", "spike_words = 1000.5", "spike_words is 1000.5"),
        ("[pack]", "[[design2]]\n[pack]\na = " + "[" * 5000 + "]" * 5000, "not TOML"),
        ("title", "\x00title", "not TOML"),
    ],
)
def test_a_wrong_key_is_named(tmp_path, old, new, told):
    path = tmp_path / "mine.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BoardError, match=f"mine.toml.*{told}") as error:
        boards.load(str(path))
    assert len(str(error.value)) < 400


def test_bytes_that_are_no_text_and_files_that_are_too_large(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(BoardError, match="not TOML"):
        boards.load(str(path))
    path.write_text("#" * (boards.LARGEST + 1))
    with pytest.raises(BoardError, match="allowed are 1048576"):
        boards.load(str(path))


def test_a_broken_file_stops_no_other_board(tmp_path, monkeypatch):
    for name in ("ulx3s", "sim"):
        (tmp_path / f"{name}.toml").write_text((boards.FOLDER / f"{name}.toml").read_text())
    (tmp_path / "broken.toml").write_text("clock_hz = inf")
    (tmp_path / "._ulx3s.toml").write_text("")
    (tmp_path / "folder.toml").mkdir()
    monkeypatch.setattr(boards, "FOLDER", tmp_path)
    assert boards.names() == ["broken", "sim", "ulx3s"]
    assert [board.name for board in boards.usable()] == ["sim", "ulx3s"]
    listing = ports.listing()
    assert "broken  " in listing and "not usable: broken.toml: key 'title'" in listing
    assert "Radiona ULX3S" in listing
    assert fitting(network("4C3-4", (1, 4, 4))) == "it fits sim, ulx3s"
