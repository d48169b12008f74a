"""What of a design says its clock, where the clock is set behind the router: ports of module ``volley``.

Each bit comes from a LUT without inputs, whose content ``fpga/flows/set_clock.py`` writes.
"""

from __future__ import annotations

from volley.firmware.boards import Board
from volley.rtl.link.identity import CLOCK_BITS
from volley.rtl.link.uart import DIVISOR_BITS, WHOLE_BITS

BITS = {"clock_hz": CLOCK_BITS, "divisor": WHOLE_BITS}
"""Bits of each port that are set; the divisor's parts of a cycle are 0."""


def values(board: Board) -> dict[str, int]:
    """What the ports are to say of a board's clock."""
    return {"clock_hz": board.clock_hz, "divisor": board.divisor}


def cell(port: str, bit: int) -> str:
    """The name of the LUT of a bit in the netlist."""
    return f"{port}_bits[{bit}].lut"


def verilog() -> str:
    """Drives ``clock_hz`` and ``divisor`` with zeros that the tools keep."""
    widths = {"clock_hz": CLOCK_BITS, "divisor": DIVISOR_BITS}
    text = [f"wire [{width - 1}:0] {port};" for port, width in widths.items()] + ["genvar bit;"]
    for port, bits in BITS.items():
        low = widths[port] - bits
        if low:
            text.append(f"assign {port}[{low - 1}:0] = {low}'b0;")
        text += [
            f"generate for (bit = 0; bit < {bits}; bit = bit + 1) begin : {port}_bits",
            f"    (* keep *) LUT4 #(.INIT(16'h0000)) lut (.Z({port}[{low} + bit]));",
            "end endgenerate",
        ]
    return "\n".join(text)
