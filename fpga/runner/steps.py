"""Steps of a build: what runs, for how long, where its log is, and what it said when it failed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from volley.firmware.files import named
from volley.fpga.errors import BuildError

ERROR_LINES = 12  # of a failed tool's output are shown
SHOW_SECONDS = 0.5  # between two looks at a running tool


class Steps:
    """Runs the steps of one build in ``folder``; ``progress(text)`` shows a line.

    A progress with a method ``status(text)`` is told all the time what runs.
    """

    def __init__(self, folder: Path, progress, verbose: bool = False):
        self.folder = Path(folder)
        self.progress = progress
        self.verbose = verbose
        self.status = getattr(progress, "status", lambda text: None)

    @contextlib.contextmanager
    def step(self, title: str):
        """Tells that a step began and how long it took."""
        self.progress(f"{title} ...")
        start = time.monotonic()
        yield
        self.progress(f"{title}: {time.monotonic() - start:.1f} s")

    def run(self, title: str, command: list[str], log: str, phase=None, environment=None) -> None:
        """Runs a tool in the folder with its output in the file ``log``; raises ``BuildError``.

        phase(line): what the tool does, if a line of its output tells it, else None.
        """
        path = self.folder / log
        with self.step(title), named(path), path.open("w") as output:
            code = self._follow(title, command, output, phase or (lambda line: None), environment)
            if code:
                output.flush()
                raise BuildError(
                    f"{title} failed (exit code {code}):\n"
                    f"{error_lines(path.read_text(errors='replace'))}\nthe whole log is {path}"
                )

    def _follow(self, title, command, output, phase, environment) -> int:
        """Copies a tool's output to ``output`` and tells what it does; returns its exit code."""
        start, doing = time.monotonic(), ""
        with guarded() as group, subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=group,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                for lines in new_lines(process.stdout.fileno()):
                    for line in lines:
                        output.write(line + "\n")
                        doing = phase(line) or doing
                        if self.verbose:
                            self.progress(line)
                    self.status(f"{title}  {time.monotonic() - start:.0f} s  {doing}")
            except BaseException:
                os.killpg(group, signal.SIGKILL)
                raise
        return process.returncode


@contextlib.contextmanager
def guarded():
    """A process group that ends with the ``with``, or with this process, even if it is killed.

    It stands before a tool is started in it, with all that the tool starts: none is unguarded.
    """
    # the read ends when this process does: its end of the pipe is the only one
    guard = subprocess.Popen(
        ["sh", "-c", "read -r _; kill -s KILL 0"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        process_group=0,
    )  # fmt: skip
    with guard:
        try:
            yield guard.pid
        finally:
            os.killpg(guard.pid, signal.SIGKILL)


@contextlib.contextmanager
def ended_by_signals():
    """While it is open SIGTERM and SIGHUP raise ``KeyboardInterrupt``, so that tools are ended."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def new_lines(source: int) -> Iterator[list[str]]:
    """The lines that arrive at a file descriptor, at least every SHOW_SECONDS, until its end."""
    rest = b""
    while True:
        block = None
        if select.select([source], [], [], SHOW_SECONDS)[0]:
            block = os.read(source, 1 << 16)
        if block == b"":
            break
        *lines, rest = (rest + (block or b"")).split(b"\n")
        yield [line.decode(errors="replace").rstrip("\r") for line in lines]
    if rest:
        yield [rest.decode(errors="replace")]


def hash_files(paths: Iterable[Path]) -> str:
    """A hash of the names and contents of files."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        data = path.read_bytes()
        whole.update(f"{path.name} {len(data)}\n".encode() + data)
    return whole.hexdigest()


def error_lines(text: str) -> str:
    """The lines of a tool's output that tell what is wrong, or its last lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b|undefined reference", line, re.I)]
    return "\n".join("    " + line for line in (errors or lines)[-ERROR_LINES:])


@contextlib.contextmanager
def locked(path: Path, progress):
    """Holds the lock file ``path``; it falls to the next when its holder ends in any way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another build in {path.parent}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
