"""Builds Volley for a board, or as a simulated board.

    python fpga/build.py --target sim [--like BOARD] [--set ci=8,co=4] [--clean] [--dry-run]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from firmware import boards  # noqa: E402
from firmware.design import parse_settings  # noqa: E402
from fpga.flows import sim  # noqa: E402
from fpga.flows.steps import BuildError  # noqa: E402

SIM = "sim"
FLOWS = [SIM]  # targets that can be built


def check_target(target: str) -> None:
    """Raises ``BuildError`` for a target that is unknown or whose flow does not exist yet."""
    if target in FLOWS:
        return
    if target in boards.names():
        raise BuildError(
            f"the flow for board {target!r} is not there yet; --target can be {', '.join(FLOWS)}. "
            f"A simulation of it is: --target {SIM} --like {target}",
            code=2,
        )
    raise BuildError(f"no target {target!r}; --target can be {', '.join(FLOWS)}", code=2)


def main(arguments=None) -> int:
    """The command line; returns the exit code: 0, 1 where a tool failed, 2 where the user erred."""
    parser = argparse.ArgumentParser(
        prog="fpga/build.py", description="Builds Volley for a board, or as a simulated board."
    )
    parser.add_argument("--target", required=True, help=f"one of: {', '.join(FLOWS)}")
    parser.add_argument(
        "--like", metavar="BOARD", help=f"simulate this board (one of: {', '.join(boards.names())})"
    )
    parser.add_argument("--set", default="", metavar="ci=8,co=4", help="other design parameters")
    parser.add_argument("--clean", action="store_true", help="build anew, even if up to date")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    parser.add_argument("--verbose", action="store_true", help="show the tools' output")
    options = parser.parse_args(arguments)
    try:
        check_target(options.target)
        board = sim.simulated(options.like or SIM, parse_settings(options.set))
        if options.dry_run:
            sim.check_tools()
            print(sim.describe(board))
            return 0
        path = sim.build(board, show, options.verbose, options.clean)
        print(path.relative_to(sim.ROOT))
        return 0
    except BuildError as error:
        print(f"build: {error}", file=sys.stderr)
        return error.code
    except ValueError as error:  # a board, a parameter
        print(f"build: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("build: interrupted; the next build starts anew", file=sys.stderr)
        return 130


def show(text: str) -> None:
    """Prints a line of progress at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
