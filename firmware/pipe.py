"""Commands whose output goes through a pipe that its reader may close early, as ``head -1`` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def run(main: Callable[[], int]) -> int:
    """``main()``, or 0 where it let a ``BrokenPipeError`` of the standard output through."""
    if hasattr(sys.stdout, "reconfigure"):  # a terminal that cannot show a character gets its code
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = main()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
        return 0


def program_name(script: str) -> str:
    """What a command calls itself in its help: ``volley infer``, or the script that was started."""
    return sys.argv[0] if sys.argv[0].startswith("volley ") else script
