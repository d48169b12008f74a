"""Starts the simulated board and ends it again.

with start("sim") as board:
    serial.Serial(board.port, board.baud)
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from pathlib import Path

from volley.firmware import pcie_socket
from volley.firmware.boards import Board
from volley.fpga.errors import BuildError
from volley.fpga.flows import sim

START_SECONDS = 20.0
END_SECONDS = 2.0


class SimBoardError(Exception):
    """The simulated board does not start; the text says why."""


class SimBoard:
    """A running simulated board.

    port: path of its pseudo-terminal. baud: the wire's speed after reset. board: firmware's Board.
    process: the subprocess.Popen. It ends by itself when the last opener closes the port and when
    the process that started it ends in any way. pcie: the socket of firmware/pcie_socket.py of a design
    with a PCIe endpoint, else None; closing it ends the process too.
    """

    def __init__(self, binary: Path, board: Board, stats: bool = False):
        self.board = board
        self.baud = board.baud
        command = [
            str(binary), "--clock-hz", str(board.clock_hz), "--divisor", str(board.divisor),
            "--parent", str(os.getpid()),
        ]  # fmt: skip
        self.pcie: socket.socket | None = None
        theirs: list[socket.socket] = []
        if board.has_pcie:
            self.pcie, end = socket.socketpair()
            theirs.append(end)
            command += ["--pcie-fd", str(end.fileno())]
            command += pcie_socket.harness_options(board.clock_hz)
        self.process = subprocess.Popen(
            command + ["--stats"] * stats,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if stats else None,
            pass_fds=[end.fileno() for end in theirs],
        )
        for end in theirs:
            end.close()
        try:
            self.port = self._read_path()
        except BaseException:
            self.close()
            raise

    def _read_path(self):
        deadline = time.monotonic() + START_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(0, left))[0]
            block = os.read(self.process.stdout.fileno(), 256) if ready else b""
            if not block:
                ended = self.process.poll()
                why = f"ended with code {self.process.wait(END_SECONDS)}" if ready else (
                    f"named no port within {START_SECONDS:.0f} s" if ended is None
                    else f"ended with code {ended}"
                )  # fmt: skip
                raise SimBoardError(f"the simulated board {why}")
            line += block
        return line.decode().strip()

    def close(self) -> None:
        """Ends the simulator; harmless if it has ended."""
        if self.pcie is not None:
            self.pcie.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> SimBoard:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def start(board: str = "sim", settings: dict[str, int] | None = None, progress=None) -> SimBoard:
    """Builds the simulated board if needed and starts it.

    board: a board file's name; the simulation has its design and clock. settings: other design
    parameters. progress(text) is called for every step of a build.
    Raises ``SimBoardError``, with a failed build's error lines, and ``firmware.boards.BoardError``.
    """
    simulated = sim.simulated(board, settings)
    try:
        binary = sim.build(simulated, progress or (lambda text: None))
    except BuildError as error:
        raise SimBoardError(str(error)) from None
    return SimBoard(binary, simulated)
