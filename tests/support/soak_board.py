"""The faults of ``tests.support.soak`` on the simulated board, by a man in the middle of its port."""

import contextlib
import random
import signal
import subprocess
import sys
import time
from functools import cache

from tests.support.proxy import TO_BOARD, TO_HOST, Proxy
from tests.support.soak import TINY, Noise, Tally, compute, job, wanted_of
from volley.firmware.files import IMPORT_ROOT
from volley.fpga import sim_board
from volley.host import Device

SETTINGS = {"ci": TINY.ci, "co": TINY.co}
PATIENCE_S = 0.5
KILLED = """
import sys
from tests.support import soak_board
soak_board.session(sys.argv[1], int(sys.argv[2]), soak_board.design_of_board(), True, 100)
"""


@cache
def design_of_board():
    """The simulated board's design."""
    with sim_board.start("sim", SETTINGS) as board:
        return board.board.design


def session(path, baud, design, readout, loads=1):
    """Scores of one session through the port ``path``."""
    program, pictures, _ = job(readout, design)
    with Device.open(path, baud, PATIENCE_S) as device:
        return compute(device, readout, loads, program, pictures)


@contextlib.contextmanager
def board_and_proxy():
    """A simulated board and a ``Proxy`` before it."""
    with sim_board.start("sim", SETTINGS) as board, Proxy(board.port, board.baud) as proxy:
        yield board, proxy


def noisy_sessions(seed, rates, count, progress=None):
    """``count`` sessions at each rate; a Tally."""
    rng, tally, design = random.Random(seed), Tally("noise, simulated board"), design_of_board()
    with board_and_proxy() as (board, proxy):
        for number in range(count * len(rates)):
            rate, readout = rates[number % len(rates)], bool(rng.randrange(2))
            proxy.noise = {way: Noise(rng, rate) for way in (TO_BOARD, TO_HOST)}
            case = f"seed {seed}, session {number}, rate {rate:g}"
            work = lambda: session(proxy.path, board.baud, design, readout)  # noqa: E731
            tally.add(case, work, wanted_of(readout))
            tally.frames += sum(noise.frames for noise in proxy.noise.values())
            if progress:
                progress(1)
    return tally


def exchanged_boards(seed, count, progress=None):
    """The board is exchanged for one just switched on, after a random number of frames; a Tally."""
    rng, tally, design = random.Random(seed), Tally("exchange, simulated board"), design_of_board()
    for number in range(count):
        with contextlib.ExitStack() as boards:
            board, proxy = boards.enter_context(board_and_proxy())
            proxy.noise = {way: Noise(rng, 0) for way in (TO_BOARD, TO_HOST)}
            readout, frames = bool(rng.randrange(2)), rng.randrange(2, 50)
            other = boards.enter_context(sim_board.start("sim", SETTINGS))
            proxy.swap_after = (frames, lambda other=other: other.port)
            work = lambda: session(proxy.path, board.baud, design, readout)  # noqa: E731
            tally.add(f"seed {seed}, case {number}, {frames} frames", work, wanted_of(readout))
            tally.frames += sum(noise.frames for noise in proxy.noise.values())
            if progress:
                progress(1)
    return tally


def killed_hosts(seed, count, progress=None):
    """A host's process is killed at a random time, and the next session is to be right; a Tally."""
    rng, design = random.Random(seed), design_of_board()
    tally = Tally("host killed, simulated board")
    with board_and_proxy() as (board, proxy):
        proxy.noise = {way: Noise(rng, 0) for way in (TO_BOARD, TO_HOST)}
        for number in range(count):
            sent, host = proxy.counts[TO_BOARD], [sys.executable, "-c", KILLED]
            with subprocess.Popen([*host, proxy.path, str(board.baud)], cwd=IMPORT_ROOT) as process:
                while process.poll() is None and proxy.counts[TO_BOARD] == sent:
                    time.sleep(0.01)
                time.sleep(rng.random() * 0.5)
                process.send_signal(signal.SIGKILL)
            readout = bool(rng.randrange(2))
            work = lambda: session(proxy.path, board.baud, design, readout)  # noqa: E731
            tally.add(f"seed {seed}, case {number}", work, wanted_of(readout))
            if progress:
                progress(1)
        tally.frames = sum(noise.frames for noise in proxy.noise.values())
    return tally
