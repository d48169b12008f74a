"""One loaded program on one board: a picture goes in, a run starts and ends, its result comes back."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from volley.firmware import segment_loop
from volley.firmware.frames import Status
from volley.firmware.inputs import SPIKES
from volley.firmware.program import Program
from volley.firmware.registers import Region, Register, address
from volley.firmware.results import Span, result_spans
from volley.host import maps
from volley.host.connection import Connection, Request, check
from volley.host.errors import DeviceError
from volley.host.results import Result, parse_results
from volley.host.spike_files import too_many

RUN_TIMEOUT_S = 120.0


class Runner:
    """Uploads pictures, starts the program and reads its results, over a ``Connection``.

    clock_hz: of the accelerator. program: what is loaded, or None. runs: number of the last run, as
    register RUNS counts. run_timeout: seconds after which a program that does not end is stopped.
    """

    def __init__(self, link: Connection, clock_hz: int):
        self.link, self.clock_hz = link, clock_hz
        self.loaded: Program | None = None
        self.run_timeout = RUN_TIMEOUT_S
        self.runs = 0

    @property
    def name(self) -> str:
        """The port, for messages."""
        return self.link.name

    @property
    def program(self) -> Program:
        """The program that is loaded; raises ``DeviceError`` if there is none."""
        if self.loaded is None:
            raise DeviceError("no program is loaded; call load() first")
        return self.loaded

    def read_register(self, register: Register) -> int:
        """One register, unsigned."""
        return self.link.read(address(Region.REGISTERS, register), 1)[0]

    # pictures

    def check_picture(self, picture: np.ndarray) -> None:
        """Raises ``DeviceError`` for a picture that the program does not take."""
        taken = self.program.input
        spikes = taken.kind == SPIKES
        allowed = (np.uint8, np.bool_) if spikes else (np.uint8,)
        if picture.dtype not in allowed or picture.shape != taken.shape:
            what = "spike trains, uint8 or bool [T, C, H, W]" if spikes else "uint8"
            raise DeviceError(
                f"picture: {picture.dtype} of shape {list(picture.shape)}, the program takes "
                f"{what} of shape {list(taken.shape)}"
            )
        if spikes and picture.max() > taken.most:
            raise DeviceError(f"picture: {picture.max()} spikes in a tick, {too_many(taken.most)}")

    def upload(self, picture: np.ndarray, buffer: int = 0) -> list[Request]:
        """Sends a picture to an input buffer; returns requests to wait for.

        picture: uint8 [C, H, W], or spike trains [T, C, H, W].
        """
        self.check_picture(picture)
        parts = self.program.input.pack(picture[None])[0]
        requests: list[Request] = []
        for start, words in segment_loop.upload(self.program, parts, buffer):
            requests += self.link.upload(start, words)
        return requests

    def upload_and_wait(self, picture: np.ndarray) -> None:
        """Sends a picture to buffer 0 and waits until it is there."""
        for request in self.upload(picture):
            check(self.link.wait(request))

    # runs

    def start(self, entry: int, spans: Sequence[Span] = ()) -> tuple[int, ...] | None:
        """Starts the program at a word of program memory, once what runs has ended.

        Returns the words up to the last of ``spans`` of the run before, from register STATUS on,
        or None if they were lost on the way.
        """
        end = time.monotonic() + self.run_timeout
        while True:
            request = self.link.wait(self.link.run(entry, spans, self.run_timeout))
            if request.lost:
                runs = self.read_register(Register.RUNS)
                if runs != self.runs:
                    self._count_run(runs)
                    return None
            elif request.status == Status.BUSY:
                self._check_time(end)
            else:
                check(request)
                self.runs += 1
                return request.words if len(request.words) == request.count else None

    def _count_run(self, runs):
        """Takes note of one more run; any other number means that the board was reset."""
        if runs != self.runs + 1:
            raise DeviceError(
                f"{self.name}: the board has made {runs} runs, {self.runs + 1} are "
                "expected: it was reset, or another program uses it; load the model again"
            )
        self.runs = runs

    def wait_idle(self) -> None:
        """Waits for the end of the program; stops it after ``run_timeout`` seconds."""
        end = time.monotonic() + self.run_timeout
        while self.link.status():
            self._check_time(end)

    def _check_time(self, end):
        if time.monotonic() > end:
            self.link.write(address(Region.REGISTERS, Register.CONTROL), [1])
            raise DeviceError(
                f"{self.name}: the program did not end within {self.run_timeout:g} s "
                "and was stopped; load the model again, or raise run_timeout"
            )

    # results

    def read_results(self) -> list[int]:
        """The words from register STATUS on that hold the results of the last run."""
        return self.link.results(result_spans(self.program))

    def check_run(self, words, runs: int | None = None) -> None:
        """Raises ``DeviceError`` for results that are not of run ``runs`` and of this session.

        words: from register STATUS on. runs: by default the last.
        """
        runs = self.runs if runs is None else runs
        found = words[Register.RUNS - Register.STATUS]
        self.link.check_session(words[Register.SESSION - Register.STATUS])
        if found != runs & 0xFFFFFFFF:
            raise DeviceError(
                f"{self.name}: results of run {found}, run {runs} is expected: the board "
                "was reset, or another program uses it; load the model again"
            )

    def result(self, words, began: float, runs: int | None = None) -> Result:
        """The result in the words from register STATUS on, of run ``runs``, by default the last.

        began: ``time.perf_counter()`` at the start of the upload.
        """
        self.check_run(words, runs)
        counts = None
        if not self.program.layers[-1].readout:
            last = len(self.program.layers) - 1
            counts = spike_counts(maps.read_map(self.link, self.program, last))
            self.link.confirm_session()
        return self.parse(words, counts, began)

    def parse(self, words, counts: np.ndarray | None, began: float) -> Result:
        """The result in the words from register STATUS on; counts: of a model without a readout."""
        seconds = time.perf_counter() - began
        return parse_results(self.program, words, counts, self.clock_hz, seconds)


def spike_counts(spikes: np.ndarray) -> np.ndarray:
    """Spikes of each channel of a map of ``maps.read_map``: int64 [C]."""
    return np.bitwise_count(maps.trains(spikes)).sum((1, 2), dtype=np.int64)
