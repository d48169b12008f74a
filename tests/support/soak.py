"""Faults of every kind between host and board, seeded, and what came of each session.

``Noise`` spoils bytes, ``Session`` is one that opens, loads and computes, ``Tally`` counts how they
ended: right, with a clear error, or wrong.
"""

import math
import random
from collections import Counter
from functools import cache

from tests.support.fake_device import FakeBoard, small_program
from tests.support.loop import Loop, ResettingBoard
from tests.support.random_models import random_model
from volley.firmware import frames
from volley.firmware.design import Design
from volley.host import Device, HostError
from volley.host.link import Link
from volley.model import golden

TINY = Design(
    ci=4, co=1, spike_words=64, weight_words=64, param_words=16, program_words=32, layers=32,
    row_max=4, scores=4,
)  # fmt: skip
PICTURES = 3
PATIENCE_S = 0.004  # of a board that answers at once
RIGHT, ERROR, WRONG = "right", "clear errors", "wrong"


@cache
def job(readout=True, design=TINY):
    """(program, pictures, right scores): with a readout pictures overlap, without one maps are read."""
    model = random_model(4, layers=2, readout=readout, size=3, channels=1, outputs=4, news=False)
    program, loaded = small_program(model, design)
    pictures = model.images(PICTURES)
    return program, pictures, golden.run(loaded, pictures).scores.tolist()


class Noise:
    """Bytes on their way: each is flipped in a bit, dropped or doubled with probability ``rate``."""

    def __init__(self, rng, rate):
        self.rng, self.rate, self.frames, self.hits = rng, rate, 0, 0
        self._gap = self._next_gap()

    def _next_gap(self):
        """Bytes until the next one that is hit: geometric."""
        return (
            int(math.log(1 - self.rng.random()) / math.log1p(-self.rate)) if self.rate else 1 << 60
        )

    def __call__(self, data):
        self.frames += data.count(frames.DELIMITER)
        out, at = bytearray(), 0
        while self._gap < len(data) - at:
            at += self._gap
            out += data[at - self._gap : at] + self._spoilt(data[at])
            at, self._gap = at + 1, self._next_gap()
            self.hits += 1
        self._gap -= len(data) - at
        return bytes(out + data[at:])

    def _spoilt(self, byte):
        fault = self.rng.randrange(4)
        return [b"", bytes([byte, byte]), *[bytes([byte ^ 1 << self.rng.randrange(8)])] * 2][fault]


class Tally:
    """How the cases of one kind ended. wrongs: what was wrong, for people."""

    def __init__(self, name):
        self.name, self.cases, self.frames, self.wrongs = name, Counter(), 0, []

    def add(self, case, work, wanted):
        """Does ``work()``, which is to give ``wanted`` or a HostError of one line."""
        try:
            found = work()
            ended = RIGHT if found == wanted else WRONG
            text = f"{found} in place of {wanted}"
        except HostError as error:
            ended, text = ERROR, str(error)
            if not text or "\n" in text:
                ended, text = WRONG, f"not one line: {text!r}"
        except Exception as error:  # a traceback before the user is as bad as a wrong answer
            ended, text = WRONG, repr(error)
        self.cases[ended] += 1
        if ended == WRONG:
            self.wrongs.append(f"{self.name}, {case}: {text}")
        return ended


def fast_link(board, spoil=bytes, spoil_back=bytes):
    """A link to a board in Python, without a wait."""
    loop = Loop(board, spoil, spoil_back, polls=PATIENCE_S / 8)
    loop.patience = PATIENCE_S
    return Link(loop)


def compute(device, readout, loads=1, program=None, pictures=None):
    """Scores of the pictures, by ``infer_many`` and by ``infer``."""
    own_program, own_pictures, _ = job(readout)
    program, pictures = program or own_program, own_pictures if pictures is None else pictures
    for _ in range(loads):
        device.load(program, verify=True)
    found = [result.scores.tolist() for result in device.infer_many(pictures)]
    return [*found, device.infer(pictures[0]).scores.tolist()]


def wanted_of(readout):
    """What ``compute`` gives."""
    scores = job(readout)[2]
    return [*scores, scores[0]]


def noisy_sessions(seed, rate, count, progress=None):
    """Sessions on a board in Python until ``count`` frames have been on the line; a Tally."""
    rng, tally = random.Random(seed), Tally(f"noise {rate:g} a byte")
    while tally.frames < count:
        readout = bool(rng.randrange(2))
        noises = Noise(rng, rate), Noise(rng, rate)
        link = fast_link(FakeBoard(TINY), *noises)
        case = f"seed {seed}, frame {tally.frames}"
        tally.add(case, lambda: compute(Device(link), readout), wanted_of(readout))
        sent = sum(noise.frames for noise in noises)
        tally.frames += sent
        if progress:
            progress(sent)
    return tally


def frames_of_a_session(readout):
    """How many frames a session without faults has executed."""
    board = FakeBoard(TINY)
    assert compute(Device(fast_link(board)), readout) == wanted_of(readout)
    return len(board.log)


def reset_points():
    """(readout, frames before the reset, whether the last answer is lost) of every point of a session."""
    return [
        (readout, point, mute)
        for readout in (True, False)
        for point in range(1, frames_of_a_session(readout))
        for mute in (False, True)
    ]


def reset_sessions(points, progress=None):
    """A reset, or an exchange for a board without a program, after each number of frames; a Tally."""
    tally = Tally("reset of the board")
    for readout, point, mute in points:
        board = ResettingBoard(TINY)
        board.countdown, board.mute = point, mute
        # behind IDENTIFY alone there is nothing to lose but the session's number
        work = lambda: compute(Device(fast_link(board)), readout)  # noqa: E731
        tally.add(f"after {point} frames, readout {readout}, mute {mute}", work, wanted_of(readout))
        tally.frames += len(board.log)
        if progress:
            progress(1)
    return tally


class HostKilledError(BaseException):
    """The host's process is gone in mid-session."""


class Cut:
    """Lets so many bytes pass to the board; with the next one the host is gone."""

    def __init__(self, left):
        self.left = left

    def __call__(self, data):
        if len(data) > self.left:
            raise HostKilledError(data[: self.left])
        self.left -= len(data)
        return data


def killed_sessions(points, progress=None):
    """A host that is killed after so many bytes, and the next one on the same board; a Tally."""
    tally = Tally("host killed, next session")
    for readout, count in points:
        board = FakeBoard(TINY, run_s=0.002)
        try:
            compute(Device(fast_link(board, Cut(count))), readout)
        except HostKilledError as killed:
            board.take(killed.args[0])
        other = not readout
        work = lambda: compute(Device(fast_link(board)), other)  # noqa: E731
        tally.add(f"after {count} bytes, readout {readout}", work, wanted_of(other))
        tally.frames += len(board.log)
        if progress:
            progress(1)
    return tally


def kill_points(step=1):
    """(readout, bytes) of every ``step``-th byte that a session sends."""
    found = []
    for readout in (True, False):
        link = fast_link(FakeBoard(TINY))
        compute(Device(link), readout)
        found += [(readout, count) for count in range(0, link.counts["sent"], step)]
    return found
