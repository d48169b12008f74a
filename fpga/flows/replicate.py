"""Copies of flip-flops and LUTs that drive too much, in the netlist between synthesis and placement.

A clock enable of the array drives thousands of flip-flops all over the device, and one net cannot
be near all of them: without copies it is the critical path of the whole design. Vivado makes copies by
itself, nextpnr does not. Every copy is the same cell with the same inputs, so the function cannot
change. Loads are shared out in the order of their names, which is that of the hierarchy: a copy's
loads belong together, and in a row of registers each copy drives a copy of the next.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

from volley.firmware.files import write_whole

COPIED = {"TRELLIS_FF": "Q", "LUT4": "Z", "LUT3": "F", "LUT2": "F", "DFFE": "Q", "DFF": "Q"}
"""Cells that are copied, with their output: those of ECP5 and of Gowin."""

RAM = "DP16KD"
FAR = {RAM: 6, "MULT18X18D": 8, "TRELLIS_DPR16X4": 12, "TRELLIS_FF.LSR": 32}
"""Cells of a type, or ports of them, that one copy of a register drives at most, in a design with ``reach``: they
lie far apart."""
STEPS = 3  # registers and LUTs behind a block RAM, within which a channel's name is found
CHANNEL = re.compile(r"channel(\d+)")

COPY = "$copy"
"""In the name of a copy, before its number."""

CLOCKS = {"CLK", "WCK", "CLKA", "CLKB"}
LIMIT, NEAR = 64, 32
"""Loads of a driver at most; the second in a design with ``reach``, where 64 loads, a bit for each of 16 input
channels of 4 outputs or psums of 4 lanes, are too far apart for one driver."""


def limits(reach: int) -> tuple[int, dict[str, int] | None]:
    """``limit`` and ``far`` of ``replicate`` for a design's ``reach``."""
    return (NEAR, FAR) if reach else (LIMIT, None)


def natural(text: str) -> list:
    """A key that sorts numbers in a text as numbers."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


class Netlist:
    """The top module of Yosys' JSON netlist: which cell drives a net, and what it drives.

    Raises ``ValueError`` where there is no such module.
    """

    def __init__(self, data: dict, top: str):
        if top not in data.get("modules", {}):
            raise ValueError(f"the netlist has no module {top}")
        module = data["modules"][top]
        self.cells = module["cells"]
        self.drivers: dict[int, tuple[str, str]] = {}
        self.loads: dict[int, list[tuple[str, str, int]]] = {}
        self.names: dict[int, str] = {}
        self.pinned = {bit for port in module["ports"].values() for bit in port["bits"]}
        for name, net in module["netnames"].items():
            for bit in net["bits"]:
                if isinstance(bit, int) and (not net["hide_name"] or bit not in self.names):
                    self.names[bit] = name
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                for index, bit in enumerate(bits):
                    if not isinstance(bit, int):
                        continue
                    if cell["port_directions"][port] == "output":
                        self.drivers[bit] = (name, port)
                    else:
                        self.loads.setdefault(bit, []).append((name, port, index))
        self.next_bit = max([*self.drivers, *self.loads, *self.names, 0]) + 1

    def output_name(self, load: tuple[str, str, int]) -> str | None:
        """The name of what a load's cell drives: where in the hierarchy it is."""
        cell = self.cells[load[0]]
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "output" and bits and bits[0] in self.names:
                return self.names[bits[0]]
        return None

    def kinds_of(self, load: tuple[str, str, int]) -> tuple[str, str]:
        """The type of a load's cell, and that with the port."""
        kind = self.cells[load[0]]["type"]
        return kind, f"{kind}.{load[1]}"

    def channel_of(self, name: str, steps: int = STEPS) -> str:
        """The name of the channel that a cell's outputs go to, within so many cells, or nothing."""
        cell = self.cells[name]
        users = [
            load[0]
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "output"
            for bit in bits
            for load in self.loads.get(bit, [])
        ]
        for user in users:
            for bits in self.cells[user]["connections"].values():
                for bit in bits:
                    found = CHANNEL.search(self.names.get(bit, ""))
                    if found:
                        return found[0]
        further = (self.channel_of(user, steps - 1) for user in users if steps > 1)
        return next(filter(None, further), "")

    def place_of(self, load: tuple[str, str, int]) -> list:
        """What loads are sorted by; block RAMs by the channel that their words go to first."""
        name = self.output_name(load) or load[0]
        if self.cells[load[0]]["type"] == RAM:
            name = f"{self.channel_of(load[0])} {name}"
        return natural(name)

    def by_channel(self, bit: int) -> list[list[tuple[str, str, int]]]:
        """The loads of a net by the channel that they are in, but for copies; those that are in none with the first.

        A channel's own net is whole."""
        if CHANNEL.search(self.names.get(bit, "")):
            return [self.loads[bit]]
        found: dict[str, list] = {}
        for load in self.loads[bit]:
            name = "" if COPY in load[0] else self.output_name(load) or ""
            channel = CHANNEL.search(name)
            if channel is None and name:
                channel = CHANNEL.search(self.channel_of(load[0], 1))
            found.setdefault(channel[0] if channel else "", []).append(load)
        rest = found.pop("", [])
        groups = [found[name] for name in sorted(found, key=natural)] or [[]]
        return [rest + groups[0], *groups[1:]]

    def split(self, bit: int, parts: int) -> None:
        """Leaves the driver of a net the first part of its loads; copies of it take the others."""
        loads = sorted(self.loads[bit], key=self.place_of)
        size = -(-len(loads) // parts)
        self.share(bit, [loads[at : at + size] for at in range(0, len(loads), size)])

    def share(self, bit: int, groups: list[list[tuple[str, str, int]]]) -> None:
        """Leaves the driver of a net the first group of its loads; a copy of it takes each of the others."""
        name, port = self.drivers[bit]
        cell = self.cells[name]
        self.loads[bit] = groups[0]
        for loads in groups[1:]:
            twin, new = copy.deepcopy(cell), self.next_bit
            self.next_bit += 1
            twin["connections"][port] = [new]
            twin_name = f"{name}{COPY}{new}"  # a driver may be split more than once
            self.cells[twin_name] = twin
            self.drivers[new] = (twin_name, port)
            # a name that sorts beside the copy's loads
            self.names[new] = self.output_name(loads[0]) or self.names.get(bit, loads[0][0])
            self.loads[new] = loads
            for user, user_port, index in self.loads[new]:
                self.cells[user]["connections"][user_port][index] = new
            for user_port, bits in cell["connections"].items():
                if user_port != port:
                    for index, source in enumerate(bits):
                        if isinstance(source, int):
                            self.loads[source].append((twin_name, user_port, index))


def replicate(data: dict, top: str, limit: int = LIMIT, far: dict[str, int] | None = None) -> int:
    """Copies cells in a netlist until none that can be copied drives more than ``limit`` loads, or more
    inputs of a kind of ``far`` than that says; with ``far``, what several channels take has a copy for each first.

    Clocks, ports of the design and block RAM are left alone. Returns the number of copies. Nets are
    taken from the outputs back, so that a register's copies are shared out among the copies of the
    register before it.
    """
    netlist = Netlist(data, top)
    before = len(netlist.cells)

    def can_be_copied(bit):
        return (
            bit in netlist.drivers
            and bit not in netlist.pinned
            and netlist.cells[netlist.drivers[bit][0]]["type"] in COPIED
            and not any(port in CLOCKS for _, port, _ in netlist.loads[bit])
        )

    def parts(loads):
        counts = [(len(loads), limit)]
        for kind, most in (far or {}).items():
            counts.append((sum(kind in netlist.kinds_of(load) for load in loads), most))
        return max(-(-count // most) for count, most in counts)

    if far:  # a channel's psums and trees lie together
        for bit in list(netlist.loads):
            if can_be_copied(bit) and len(groups := netlist.by_channel(bit)) > 1:
                netlist.share(bit, groups)

    while True:
        heavy = [
            bit for bit, loads in netlist.loads.items() if parts(loads) > 1 and can_be_copied(bit)
        ]
        if not heavy:
            return len(netlist.cells) - before
        for bit in sorted(heavy, key=lambda bit: -len(netlist.loads[bit])):
            netlist.split(bit, parts(netlist.loads[bit]))


def rewrite(path: Path, change):
    """Replaces a netlist file, whole, by what ``change`` makes of its data; returns what that returns."""
    data = json.loads(path.read_text())
    found = change(data)
    write_whole(path, json.dumps(data))
    return found
