"""Shows a build's progress: lines that stay, and on a terminal one that is written over."""

from __future__ import annotations

import shutil
import sys
import time

PLAIN_SECONDS = 30.0  # between two lines on what runs, where no line can be written over


class Display:
    """Call it with a line to show; ``status`` tells what runs at the moment."""

    def __init__(self, output=None, clock=time.monotonic):
        self.output = output or sys.stdout
        self.clock = clock
        self.terminal = self.output.isatty()
        self.shown = 0  # characters of the line that will be written over
        self.last = clock()

    def __call__(self, text: str) -> None:
        """Shows a line at once."""
        self._clear()
        print(text, file=self.output, flush=True)
        self.last = self.clock()

    def status(self, text: str) -> None:
        """Shows what runs: at once on a terminal, else every PLAIN_SECONDS."""
        if not self.terminal:
            if self.clock() - self.last >= PLAIN_SECONDS:
                self(f"  {text}")
            return
        self._clear()
        text = text[: shutil.get_terminal_size().columns - 1]
        self.output.write(text)
        self.output.flush()
        self.shown = len(text)

    def _clear(self):
        if self.shown:
            self.output.write("\r" + " " * self.shown + "\r")
            self.shown = 0
