"""Builds Volley for a board, or as a simulated board.

python fpga/build.py --target ulx3s [--set ci=8,co=4,clock=80] [--program | --flash]
python fpga/build.py --target sim [--like BOARD] [--set ci=8,co=4]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from volley.firmware import boards, pipe  # noqa: E402
from volley.firmware.design import parse_settings  # noqa: E402
from volley.firmware.files import shown  # noqa: E402
from volley.fpga.errors import BuildError  # noqa: E402
from volley.fpga.flows import nextpnr, program, project, sim, synth, vivado  # noqa: E402
from volley.fpga.runner import toolchain  # noqa: E402
from volley.fpga.runner.display import Display  # noqa: E402
from volley.fpga.runner.steps import ended_by_signals, locked  # noqa: E402
from volley.fpga.target import target  # noqa: E402
from volley.fpga.target.model_fit import check_model  # noqa: E402

SIM = "sim"
BUILDERS = {"trellis": nextpnr.build, "apicula": nextpnr.build, "vivado": vivado.build}
MEGA = 1_000_000
EPILOG = """\
The folder build/NAME holds the sources, the logs of all tools and the bitstream. A step that is
up to date is not run again.

exit codes:
  1 a tool failed                     4 the design does not fit the device, or the model the design
  2 a wrong argument, a missing tool  5 timing is not met; there is no bitstream
  3 the Vivado project is written, and there is no Vivado to build it
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    parser = pipe.Parser(
        prog=pipe.program_name("fpga/build.py"),
        description="Builds Volley for a board, or as a simulated board.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--target", required=True,
        help=f"one of: {', '.join(boards.names())}; or the path of a board file (.toml)",
    )  # fmt: skip
    parser.add_argument("--like", metavar="BOARD", help="with --target sim: simulate this board")
    parser.add_argument(
        "--set", default="", action=pipe.Joined, metavar="ci=8,co=4,clock=80",
        help="other design parameters; the clock in MHz or Hz",
    )  # fmt: skip
    parser.add_argument("--model", metavar="FILE", help="a model that the design has to hold")
    parser.add_argument("--program", action="store_true", help="load the board when it is built")
    parser.add_argument(
        "--flash", action="store_true", help="write the board's flash when it is built"
    )
    parser.add_argument("--cable", help="openFPGALoader's name of the adapter, for several boards")
    parser.add_argument("--serial", help="serial number of the adapter, for several boards")
    parser.add_argument("--synth-only", action="store_true", help="stop after synthesis")
    parser.add_argument("--seed", type=int, help="of place and route (default: the board's, or 1)")
    parser.add_argument(
        "--chains", action="store_true",
        help="ECP5: first level of the popcount trees in carry chains: fewer LUTs, harder to route",
    )  # fmt: skip
    parser.add_argument(
        "--power", action="store_true",
        help="Vivado: report the power of the routed design, by the rates that Vivado assumes",
    )  # fmt: skip
    parser.add_argument(
        "--patient", action="store_true",
        help="route on, even where the number of overused wires does not fall",
    )  # fmt: skip
    parser.add_argument(
        "--tools", choices=(toolchain.PINNED, toolchain.SYSTEM), default=toolchain.PINNED,
        help="the packages of the extra fpga, or the tools on the PATH (default: pinned)",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="build there instead of build/NAME")
    parser.add_argument("--clean", action="store_true", help="build anew, even if up to date")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    parser.add_argument("--verbose", action="store_true", help="show the tools' output")
    return parser


def main(arguments=None) -> int:
    """The command line; returns the exit code, see EPILOG."""
    options = make_parser().parse_args(arguments)
    try:
        check_target(options)
        with ended_by_signals():
            if options.target == SIM:
                build_simulation(options)
            else:
                build_board(options)
        return 0
    except BuildError as error:
        return pipe.fail("build", error, error.code, lines=True)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:  # a board, a parameter, a file
        return pipe.fail("build", error)
    except KeyboardInterrupt:
        print("\nbuild: interrupted; what is done is kept", file=sys.stderr)
        return 130


def check_target(options) -> None:
    """Raises ``BuildError`` for an unknown target, or options that it does not have."""
    if options.target not in boards.names() and not options.target.endswith(".toml"):
        known = ", ".join(boards.names())
        raise BuildError(
            f"no target {options.target!r}; --target can be {known}, "
            "or the path of a board file (.toml)",
            code=2,
        )
    given = {
        "--program": options.program,
        "--flash": options.flash,
        "--cable": options.cable,
        "--serial": options.serial,
        "--synth-only": options.synth_only,
        "--power": options.power,
        "--folder": options.folder,
        "--model": options.model,
    }
    wrong = [name for name, value in given.items() if value]
    if options.target == SIM and wrong:
        raise BuildError(f"{wrong[0]} is for real boards, the target is {SIM}", code=2)
    loads = options.program or options.flash
    if loads and options.synth_only:
        raise BuildError("--synth-only makes no bitstream that --program or --flash loads", code=2)
    if options.power and options.synth_only:
        raise BuildError("--synth-only makes no routed design whose --power is told", code=2)
    for name in ("cable", "serial"):
        if getattr(options, name) and not loads:
            raise BuildError(f"--{name} is for --program or --flash", code=2)
    if options.target != SIM and options.like:
        raise BuildError(f"--like {options.like} is for --target {SIM}", code=2)


def split_clock(text: str) -> tuple[dict[str, int], int | None]:
    """``"ci=8,clock=80"`` as ({"ci": 8}, 80_000_000); a clock below 10,000 is in MHz.

    Raises ``ValueError``.
    """
    parts = text.split(",")
    clocks = [part for part in parts if part.partition("=")[0] == "clock"]
    settings = parse_settings(",".join(part for part in parts if part not in clocks))
    if not clocks:
        return settings, None
    if len(clocks) > 1:
        raise ValueError("--set: clock is there twice; allowed: once")
    value = clocks[0].partition("=")[2]
    try:
        clock = float(value.replace("_", ""))
    except ValueError:
        raise ValueError(f"--set: clock is {value!r}, a number of MHz or Hz is wanted") from None
    hertz = clock * MEGA if clock < 10_000 else clock
    if not 0.5 < hertz < MEGA * MEGA:  # not nan either
        raise ValueError(f"--set: clock is {value!r}, a number of MHz or Hz is wanted")
    return settings, round(hertz)


def build_simulation(options) -> None:
    """Builds the simulated board; raises ``BuildError`` and ``ValueError``."""
    board = sim.simulated(options.like or SIM, parse_settings(options.set))
    if options.dry_run:
        sim.check_tools()
        sim.check_folder(sim.folder_of(board))
        print(sim.describe(board))
        return
    path = sim.build(board, Display(), options.verbose, options.clean)
    print(shown(path))


def build_board(options) -> None:
    """Builds a real board; raises ``BuildError`` and ``ValueError``."""
    settings, clock_hz = split_clock(options.set)
    chosen = target.load(options.target, settings, clock_hz)
    how = project.Options(
        options.tools, chosen.seed if options.seed is None else options.seed, options.synth_only, options.clean, options.verbose,
        options.patient, options.chains, options.power,
    )  # fmt: skip
    if options.chains and chosen.family not in synth.CHAIN_SCRIPTS:
        families = ", ".join(synth.CHAIN_SCRIPTS)
        raise BuildError(
            f"--chains is for boards with {families}, {chosen.name} has {chosen.family}", code=2
        )
    if options.power and chosen.flow != "vivado":
        raise BuildError(
            f"--power is for boards with Vivado, {chosen.name} has {chosen.flow}: its tools know no power",
            code=2,
        )
    folder = (options.folder or project.folder_of(chosen)).resolve()
    print(describe(chosen, folder))
    toolchain.check(chosen.flow, how.tools)
    loads = options.program or options.flash
    if loads:  # before an hour of building
        program.check()
    show = Display()
    check_model(chosen, options.model, show)
    if options.dry_run:
        return
    with locked(folder.parent / f".{folder.name}.lock", show):
        built = BUILDERS[chosen.flow](chosen, folder, how, show)
        print(shown(built))
        if loads:
            loader = program.Options(options.flash, options.cable, options.serial)
            program.load(chosen, built, loader, show, options.verbose)


def describe(chosen: target.Target, folder: Path) -> str:
    """What would be built where."""
    board, design = chosen.board, chosen.board.design
    parameters = " ".join(f"{name}={value}" for name, value in vars(design).items())
    wanted = "" if chosen.wanted_hz == board.clock_hz else f", {chosen.wanted_hz / MEGA:g} wanted"
    goal = f"; place and route aim at {chosen.goal_mhz:g} MHz" if chosen.goal else ""
    return (
        f"target {chosen.name}: {board.title}, {chosen.part}\n"
        f"  folder  {shown(folder)}\n"
        f"  design  {parameters} ({design.pes} PE)\n"
        f"  clock   {board.clock_hz / MEGA:g} MHz{wanted}, "
        f"from {chosen.oscillator_hz / MEGA:g} MHz{goal}\n"
        f"  UART    {board.baud} baud, {board.divisor} cycles a bit"
    )


if __name__ == "__main__":
    sys.exit(pipe.run(main))
