"""Many pictures, one behind the other: the upload of one overlaps with the run before it.

Two input buffers take turns. A RUN answers with the results of the run before and starts the next,
so a picture costs its upload and one short frame; over PCIe it waits in the board for the end of the run
before, and those results are read beside it. A buffer is free again when the next RUN has been
accepted, since that run starts only when the one before is over. Where runs are short against the
wire, pictures follow each other without waiting for that answer, and the line is never idle.

If an answer is lost, or a RUN that was sent ahead comes too early all the same, every picture in
question is computed again, one at a time: no result is ever taken from a buffer that might have
been overwritten.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from volley.firmware.frames import Status
from volley.firmware.registers import Register
from volley.firmware.results import overlaps, result_spans
from volley.host import segments
from volley.host.connection import Request, check
from volley.host.errors import DeviceError
from volley.host.results import Result
from volley.host.runner import Runner

AHEAD = 4  # pictures under way where runs are short against the wire
MARGIN = 1.25  # by how much a run must be shorter than the upload that follows it


def infer_many(runner: Runner, pictures) -> Iterator[Result]:
    """An iterator over a ``Result`` for each picture, uint8 [C, H, W], in order."""
    if not overlaps(runner.program):
        return (segments.infer(runner, picture) for picture in pictures)
    return Pipeline(runner).run(pictures)


@dataclass
class Job:
    """A picture under way: its run has number ``runs`` and is started by ``request``."""

    picture: np.ndarray
    began: float
    runs: int
    request: Request | None = None  # None: known to be accepted


class Pipeline:
    """``infer_many`` for a program with a readout and two input buffers."""

    def __init__(self, runner: Runner):
        self.runner, self.link, self.program = runner, runner.link, runner.program
        self.spans = result_spans(self.program)
        self.jobs: deque[Job] = deque()
        self.buffer = 0
        self.ahead = False

    def run(self, pictures):
        """Yields results in order."""
        try:
            for picture in pictures:
                if self.ahead:
                    while len(self.jobs) > AHEAD:
                        yield from self._collect()
                    self._send_ahead(picture)
                else:
                    yield from self._send(picture)
            while self.jobs:
                yield from self._collect()
        except GeneratorExit:
            self._settle()
            raise

    def _upload(self, picture):
        self.buffer ^= 1
        return self.runner.upload(picture, self.buffer), self.program.entries[self.buffer]

    def _send(self, picture):
        """Uploads, waits for the run before to end, starts, and yields the result before."""
        began = time.perf_counter()
        uploads, entry = self._upload(picture)
        while len(self.jobs) > 1:  # left by _send_ahead
            yield from self._collect()
        words = self.runner.start(entry, self.spans if self.jobs else [])
        for request in uploads:
            check(self.link.wait(request))
        self.jobs.append(Job(picture, began, self.runner.runs))
        if len(self.jobs) == 2:
            yield from self._result(words)

    def _send_ahead(self, picture):
        """Queues upload and RUN without waiting for anything."""
        began = time.perf_counter()
        _, entry = self._upload(picture)
        runs = self.jobs[-1].runs + 1 if self.jobs else self.runner.runs + 1
        request = self.link.run(entry, self.spans if self.jobs else [])
        self.jobs.append(Job(picture, began, runs, request))

    def _collect(self):
        """Yields the result of the oldest job."""
        if not self._accepted(self.jobs[0]):
            yield from self._again()
        elif len(self.jobs) > 1:
            request = self.jobs[1].request
            yield from self._result(request.words if self._accepted(self.jobs[1]) else None)
        else:
            self.runner.wait_idle()
            yield from self._result(self.runner.read_results())

    def _accepted(self, job):
        """Whether a job's RUN has been accepted and its answer is here."""
        if job.request is None:
            return True
        request = self.link.wait(job.request)
        if request.lost or request.status != Status.OK or len(request.words) != request.count:
            return False
        self.runner.runs = job.runs
        job.request = None
        return True

    def _result(self, words):
        """Yields the result of the oldest job from these words, or of all jobs anew without any."""
        job = self.jobs[0]
        if not words or words[Register.RUNS - Register.STATUS] != job.runs & 0xFFFFFFFF:
            yield from self._again()
            return
        self.jobs.popleft()
        result = self.runner.result(words, job.began, job.runs)
        wire = self.link.seconds(self.program.input.bytes)
        self.ahead = MARGIN * result.latency_us < 1e6 * wire
        yield result

    def _settle(self):
        """Waits for all that is under way and takes note of how many runs there were."""
        self.link.flush()
        self.runner.wait_idle()
        runs = self.runner.read_register(Register.RUNS)
        if not self.runner.runs <= runs <= self.runner.runs + len(self.jobs):
            raise DeviceError(
                f"{self.link.name}: the board has made {runs} runs, {self.runner.runs} "
                "or a few more are expected: it was reset, or another program uses it; load the "
                "model again"
            )
        self.runner.runs = runs

    def _again(self):
        """Computes every job anew, one at a time, after an answer was lost or a run was late."""
        self._settle()
        jobs, self.jobs, self.ahead = self.jobs, deque(), False
        for job in jobs:
            yield segments.infer(self.runner, job.picture)
