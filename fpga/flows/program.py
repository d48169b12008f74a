"""Loads a bitstream into a board with openFPGALoader."""

from __future__ import annotations

from pathlib import Path

from volley.fpga.runner import toolchain
from volley.fpga.runner.steps import Steps
from volley.fpga.target.target import Target

LOADER = "openFPGALoader"


def command(target: Target, bitstream: Path) -> list[str]:
    """The command that loads a bitstream into the board's device, until power goes."""
    return [LOADER, "-b", target.board.data["openfpgaloader"], bitstream.name]


def load(target: Target, bitstream: Path, progress, verbose: bool = False) -> None:
    """Loads the board; raises ``BuildError``."""
    toolchain.require(LOADER)
    steps = Steps(bitstream.parent, progress, verbose)
    steps.run(f"load {target.board.title}", command(target, bitstream), "program.log")
