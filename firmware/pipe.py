"""What all commands share: their end by an error or a closed pipe, and their name."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from volley.firmware.texts import shown, shown_lines

INTERRUPTED = 130
"""Exit code of a command that Ctrl+C ended."""


class Parser(argparse.ArgumentParser):
    """A command line's parser whose errors show what was typed, and do not obey it."""

    def error(self, message: str):
        """Ends the program with exit code 2 and one line."""
        super().error(shown(message))

    def _get_values(self, action, arg_strings):
        """As always, but an empty text, as of a shell's variable that is not set, is an error."""
        if "" in arg_strings and action.default != "":
            raise argparse.ArgumentError(action, "is empty; leave it out, or give a value")
        return super()._get_values(action, arg_strings)


class Joined(argparse.Action):
    """An option that may come several times: its texts, with commas between them."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Adds a text to those before it."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


def say(text: str) -> None:
    """Prints a line at once; it and all that follows go nowhere if the standard output's reader has left.

    For what is printed while a file is made that was asked for: it is written all the same.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _drop_output()


def _drop_output():
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(main: Callable[[], int]) -> int:
    """``main()``, or 0 where it let a ``BrokenPipeError`` of the standard output through."""
    if sys.stdout is None:  # closed by who started it
        sys.stdout = open(os.devnull, "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character gets its code
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return fail(Path(sys.argv[0]).name, "interrupted", INTERRUPTED)
    except MemoryError:
        return fail(Path(sys.argv[0]).name, "needs more memory than this machine gives it")
    except BrokenPipeError:
        code = 0
    except OSError as error:
        if error.filename is not None:
            raise
        code = fail(Path(sys.argv[0]).name, f"standard output: {error.strerror or error}")
    _drop_output()
    return code


def fail(command: str, error: object, code: int = 2, lines: bool = False) -> int:
    """Prints an error as ``command: text`` to the standard error; returns the exit code.

    What cannot be printed is escaped, as names of files and texts in them may hold anything. lines: of
    several lines, such as those of a tool.
    """
    text = shown_lines(error) if lines else shown(error)
    print(f"{command}: {text}", file=sys.stderr, flush=True)
    return code


def program_name(script: str) -> str:
    """What a command calls itself in its help: ``volley infer``, or the script that was started."""
    return sys.argv[0] if sys.argv[0].startswith("volley ") else script
