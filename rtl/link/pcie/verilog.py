"""The engine by itself as Verilog: for tests, counts and a design that is not this one.

python -m volley.rtl.link.pcie.verilog FILE.v
"""

from __future__ import annotations

import sys

from myhdl import Signal

from volley.rtl.convert.converter import ConversionError, convert
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.pcie.pcie_endpoint import (
    RX_USER_BITS,
    TX_USER_BITS,
    AxiPort,
    DeviceId,
    pcie_endpoint,
)


def convert_endpoint(path):
    """Writes ``pcie_endpoint``, its bundles as ports like ``rx_tdata``, to ``path``; returns the path.

    The module has the name of the file. Raises ``ConversionError``, ``OSError``.
    """
    user_clk, user_rst, clk = (Signal(bool(0)) for _ in range(3))
    rx, tx = AxiPort(RX_USER_BITS), AxiPort(TX_USER_BITS)
    with quick_inspect():
        instance = pcie_endpoint(user_clk, user_rst, rx, tx, DeviceId(), clk, Bus())
    return convert(instance, "verilog", path)


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        print("pcie: one argument is needed: the Verilog file to write", file=sys.stderr)
        return 2
    try:
        convert_endpoint(given[0])
    except (ConversionError, OSError) as error:
        print(f"pcie: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
