"""Arcs of a netlist: the connections that a router has to lay in the general wires of a device."""

from __future__ import annotations

import json
from pathlib import Path

from volley.fpga.flows.replicate import CLOCKS, Netlist
from volley.fpga.target.top import TOP

CARRIES = {"CIN", "COUT", "CO", "CI"}
"""Ports of carry chains, which have wires of their own, where both ends are one of them."""

LUT_OUTPUTS = {"Z", "F", "O"}
FLIP_FLOPS = ("TRELLIS_FF", "DFF", "FD")
DATA = {"DI", "D"}


def count(data: dict, top: str = TOP) -> int:
    """Pairs of a driver and a load in a netlist of Yosys, see ``replicate.Netlist``.

    Left out are clocks, carries, and a LUT's connection to a flip-flop that is its only load: the
    two are in one slice. Raises ``ValueError`` if there is no module ``top``.
    """
    netlist, total = Netlist(data, top), 0
    for bit, loads in netlist.loads.items():
        if bit not in netlist.drivers or any(port in CLOCKS for _, port, _ in loads):
            continue
        name, output = netlist.drivers[bit]
        if output in CARRIES:
            loads = [load for load in loads if load[1] not in CARRIES]
        if len(loads) == 1 and output in LUT_OUTPUTS and "LUT" in netlist.cells[name]["type"]:
            user, port, _ = loads[0]
            if port in DATA and netlist.cells[user]["type"].startswith(FLIP_FLOPS):
                continue
        total += len(loads)
    return total


def count_file(path: Path) -> int | None:
    """``count`` of a netlist file, None where there is no such file or it is no netlist."""
    try:
        return count(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError):
        return None
