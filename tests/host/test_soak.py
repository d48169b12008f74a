"""A slice of bench/soak.py: noise, resets and kills on the board in Python; all of it by make soak."""

import random

import pytest

from tests.support import soak
from tests.support.fake_device import FakeBoard
from volley.firmware.frames import Command
from volley.firmware.registers import REGION_SHIFT, Region
from volley.host import Device, LinkError


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_noise_gives_no_wrong_answer(rate):
    tally = soak.noisy_sessions(random.randrange(1 << 30), rate, 500)
    assert not tally.wrongs
    assert rate == 1e-2 or tally.cases[soak.RIGHT]


def test_resets_at_some_points_of_a_session_are_errors():
    points = soak.reset_points()[random.randrange(13) :: 13]
    tally = soak.reset_sessions(points)
    # where the answer to IDENTIFY is lost with all else, it is asked again
    first = sum(point == 1 and mute for _, point, mute in points)
    assert not tally.wrongs and tally.cases[soak.ERROR] == len(points) - first


def test_a_killed_host_leaves_a_board_that_starts_cleanly():
    points = soak.kill_points(499)
    tally = soak.killed_sessions(points)
    assert not tally.wrongs and tally.cases[soak.RIGHT] == len(points)


def test_a_killed_host_may_leave_a_program_running():
    board = FakeBoard(soak.TINY)
    Device(soak.fast_link(board)).load(soak.job()[0])
    board.hang, board.ends = True, 1.0
    device = Device(soak.fast_link(board))
    assert not board.running
    board.hang = False
    assert soak.compute(device, True) == soak.wanted_of(True)


def test_noise_hits_as_often_as_it_says():
    noise = soak.Noise(random.Random(1), 1e-3)
    data = bytes(range(1, 256)) * 40
    assert any(noise(data) != data for _ in range(5))
    for _ in range(100):
        noise(data)
    assert 850 < noise.hits < 1250


def test_the_harness_finds_pictures_that_are_damaged_unseen(monkeypatch):
    """One word of a picture in ten has a bit flipped behind the CRC."""
    rng, command = random.Random(1), FakeBoard._command

    def damaged(self, frame):
        if frame.code == Command.WRITE and frame.argument >> REGION_SHIFT == Region.IMAGE:
            flips = [(rng.random() < 0.1) << rng.randrange(8) for _ in frame.words]
            words = tuple(word ^ flip for word, flip in zip(frame.words, flips))
            frame = frame._replace(words=words)
        return command(self, frame)

    monkeypatch.setattr(FakeBoard, "_command", damaged)
    assert soak.noisy_sessions(1, 1e-4, 2000).wrongs


def test_the_harness_finds_a_wrong_score_a_traceback_and_a_long_error():
    def fail(error):
        raise error

    tally = soak.Tally("planted")
    tally.add("wrong", lambda: 1, 2)
    tally.add("traceback", lambda: fail(KeyError("x")), 2)
    tally.add("two lines", lambda: fail(LinkError("a\nb")), 2)
    assert tally.cases[soak.WRONG] == len(tally.wrongs) == 3
    tally.add("error", lambda: fail(LinkError("a")), 2)
    assert tally.cases[soak.ERROR] == 1


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.timeout(1800)
def test_faults_on_the_simulated_board():
    from tests.support import soak_board

    for tally in (
        soak_board.noisy_sessions(1, (1e-4, 1e-3), 3),
        soak_board.exchanged_boards(1, 4),
        soak_board.killed_hosts(1, 3),
    ):
        assert not tally.wrongs and tally.cases[soak.RIGHT] + tally.cases[soak.ERROR]
