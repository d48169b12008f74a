"""Converts the hardware to Verilog or VHDL, strictly and reproducibly.

    python -m volley.rtl.convert --board NAME [--set ci=8,co=4] [--language verilog] -o FILE

Every warning of MyHDL is an error, and the text is checked for the traps of rtl/convert/hdl_lint.py. The order
of the text follows Python's hash seed, so a board is always converted by a process of its own with
seed 0.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import myhdl
from myhdl import Signal, intbv

from volley.firmware import boards, pipe
from volley.firmware.design import parse_settings
from volley.firmware.files import IMPORT_ROOT
from volley.rtl.convert import hdl_lint
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.convert.shared_modules import modules_apart, modules_used

SUFFIXES = {"verilog": ".v", "vhdl": ".vhd"}
TOP = "volley"
INTERRUPTED = 130  # exit code
RECURSION = 20_000  # MyHDL walks the hierarchy recursively


class ConversionError(Exception):
    """The hardware does not convert; the text says which signal or line, and why."""


def convert(instance, language: str, path, zero_memories: bool = True) -> Path:
    """Converts a block instance to the file ``path``, whole or not at all; returns the path.

    language: "verilog" or "vhdl"; beside VHDL stands MyHDL's package file. The module has the name of
    the file. The text is reproducible if Python runs with PYTHONHASHSEED=0. zero_memories: Verilog
    says that memories start as zeros, which FPGAs do by themselves and Yosys takes a minute to read.
    Raises ``ConversionError`` on an error or warning of MyHDL or a trap in the text.
    """
    if language not in SUFFIXES:
        raise ValueError(f"language is {language!r}, allowed is {' or '.join(SUFFIXES)}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"no_myhdl_header": True, "initial_values": True, "name": path.stem}
    if language == "verilog":
        options["testbench"] = False
        options["initial_values"] = True if zero_memories else "skip_zero_mem_init"
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".convert-") as folder:
        # collected, not raised: MyHDL does not recover from an exception in mid-conversion
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with quick_inspect():
                    instance.convert(hdl=language, path=folder, **options)
            except (myhdl.Error, NotImplementedError, TypeError, ValueError) as error:
                raise ConversionError(f"{path.stem}: {type(error).__name__}: {error}") from error
        strict = (myhdl.ToVerilogWarning, myhdl.ToVHDLWarning)
        complaints = [str(each.message) for each in caught if issubclass(each.category, strict)]
        if complaints:
            raise ConversionError(f"{path.stem}: " + f"\n{path.stem}: ".join(complaints))
        made = Path(folder) / (path.stem + SUFFIXES[language])
        if language == "verilog":
            for name, module in modules_used(made.read_text()).items():
                part = convert(module, language, Path(folder) / f"{name}.v", zero_memories)
                made.write_text(f"{made.read_text()}\n{part.read_text()}")
        try:
            hdl_lint.check(made.read_text(), language, path.name)
        except hdl_lint.TrapError as error:
            raise ConversionError(str(error)) from None
        for package in Path(folder).glob("pck_myhdl_*.vhd"):
            os.replace(package, path.parent / package.name)
        os.replace(made, path)
    return path


def top(design, clock_hz: int | None, divisor: int | None, board: str):
    """An instance of the top level: ``volley.rtl.volley.volley`` with ports clk, rst, rx, tx.

    Where clock_hz and divisor are None they are ports too, as ``volley`` says.
    With a PCIe endpoint ``volley_pcie``, with ports pcie_clk, pcie_rst, pcie_rx_*, pcie_tx_*, pcie_id_* too.
    """
    from volley.rtl.link.identity import CLOCK_BITS
    from volley.rtl.link.uart import DIVISOR_BITS
    from volley.rtl.volley import HardBlock, volley, volley_pcie

    clk, rst = Signal(bool(0)), Signal(bool(0))
    rx, tx = Signal(bool(1)), Signal(bool(1))
    clock = Signal(intbv(0)[CLOCK_BITS:]) if clock_hz is None else clock_hz
    bit = Signal(intbv(0)[DIVISOR_BITS:]) if divisor is None else divisor
    with quick_inspect():
        if design.pcie:
            return volley_pcie(clk, rst, rx, tx, HardBlock(), design, clock, bit, board)
        return volley(clk, rst, rx, tx, design, clock, bit, board)


def convert_board(board: boards.Board, language: str, path, clock_ports: bool = False) -> Path:
    """Converts the top level of ``board`` in a process of its own with hash seed 0.

    clock_ports: clock_hz and divisor are ports of it and not the board's. Raises ``ConversionError``.
    """
    settings = ",".join(f"{name}={value}" for name, value in vars(board.design).items())
    command = [
        *(sys.executable, "-m", "volley.rtl.convert", "--board", "sim", "--set", settings),
        *("--name", board.name, "--language", language),
        *("-o", str(Path(path).resolve()), "--until-eof"),
    ]
    if clock_ports:
        command.append("--clock-ports")
    else:
        command += ["--clock-hz", str(board.clock_hz), "--divisor", str(board.divisor)]
    # its standard input is a pipe that ends when this process does, in whatever way
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": _import_path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl+C is for this process, which then ends it
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        if process.wait():
            raise ConversionError(said.strip())
    return Path(path)


def _end_with_input() -> None:
    """Interrupts this process, which then cleans up, when its standard input ends."""

    def watch():
        while os.read(0, 1 << 10):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=watch, daemon=True).start()


def _import_path() -> str:
    """PYTHONPATH of a process that is to find this package."""
    return os.pathsep.join(filter(None, [str(IMPORT_ROOT), os.environ.get("PYTHONPATH")]))


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = pipe.Parser(prog="python -m volley.rtl.convert", description=main_text())
    parser.add_argument("--board", default="sim", help="board file in fpga/boards (default: sim)")
    parser.add_argument("--set", default="", metavar="ci=8,co=4", help="other design parameters")
    parser.add_argument("--name", help="board name that the hardware tells (default: the board's)")
    parser.add_argument("--clock-hz", type=int, help="clock (default: the board's)")
    parser.add_argument("--divisor", type=int, help="cycles of a UART bit after reset")
    parser.add_argument(
        "--clock-ports", action="store_true", help="clock_hz and divisor are ports of the top level"
    )
    parser.add_argument("--language", choices=list(SUFFIXES), default="verilog")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("--until-eof", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        given = sys.argv[1:] if arguments is None else list(arguments)
        return subprocess.run(
            [sys.executable, "-m", "volley.rtl.convert", *given],
            env={**os.environ, "PYTHONPATH": _import_path()},
        ).returncode
    if options.until_eof:
        _end_with_input()
    sys.setrecursionlimit(RECURSION)
    try:
        board = boards.load(options.board, parse_settings(options.set))
    except ValueError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 2
    try:
        Path(options.output).parent.mkdir(parents=True, exist_ok=True)
        apart = modules_apart() if options.language == "verilog" else contextlib.nullcontext()
        with apart:
            instance = top(
                board.design,
                None if options.clock_ports else options.clock_hz or board.clock_hz,
                None if options.clock_ports else options.divisor or board.divisor,
                options.name or board.name,
            )
            convert(instance, options.language, options.output, zero_memories=False)
    except ConversionError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"convert: {options.output}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def main_text() -> str:
    """The first line of the module's docstring."""
    return __doc__.splitlines()[0]
