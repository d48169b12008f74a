"""Loads a bitstream into a board with openFPGALoader."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from volley.fpga.runner import toolchain
from volley.fpga.runner.steps import Steps
from volley.fpga.target.target import Target

LOADER = "openFPGALoader"


@dataclasses.dataclass(frozen=True)
class Options:
    """flash: write the board's flash, which is kept without power, in the place of the device alone.

    cable, serial: of the adapter to use, where several boards are attached; openFPGALoader's names.
    """

    flash: bool = False
    cable: str | None = None
    serial: str | None = None


def check() -> None:
    """Raises ``BuildError`` that names the package if the loader is missing."""
    toolchain.require(LOADER)


def command(target: Target, bitstream: Path, options: Options) -> list[str]:
    """The command that loads a bitstream into the board's device, or writes its flash."""
    board, part = target.board.data.get("openfpgaloader"), target.part.rpartition("-")[0]
    given = [LOADER, *(["-b", board] if board else ["--fpga-part", part])]
    if options.cable:
        given += ["--cable", options.cable]
    if options.serial:
        given += ["--ftdi-serial", options.serial]
    if options.flash:
        given.append("--write-flash")
    return [*given, bitstream.name]


def load(
    target: Target, bitstream: Path, options: Options, progress, verbose: bool = False
) -> None:
    """Loads the board; raises ``BuildError``."""
    check()
    steps = Steps(bitstream.parent, progress, verbose)
    title = f"write the flash of {target.board.title}" if options.flash else (
        f"load {target.board.title}"
    )  # fmt: skip
    steps.run(title, command(target, bitstream, options), "program.log")
