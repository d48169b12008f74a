"""The simulated board as a process: bytes on its port, its end, what is left behind.

The hardware is the small stand-in of echo_board.py, which answers every byte with the next one.
"""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import serial

from tests.support import echo_board
from volley.fpga import sim_board
from volley.fpga.errors import BuildError
from volley.fpga.flows import sim
from volley.fpga.sim_board import SimBoard, SimBoardError

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.verilator


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    return echo_board.build(tmp_path_factory.mktemp("echo"), sim.simulated("sim").divisor)


@pytest.fixture
def board(binary):
    with SimBoard(binary, sim.simulated("sim"), stats=True) as running:
        yield running


def answer(data):
    return bytes((byte + 1) & 0xFF for byte in data)


def gone(pid):
    """Whether a process is gone, or only waits for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_gone(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return gone(pid)


def test_every_byte_goes_there_and_back(board):
    data = bytes(range(256)) * 8
    with serial.Serial(board.port, board.baud, timeout=30, exclusive=True) as port:
        port.write(data)
        assert port.read(len(data)) == answer(data)


def test_a_plain_opener_gets_the_speed_of_the_reset_and_no_echo(board):
    terminal = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
    data = b"\x00\x03\r\n\x11\x13\x7f\xff"  # what a terminal that is not raw would swallow
    os.write(terminal, data)
    got = b""
    while len(got) < len(data):
        got += os.read(terminal, len(data))
    os.close(terminal)
    assert got == answer(data)


def test_the_wire_has_the_speed_of_the_terminal(board):
    with serial.Serial(board.port, board.baud // 4, timeout=0.5) as port:
        port.write(b"\x55")
        assert port.read(1) != answer(b"\x55")  # the hardware has another speed
        time.sleep(0.1)
        port.reset_input_buffer()
        port.baudrate = board.baud
        port.timeout = 30
        port.write(b"\x55")
        assert port.read(1) == answer(b"\x55")


def test_nothing_is_lost_when_the_host_is_slow_to_read(board):
    data = os.urandom(40_000)
    with serial.Serial(board.port, board.baud, timeout=30) as port:
        for place in range(0, len(data), 1000):
            port.write(data[place : place + 1000])  # the answers overflow the terminal's 4 KiB
        time.sleep(0.3)
        assert port.read(len(data)) == answer(data)


def test_an_idle_board_costs_no_time(board):
    def ticks():
        fields = Path(f"/proc/{board.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    with serial.Serial(board.port, board.baud, timeout=30) as port:
        port.write(b"a")
        assert port.read(1) == b"b"
        time.sleep(0.5)
        before = ticks()
        time.sleep(1)
        assert ticks() - before <= 0.05 * os.sysconf("SC_CLK_TCK")


def test_closing_the_port_ends_it(board):
    with serial.Serial(board.port, board.baud):
        assert board.process.poll() is None
    assert board.process.wait(10) == 0
    assert b"cycles_per_second" in board.process.stderr.read()
    assert not Path(board.port).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(board, number):
    board.process.send_signal(number)
    assert board.process.wait(10) == 0


def test_leaving_the_context_ends_it(binary):
    with SimBoard(binary, sim.simulated("sim")) as running:
        assert running.process.poll() is None
    assert running.process.poll() == 0
    running.close()  # harmless


def test_killing_the_simulator_is_an_error_at_the_port(board):
    with serial.Serial(board.port, board.baud, timeout=5) as port:
        board.process.kill()
        board.process.wait(10)
        with pytest.raises((serial.SerialException, OSError)):
            for _ in range(10):
                port.write(b"a")
                assert port.read(1) == b""


PARENT = """
    import sys, threading, time
    from pathlib import Path
    sys.path[:0] = [{root!r}]
    from volley.fpga.flows import sim
    from volley.fpga.sim_board import SimBoard
    boards = []
    thread = threading.Thread(
        target=lambda: boards.append(SimBoard(Path({binary!r}), sim.simulated("sim")))
    )
    thread.start()
    thread.join()
    if {opens}:
        import serial
        port = serial.Serial(boards[0].port, boards[0].baud)
    time.sleep(0.5)
    print(boards[0].process.pid, boards[0].process.poll(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("opens", [False, True], ids=["unopened", "opened"])
def test_killing_the_parent_leaves_nothing_running(binary, opens):
    values = {"root": str(ROOT), "binary": str(binary)}
    code = textwrap.dedent(PARENT).format(**values, opens=opens)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, ended = parent.stdout.readline().split()
    assert ended == "None"  # the end of the thread that started it did not end it
    assert not gone(int(pid))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_gone(int(pid))


def test_a_parent_that_died_before_is_noticed(binary):
    done = subprocess.run(
        [str(binary), "--clock-hz", "100000000", "--divisor", "4", "--parent", "1"],
        capture_output=True, timeout=20,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "--clock-hz and --divisor are needed"), (["--divisor"], "--divisor needs a number"),
     (["--fast", "1"], "no option --fast")],
)  # fmt: skip
def test_wrong_arguments(binary, arguments, message):
    done = subprocess.run([str(binary), *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and message in done.stderr


def test_a_binary_that_names_no_port_is_an_error():
    with pytest.raises(SimBoardError, match="ended with code 0"):
        SimBoard(Path(shutil.which("true")), sim.simulated("sim"))


def test_a_failed_build_is_an_error_of_the_board(monkeypatch):
    def fail(*_):
        raise BuildError("g++ failed (exit code 1):\n    main.cpp: error: no")

    monkeypatch.setattr(sim, "build", fail)
    with pytest.raises(SimBoardError, match="main.cpp: error: no"):
        sim_board.start()
