"""Lines that lose long frames: shorter ones are used, every request ends, a slow line still loads."""

import time

import numpy as np
import pytest

from tests.support.fake_device import FakeBoard, FakeDevice, small_program
from tests.support.loop import Loop
from tests.support.random_models import random_model
from volley.firmware import frames
from volley.firmware.frames import Command
from volley.firmware.registers import IDENTITY_WORDS, Region, address
from volley.host import Device, LinkError
from volley.host.link import Link
from volley.host.transport import SerialTransport
from volley.model import golden

WEIGHTS = address(Region.WEIGHTS)


class LengthFilter:
    """Loses frames of more than ``most`` bytes, delimiter included."""

    most = frames.MAX_BYTES + 8

    def __call__(self, data):
        parts = data.split(bytes([frames.DELIMITER]))
        kept = [part for part in parts[:-1] if len(part) < self.most]
        return b"".join(part + bytes([frames.DELIMITER]) for part in kept) + parts[-1]


def filtered(up=None, down=None):
    """A link whose line loses frames longer than that from now on."""
    spoil, spoil_back = LengthFilter(), LengthFilter()
    loop = Loop(FakeBoard(), spoil, spoil_back, polls=0.001)
    loop.patience = 0.01
    link = Link(loop)
    link.identify(IDENTITY_WORDS)
    spoil.most, spoil_back.most = up or spoil.most, down or spoil_back.most
    return link


@pytest.mark.parametrize(
    ("up", "down"), [(900, None), (300, None), (60, None), (20, None), (None, 900), (None, 20), (40, 30)]
)  # fmt: skip
def test_what_is_written_is_read_back(up, down):
    link = filtered(up, down)
    words = np.random.default_rng(1).integers(0, 1 << 16, 999, np.uint32)
    began = time.monotonic()
    link.write(WEIGHTS, words)
    assert link.read(WEIGHTS, len(words)) == words.tolist()
    assert time.monotonic() - began < 5
    assert link.counts["shorter"] >= 1
    written = [
        range(at, at + count)
        for code, at, count in link.transport.board.log
        if code == Command.WRITE
    ]
    assert [at for part in written for at in part] == list(range(WEIGHTS, WEIGHTS + len(words)))


@pytest.mark.parametrize(("up", "down"), [(120, None), (None, 100), (100, 110)])
def test_results_are_right(up, down):
    model = random_model(3, layers=2, readout=True, size=6, channels=1)
    program, loaded = small_program(model)
    pictures = model.images(6)
    link = filtered()
    with Device(link) as device:
        device.link.transport.spoil.most = up or frames.MAX_BYTES
        device.link.transport.spoil_back.most = down or frames.MAX_BYTES
        device.load(program, verify=True)
        found = [result.scores for result in device.infer_many(pictures)]
    np.testing.assert_array_equal(found, golden.run(loaded, pictures).scores)


@pytest.mark.parametrize(
    ("up", "down", "text"),
    [
        (15, None, "WRITE of 1 words .18 bytes, .* does not get through in 8 tries, while requests of "
         "up to 14 bytes and answers of up to 14 bytes get through"),
        (None, 15, "READ of 1 words .14 bytes, answered by up to 18. does not get through in 8 tries"),
        (5, None, "no usable answer to WRITE after 8 tries, short frames among them"),
        (None, 5, "no usable answer to WRITE after 8 tries"),
    ],
)  # fmt: skip
def test_the_end_says_which_frames_get_through(up, down, text):
    link = filtered(up, down)
    began = time.monotonic()
    with pytest.raises(LinkError, match=text):
        link.write(WEIGHTS, range(500))
        link.read(WEIGHTS, 500)
    assert time.monotonic() - began < 5
    assert link.broken


@pytest.mark.parametrize("command", [*Command][1:])
def test_every_request_ends(command):
    """The line loses all that is sent to the board."""
    link = filtered(up=13)
    with pytest.raises(LinkError, match=f"no usable answer to {command.name}"):
        link.wait(link.submit(command, WEIGHTS, 1, [5] * (command == Command.WRITE)))


def test_a_slow_line_still_loads():
    """A tenth of the bytes that the port's rate promises: progress is slow, but there is progress."""
    with FakeDevice(FakeBoard(), rate=2000) as device:
        transport = SerialTransport(device.path, 230400, patience=0.2)
        link = Link(transport)
        link.identify(IDENTITY_WORDS)
        link.write(WEIGHTS, [7] * 1000)
        assert link.longest == frames.MAX_WORDS and not link.counts["damaged"]
        transport.close()


def test_words_and_bytes_are_the_same():
    words = np.random.default_rng(2).integers(0, 1 << 32, 30, np.uint64).astype(np.uint32)
    data = words.astype("<u4").tobytes()
    for same in (
        words.tolist(),
        tuple(words.tolist()),
        data,
        memoryview(data),
        words.astype(np.int64),
    ):
        assert frames.encode(1, 3, 30, 5, same) == frames.encode(1, 3, 30, 5, words)
    assert frames.word_bytes([-1]) == b"\xff" * 4
