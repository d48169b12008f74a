"""Steps of a build: what runs, for how long, where its log is, and what it said when it failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import time
from pathlib import Path

ERROR_LINES = 12  # of a failed tool's output are shown


class BuildError(Exception):
    """A build that failed; the text shows the tool's own error lines. ``code``: the exit code.

    2 where the user can put it right (a missing tool, a wrong name), 1 where a step failed.
    """

    def __init__(self, text: str, code: int = 1):
        super().__init__(text)
        self.code = code


class Steps:
    """Runs the steps of one build in ``folder``; ``progress(text)`` is called for each line to show."""

    def __init__(self, folder: Path, progress, verbose: bool = False):
        self.folder = Path(folder)
        self.progress = progress
        self.verbose = verbose

    @contextlib.contextmanager
    def step(self, title: str):
        """Tells that a step began and how long it took."""
        self.progress(f"{title} ...")
        start = time.monotonic()
        yield
        self.progress(f"{title}: {time.monotonic() - start:.1f} s")

    def run(self, title: str, command: list[str], log: str) -> None:
        """Runs a tool in the folder with its output in the file ``log``; raises ``BuildError``."""
        with self.step(title):
            path = self.folder / log
            with path.open("wb") as output:
                done = subprocess.run(
                    command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT,
                )  # fmt: skip
            text = path.read_text(errors="replace")
            if self.verbose:
                self.progress(text.rstrip())
            if done.returncode:
                raise BuildError(
                    f"{title} failed (exit code {done.returncode}):\n"
                    f"{error_lines(text)}\nthe whole log is {path}"
                )


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


def write_whole(path: Path, text: str) -> None:
    """Writes a file, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)
