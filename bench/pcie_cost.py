"""LUTs, flip-flops and block RAM of the PCIe engine alone, behind the hard block.

    python bench/pcie_cost.py [--write FILE]

Counted is Yosys' netlist for Xilinx's series 7, with the passes of the boards' builds.
"""

import sys
import tempfile
from pathlib import Path

import array_cost
import page

from volley.fpga.target import capacity
from volley.rtl.convert.converter import ConversionError, convert
from volley.rtl.link.pcie.pcie_endpoint import endpoint_instance

FAMILY, MODULE = "xc7", "pcie_endpoint"


def measure(folder):
    """Counts by resource of the engine: "lut", "ff", "bram", "dsp"."""
    source = convert(endpoint_instance(), "verilog", folder / f"{MODULE}.v")
    return capacity.count(array_cost.cells(source.name, MODULE, FAMILY, folder), FAMILY)


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("pcie_cost.py", __doc__, page=True)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = measure(Path(folder))
        except (ConversionError, RuntimeError, OSError) as error:
            return page.failed("pcie_cost.py", error)
    lines = page.table(
        ["engine", *(capacity.NAMES[each] for each in found)],
        [["PCIe endpoint, XC7", *(f"{count:,}" for count in found.values())]],
    )
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Cost of the PCIe engine", "pcie_cost.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
