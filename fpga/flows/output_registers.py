"""Flip-flops behind the block RAMs of ECP5 become the RAMs' own output registers.

A DP16KD shows a word 5.6 ns after the clock, and 1 ns after it from its output register (REGMODE
OUTREG, enabled by OCE alone). The hardware has a register behind every block RAM, and Yosys makes a
flip-flop of each bit; such a one takes its bit in every cycle, starts at 0 and is never set or cleared, as
the output register does.
"""

from __future__ import annotations

from volley.fpga.flows.replicate import Netlist

PORTS = "AB"
WIDTH = 18  # bits of a port


def absorb(data: dict, top: str) -> int:
    """Moves the registers of a Yosys netlist into its block RAMs; returns how many flip-flops are gone.

    A port whose outputs do not all go to such a flip-flop, and nowhere else, is left as it is, and so is one
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
            for output, name in found.items():
                cell["connections"][output] = netlist.cells.pop(name)["connections"]["Q"]
            gone += len(found)
    return gone


def output_flip_flops(netlist: Netlist, cell: dict, port: str) -> dict[str, str] | None:
    """{output: flip-flop} of a port of a block RAM; None if one of its outputs goes elsewhere, or comes from
    a register already."""
    if cell["parameters"].get(f"REGMODE_{port}") == "OUTREG":
        return None
    found = {}
    clock = cell["connections"].get(f"CLK{port}")
    for output in (f"DO{port}{bit}" for bit in range(WIDTH)):
        (bit,) = cell["connections"].get(output, ["x"])
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
