"""Converts blocks to Verilog and VHDL, and has Icarus, Verilator and GHDL read the result."""

import subprocess
import warnings

from myhdl import ToVerilogWarning, ToVHDLWarning

from tests.support.tools import need

TOOL_OF = {"verilator": "verilator", "iverilog": "icarus", "vvp": "icarus", "ghdl": "ghdl"}
"""The name in ``tools.TOOLS`` of a command."""


def convert(instance, folder, name, language):
    """Converts a block instance; every warning of MyHDL is an error. Returns the file's path.

    language: "Verilog" or "VHDL".
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", ToVerilogWarning)
        warnings.simplefilter("error", ToVHDLWarning)
        instance.convert(
            hdl=language,
            path=str(folder),
            name=name,
            initial_values=True,
            no_myhdl_header=True,
            **({"testbench": False} if language == "Verilog" else {}),
        )
    return folder / (name + (".v" if language == "Verilog" else ".vhd"))


def run_tool(arguments, folder, quiet=True):
    """Runs a tool in ``folder`` and returns its output.

    Where the tool is missing, ``tools.need`` decides. Fails with the output if the tool fails, or, if
    ``quiet``, says anything.
    """
    need(TOOL_OF[arguments[0]])
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    failed = done.returncode != 0 or (quiet and output.strip())
    assert not failed, f"{' '.join(arguments)}:\n{output}"
    return output


def check_icarus(path):
    """Icarus reads the Verilog file as Verilog 2005, without a warning."""
    options = ["-g2005", "-Wall", "-Wno-timescale", "-t", "null"]
    run_tool(["iverilog", *options, path.name], path.parent)


def check_verilator(path):
    """Verilator's lint finds nothing but WIDTH, which MyHDL's arithmetic causes by itself."""
    run_tool(
        ["verilator", "--lint-only", "-Wall", "-Wno-WIDTH", "-Wno-DECLFILENAME", path.name],
        path.parent,
    )


def check_ghdl(package, path):
    """GHDL analyses and elaborates the VHDL file; ``package`` is MyHDL's own beside it."""
    run_tool(["ghdl", "-a", "--std=08", package, path.name], path.parent)
    run_tool(["ghdl", "-e", "--std=08", path.stem], path.parent)
