"""Flip-flops behind the block RAMs and multipliers of ECP5 become their own output registers.

A DP16KD shows a word 5.6 ns after the clock, and 1 ns after it from its output register (REGMODE
OUTREG, enabled by OCE alone). The hardware has a register behind every block RAM, and Yosys makes a
flip-flop of each bit; such a one takes its bit in every cycle, starts at 0 and is never set or cleared, as
the output register does. A MULT18X18D has one behind its product (REG_OUTPUT_CLK), in place of a wire to a
flip-flop that the product needs nearly a cycle to reach.
"""

from __future__ import annotations

from volley.fpga.flows.replicate import Netlist

PORTS = "AB"
WIDTH = 18  # bits of a port
PRODUCT = 36  # bits of a product


def absorb(data: dict, top: str) -> int:
    """Moves the registers of a Yosys netlist into its block RAMs and multipliers; returns how many flip-flops are gone.

    A port, or a multiplier, whose outputs do not all go to such a flip-flop, and nowhere else, is left as it is, and so is one
    that has its register. Raises ``ValueError`` if there is no module ``top``.
    """
    netlist = Netlist(data, top)
    gone = 0
    for cell in [cell for cell in netlist.cells.values() if cell["type"] == "DP16KD"]:
        registers = {port: output_flip_flops(netlist, cell, port) for port in PORTS}
        if None in registers.values():  # a word of 36 bits is of both ports
            continue
        for port, found in registers.items():
            if not found:
                continue
            cell["parameters"][f"REGMODE_{port}"] = "OUTREG"
            cell["connections"][f"OCE{port}"] = ["1"]
            cell["port_directions"][f"OCE{port}"] = "input"
            gone += take_over(netlist, cell, found)
    return gone + absorb_products(netlist)


def absorb_products(netlist: Netlist) -> int:
    """As ``absorb``, of multipliers: their outputs must have flip-flops of one clock."""
    gone = 0
    for cell in [cell for cell in netlist.cells.values() if cell["type"] == "MULT18X18D"]:
        if cell["parameters"].get("REG_OUTPUT_CLK", "NONE") != "NONE":
            continue
        outputs = [f"P{bit}" for bit in range(PRODUCT)]
        clocks = {
            netlist.cells[name]["connections"]["CLK"][0]
            for output in outputs
            for name, port, _ in netlist.loads.get(connected(cell, output), [])
            if netlist.cells[name]["type"] == "TRELLIS_FF" and port == "DI"
        }
        if len(clocks) != 1:
            continue
        found = registers_behind(netlist, cell, outputs, list(clocks))
        if not found:
            continue
        cell["parameters"] |= {
            "REG_OUTPUT_CLK": "CLK0", "REG_OUTPUT_CE": "CE0", "REG_OUTPUT_RST": "RST0"
        }  # fmt: skip
        for port, bit in (("CLK0", *clocks), ("CE0", "1"), ("RST0", "0")):
            cell["connections"][port] = [bit]
            cell["port_directions"][port] = "input"
        gone += take_over(netlist, cell, found)
    return gone


def take_over(netlist: Netlist, cell: dict, found: dict[str, str]) -> int:
    """Gives the outputs of a cell the nets of the flip-flops behind them, which go; returns their number."""
    for output, name in found.items():
        cell["connections"][output] = netlist.cells.pop(name)["connections"]["Q"]
    return len(found)


def connected(cell: dict, port: str):
    """The net of a port of one bit, "x" where it is open."""
    (bit,) = cell["connections"].get(port) or ["x"]
    return bit


def output_flip_flops(netlist: Netlist, cell: dict, port: str) -> dict[str, str] | None:
    """{output: flip-flop} of a port of a block RAM; None if one of its outputs goes elsewhere, or comes from
    a register already."""
    if cell["parameters"].get(f"REGMODE_{port}") == "OUTREG":
        return None
    clock = cell["connections"].get(f"CLK{port}")
    return registers_behind(netlist, cell, [f"DO{port}{bit}" for bit in range(WIDTH)], clock)


def registers_behind(netlist: Netlist, cell: dict, outputs: list[str], clock) -> dict | None:
    """{output: flip-flop} of the outputs that go anywhere; None if one of them goes elsewhere."""
    found = {}
    for output in outputs:
        bit = connected(cell, output)
        loads = netlist.loads.get(bit, [])
        if not loads and bit not in netlist.pinned:
            continue
        if len(loads) != 1 or bit in netlist.pinned:
            return None
        name, load_port, _ = loads[0]
        if not takes_always(netlist.cells[name], clock) or load_port != "DI":
            return None
        found[output] = name
    return found


def takes_always(cell: dict, clock: list) -> bool:
    """Whether a cell is a flip-flop that takes its input at each edge of ``clock``, and starts at 0."""
    parameters = cell.get("parameters", {})
    return (
        cell["type"] == "TRELLIS_FF"
        and cell["connections"]["CLK"] == clock
        and parameters.get("CLKMUX", "CLK").strip() == "CLK"
        and parameters.get("CEMUX", "1").strip() == "1"
        and parameters.get("REGSET", "RESET").strip() == "RESET"
        and not any(isinstance(bit, int) for bit in cell["connections"].get("LSR", []))
    )
