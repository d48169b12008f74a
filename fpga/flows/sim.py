"""The simulated board: MyHDL to Verilog, edalize's Verilator flow, g++."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from volley.firmware import boards
from volley.firmware.files import BUILD, PACKAGE, named, shown, write_whole
from volley.fpga.errors import BuildError
from volley.fpga.runner.steps import Steps, hash_files, locked
from volley.rtl.convert import converter

MAIN = PACKAGE / "fpga" / "sim" / "main.cpp"
HEADERS = (PACKAGE / "fpga" / "sim" / "pcie.h",)
WAIVERS = PACKAGE / "fpga" / "sim" / "lint.vlt"
PACKAGES = {"verilator": "verilator", "make": "make", "g++": "g++"}  # tool: apt package
STAMP = "stamp.json"
SOURCES = ("rtl/**/*.py", "firmware/*.py", "fpga/sim/*.*", "fpga/flows/sim.py")
BINARY = f"V{converter.TOP}"
WIRE = "sim"  # the board file that says how fast a simulated wire is

VERILATOR_OPTIONS = [
    "-O3 --x-assign fast --x-initial fast --noassert --threads 1",
    "-Wno-fatal",
    "--output-split 20000",
    "-CFLAGS -std=c++20",
]
CXX_FLAGS = "-O2 -march=native"  # -O3 takes a quarter longer to build and is no faster


def simulated(like: str, settings: dict[str, int] | None = None) -> boards.Board:
    """The board that a simulation of board ``like`` is: its design and clock, the simulated wire.

    Raises ``firmware.boards.BoardError``.
    """
    wire, board = boards.load(WIRE), boards.load(like, settings)
    baud = board.clock_hz // wire.divisor
    if not baud:
        raise boards.BoardError(
            f"board {board.name}: clock_hz is {board.clock_hz}, allowed for a simulated board is "
            f"{wire.divisor} or more"
        )
    return dataclasses.replace(board, name=wire.name, title=wire.title, baud=baud, top_baud=baud)


def folder_of(board: boards.Board) -> Path:
    """The build folder of a simulated board."""
    return BUILD / f"sim-{board.design.hash().hex()}{'-pcie' * board.design.pcie}"


def check_tools() -> None:
    """Raises ``BuildError`` that names the apt packages of missing tools."""
    missing = [tool for tool in PACKAGES if shutil.which(tool) is None]
    if missing:
        packages = " ".join(PACKAGES[tool] for tool in missing)
        raise BuildError(
            f"{', '.join(missing)} not found on the PATH; install with: apt-get install {packages}",
            code=2,
        )


def check_folder(folder: Path) -> None:
    """Raises ``BuildError`` if GNU make refuses to build in a folder, as Verilator's rules do."""
    if re.search(r"\s", str(folder)):
        raise BuildError(
            f"GNU make cannot build the simulated board in a path with a space: {folder}; "
            "set VOLLEY_BUILD to a folder without one",
            code=2,
        )


def stamp(board: boards.Board) -> dict:
    """Everything that the binary depends on: parameters, sources, options, tools, processor."""
    return {
        "design": dataclasses.asdict(board.design),
        "board": [board.name, board.clock_hz, board.divisor],
        "sources": hash_files(path for pattern in SOURCES for path in PACKAGE.glob(pattern)),
        "options": [*VERILATOR_OPTIONS, CXX_FLAGS],
        "tools": [
            *(f"{name} {metadata.version(name)}" for name in ("myhdl", "edalize")),
            *(_first_line([tool, "--version"]) for tool in ("verilator", "g++")),
        ],
        "processor": _processor(),
    }


def _first_line(command):
    return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0]


def _processor():
    """Names the instruction set that -march=native stands for."""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        flags = re.search(r"^(?:flags|Features)\s*:.*$", text, re.M)
        if flags:
            return hashlib.sha256(flags[0].encode()).hexdigest()[:16]
    return platform.machine()


def up_to_date(board: boards.Board) -> bool:
    """Whether the folder holds a binary of exactly this configuration and these sources."""
    folder = folder_of(board)
    try:
        built = json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return False
    return (folder / BINARY).is_file() and built == stamp(board)


def describe(board: boards.Board) -> str:
    """What would be built where, and whether it has to be."""
    state = "up to date" if up_to_date(board) else "to be built"
    design = " ".join(f"{name}={value}" for name, value in vars(board.design).items())
    return (
        f"target sim: {state}\n"
        f"  folder  {shown(folder_of(board))}\n"
        f"  design  {design} ({board.design.pes} PE)\n"
        f"  wire    {board.clock_hz} Hz, {board.divisor} cycles a bit ({board.baud} baud)\n"
        "  steps   convert to Verilog, Verilator, g++"
    )


def build(board: boards.Board, progress=print, verbose=False, clean=False) -> Path:
    """Builds the simulated board unless it is up to date; returns the path of the binary.

    progress(text) is called for every step. Logs stay in the folder. Raises ``BuildError``.
    """
    check_tools()
    folder = folder_of(board)
    check_folder(folder)
    with locked(BUILD / f".{folder.name}.lock", progress):
        if not clean and up_to_date(board):
            progress(f"simulated board is up to date: {shown(folder)}")
            return folder / BINARY
        wanted = stamp(board)
        if folder.exists():
            shutil.rmtree(folder)  # nothing of an ended build is taken for a part of this one
        folder.mkdir(parents=True)
        steps = Steps(folder, progress, verbose)
        with steps.step("convert MyHDL to Verilog"):
            try:
                source = converter.convert_board(board, "verilog", folder / f"{converter.TOP}.v")
            except converter.ConversionError as error:
                raise BuildError(f"conversion failed:\n{error}") from None
        compile_model(source, steps)
        write_whole(folder / STAMP, json.dumps(wanted, indent=1))
    return folder / BINARY


def compile_model(source: Path, steps: Steps) -> None:
    """Compiles a Verilog file with the ports of ``converter.top``, module ``volley``, in its folder."""
    folder = source.parent
    options = list(VERILATOR_OPTIONS)
    text = source.read_text()
    if re.search(r"^input pcie_clk;", text, re.M):
        options.append("-CFLAGS -DVOLLEY_PCIE")
    running = running_signal(text)
    if running:
        write_whole(
            folder / "running.vlt",
            f'`verilator_config\npublic_flat_rd -module "{converter.TOP}" -var "{running}"\n',
        )
        member = f"{converter.TOP}__DOT__{verilator_name(running)}"
        options.append(f"-CFLAGS -DVOLLEY_RUNNING={member}")
    configure(folder, options, with_running=bool(running))
    makefile = f"{BINARY}.mk"
    steps.run("Verilator", ["make", makefile], "verilator.log")
    steps.run("g++", ["make"], "compile.log")


def configure(folder: Path, options: list[str], with_running: bool) -> None:
    """Writes edalize's Makefile and Verilator's arguments into ``folder``."""
    from edalize.flows.sim import Sim

    files = [{"name": f"{converter.TOP}.v", "file_type": "verilogSource"}]
    if with_running:
        files.append({"name": "running.vlt", "file_type": "vlt"})
    # a copy: make would take a path with a space for two
    for path in (MAIN, *HEADERS):
        write_whole(folder / path.name, path.read_text())
    files.append({"name": MAIN.name, "file_type": "cppSource"})
    edam = {
        "name": converter.TOP,
        "toplevel": converter.TOP,
        "files": files,
        "flow_options": {
            "tool": "verilator",
            "mode": "cc",
            "verilator_options": options,
            "make_options": [
                f"-j{os.cpu_count()}",
                f'OPT_FAST="{CXX_FLAGS}"',
                f'OPT_GLOBAL="{CXX_FLAGS}"',
            ],
        },
    }
    with contextlib.redirect_stdout(io.StringIO()), named(folder):
        Sim(edam, str(folder)).configure()


def running_signal(verilog: str) -> str | None:
    """The name of the register that says a program runs, None in a design without one."""
    names = re.findall(r"^(?:reg|wire)\s+(\w*running)\s*(?:=[^;]*)?;", verilog, re.M)
    return min(names, key=len) if names else None


def verilator_name(name: str) -> str:
    """A Verilog name as Verilator writes it in C++: a double underscore is spelled out."""
    return name.replace("__", "___05F")
