"""A board that is reset or exchanged in a session never answers for it: every sequence number, while
it loads, while it is idle, and between the frames of ``infer`` and ``infer_many``. Some numbers by
default, all 256 as slow tests."""

import pytest

from tests.support.fake_device import small_program
from tests.support.loop import Loop, ResettingBoard
from tests.support.random_models import random_model
from tests.support.soak import TINY, job
from volley.firmware.frames import SEQS
from volley.host import Device, HostError
from volley.host.link import Link

SOME = (0, 1, 239, 247, 254, 255)
positions = pytest.mark.parametrize(
    "numbers", [SOME, pytest.param(range(SEQS), marks=pytest.mark.slow)], ids=["some", "all"]
)


class Session:
    """A Device on a ResettingBoard. frames: that one round of ``infer``, ``infer_many`` or ``load`` takes."""

    def __init__(self, readout=True):
        self.program, self.pictures, self.wanted = job(readout)
        self.board = ResettingBoard(TINY)
        loop = Loop(self.board, polls=0.0005)
        loop.patience = 0.01
        self.device = Device(Link(loop))
        self.device.load(self.program)

    def advance(self, seq):
        """Asks for the status until ``seq`` is the next number."""
        while self.device.link._next_seq != seq:
            self.device.link.status()

    def work(self, what):
        """Scores, in the end of ``what``."""
        if what == "load":
            self.device.load(self.program)
            what = "infer"
        if what == "infer":
            return [self.device.infer(picture).scores.tolist() for picture in self.pictures]
        return [result.scores.tolist() for result in self.device.infer_many(self.pictures)]

    def frames(self, what):
        """How many frames the work takes."""
        before = len(self.board.log)
        assert self.work(what) == self.wanted
        return len(self.board.log) - before


KINDS = [
    (what, readout)
    for readout in (True, False)
    for what in ("load", "infer", "infer_many")
]  # fmt: skip


@positions
@pytest.mark.parametrize(("what", "readout"), KINDS)
def test_a_board_that_was_reset_while_idle(what, readout, numbers):
    """Only a program that is loaded anew, and all of it, can be right after a reset."""
    for seq in numbers:
        session = Session(readout)
        session.advance(seq)
        session.board.reset()
        with pytest.raises(HostError, match="reset or exchanged"):
            session.work(what)


@positions
@pytest.mark.parametrize("mute", [False, True])
@pytest.mark.parametrize(("what", "readout"), KINDS)
def test_a_board_that_is_reset_at_work(what, readout, mute, numbers):
    """After each frame in turn, so that every number and every frame of the work is met."""
    count = Session(readout).frames(what)
    for seq in numbers:
        session = Session(readout)
        session.advance(seq)
        session.board.countdown, session.board.mute = 1 + seq % (count - 1), mute
        with pytest.raises(HostError, match="reset or exchanged"):
            session.work(what)


@positions
@pytest.mark.parametrize("what", ["load", "infer", "infer_many"])
def test_a_board_that_is_exchanged_for_one_in_use(what, numbers):
    """The other board holds another program and expects the very number that comes."""
    other = small_program(
        random_model(8, layers=2, readout=True, size=3, channels=1, outputs=4, news=False), TINY
    )[0]
    for seq in numbers:
        session = Session()
        session.advance(seq)
        second = ResettingBoard(TINY)
        with Device(Link(Loop(second))) as device:
            device.load(other)
        second.expected = seq
        session.device.link.transport.board = second
        with pytest.raises(HostError, match="another program has started a session"):
            session.work(what)


def test_the_harness_finds_a_driver_that_does_not_look_at_the_number(monkeypatch):
    """Without the check some positions give wrong scores or a board's silence."""
    monkeypatch.setattr(Link, "check_session", lambda self, found: None)
    wrong = 0
    for seq in range(0, SEQS, 5):
        session = Session()
        session.device.link.tries = 2
        session.device.link.transport.patience = 0.002
        session.advance(seq)
        session.board.countdown = 1
        try:
            wrong += session.work("infer_many") != session.wanted
        except HostError:
            pass
    assert wrong
