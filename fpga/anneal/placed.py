"""A design as nextpnr has placed it on an ECP5: its cells, nets and paths, and what may move where.

nextpnr's netlist (``--write``) has a cell for each half of what the device has: TRELLIS_COMB, a LUT or a half of a carry
chain's element, at SLICE[A-D].K[01] of a tile, TRELLIS_FF at SLICE[A-D].FF[01], TRELLIS_RAMW, the writer of a LUT RAM. Which
ones may share a tile and a slice is ``slices_compatible`` of its source (ecp5/arch_place.cc).
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict

from volley.fpga.target.grid import EMPTY, Grid

FIXED, LUT, FLIP_FLOP, TIED_LUT, TIED_FLIP_FLOP, RAM_WRITER, BLOCK = range(7)
"""Kinds of cells, as in design.h: tied is what moves with its tile alone, a block is a block RAM or a multiplier."""

NONE = -1
PLACE = re.compile(r"X(\d+)/Y(\d+)/(.+)")
SLOT = re.compile(r"SLICE([A-D])\.(K|FF)([01])")
RAM_SITE = "SLICEC.RAMW"
TIMES = {"flip-flop": 525, "block RAM": 5730, "its register": 1030, "multiplier": 1000}
"""ps from a clock to an output; in speed grade 6, as nextpnr reports them."""
THROUGH = {("FCI", "F"): 440, ("FCI", "FCO"): 71, ("input", "FCO"): 450, ("input", "F"): 240}
"""ps from an input of a LUT or of a carry chain's element to an output."""
SETUP = {"LSR": 420, "block": 150}
BLOCKS = ("DP16KD", "MULT18X18D")
MUX_PINS = ("F1", "FXA", "FXB", "M", "OFX")
"""Of a LUT whose slice is a wider one: such tiles stay where they are."""


class PlacementError(ValueError):
    """What was read is not a placed design, or has something that is not known here."""


@dataclasses.dataclass
class Placed:
    """A placed design in tables, by the numbers of its cells (in the netlist's order) and nets.

    cells: kind, column, row, slot, control of the tile, control of the slice, LUT that feeds the flip-flop. nets: cells, the
    driver first. launch: ps from a clock to the net, NONE behind logic. edges: from net, to net (NONE: end of the path),
    cell, ps in the cell, whether the wire takes time. linked: (column, row) of tiles whose carry goes on to the right.
    sites: (type, column, row, name) of block RAMs and multipliers, of slots of BLOCK cells.
    """

    names: list[str]
    cells: list[list[int]]
    nets: list[list[int]]
    launch: list[int]
    edges: list[tuple[int, int, int, int, int]]
    linked: set[tuple[int, int]]
    sites: list[tuple[str, int, int, str]]


def first_bit(cell: dict, port: str):
    """The net at a port, None where nothing is connected."""
    return next(iter(cell["connections"].get(port, [])), None)


def place_of(name: str, cell: dict) -> tuple[int, int, str]:
    """Column, row and site of a cell; raises ``PlacementError``."""
    found = PLACE.fullmatch(cell["attributes"].get("NEXTPNR_BEL", ""))
    if found is None:
        raise PlacementError(
            f"cell {name} has no place (NEXTPNR_BEL); write the netlist after placement"
        )
    return int(found[1]), int(found[2]), found[3]


def slot_of(site: str) -> int:
    """The slot of a tile, 0 to 7: slices A to D have two each."""
    found = SLOT.fullmatch(site)
    if found is None:
        raise PlacementError(f"{site} is not a site of a logic tile")
    return 2 * "ABCD".index(found[1]) + int(found[3])


def site_name(kind: int, slot: int) -> str:
    """The site of a LUT, a flip-flop or a writer in a slot."""
    if kind == RAM_WRITER:
        return RAM_SITE
    return f"SLICE{'ABCD'[slot // 2]}.{'K' if kind in (LUT, TIED_LUT) else 'FF'}{slot % 2}"


class _Reading:
    """Reads the cells of a top module; ``result`` is complete after ``read``."""

    def __init__(self, cells: dict, grid: Grid):
        self.cells = cells
        self.grid = grid
        self.number = {name: number for number, name in enumerate(cells)}
        self.places = {name: place_of(name, cell) for name, cell in cells.items()}
        self.drivers: dict[int, tuple[str, str]] = {}
        self.loads: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for name, cell in cells.items():
            for port, bits in cell["connections"].items():
                for bit in (bit for bit in bits if isinstance(bit, int)):
                    if cell["port_directions"][port] == "output":
                        self.drivers[bit] = name, port
                    else:
                        self.loads[bit].append((name, port))
        self.controls: dict[tuple, int] = {}
        blocks = [
            (place[2], name) for name, place in self.places.items() if cells[name]["type"] in BLOCKS
        ]
        sites = {(cells[name]["type"], *self.places[name]) for _, name in blocks}
        self.result = Placed(
            list(cells), [], [], [], [], set(), sorted(sites | set(grid.block_sites()))
        )

    def read(self) -> Placed:
        """All tables."""
        sites = {site: number for number, site in enumerate(self.result.sites)}
        alike = len({self.multiplier_controls(cell) for cell in self.cells.values()} - {None}) <= 1
        for name, cell in self.cells.items():
            self.result.cells.append(self.row(name, cell, sites, alike))
        self.hold_muxes()
        self.link()
        self.connect()
        return self.result

    def row(self, name: str, cell: dict, sites: dict, alike: bool) -> list[int]:
        """A cell's row; ``alike``: all multipliers have the same clocks, resets and enables."""
        column, line, site = self.places[name]
        kind = cell["type"]
        if kind == "TRELLIS_COMB":
            if name.startswith(EMPTY):
                return [FIXED, column, line, slot_of(site), NONE, NONE, NONE]
            tied = cell["parameters"].get("MODE", "LOGIC") != "LOGIC"
            return [TIED_LUT if tied else LUT, column, line, slot_of(site), NONE, NONE, NONE]
        if kind == "TRELLIS_FF" and not name.startswith(EMPTY):
            return self.flip_flop(name, cell, column, line, site)
        if kind == "TRELLIS_RAMW":
            return [RAM_WRITER, column, line, 4, NONE, NONE, NONE]
        if kind == BLOCKS[0] or (kind == BLOCKS[1] and alike):
            return [BLOCK, column, line, sites[kind, column, line, site], NONE, NONE, NONE]
        return [FIXED, column, line, 0, NONE, NONE, NONE]

    def flip_flop(self, name: str, cell: dict, column: int, line: int, site: str) -> list[int]:
        """A flip-flop's row: what it shares with its tile and slice, and the LUT that it is tied to."""
        settings = cell["parameters"]
        tile = ("tile", first_bit(cell, "CLK"), first_bit(cell, "LSR"), settings.get("CLKMUX"), settings.get("LSRMUX"),
                settings.get("SRMODE") == "ASYNC")  # fmt: skip
        part = ("slice", settings.get("GSR"), settings.get("CEMUX"), first_bit(cell, "CE"))
        numbers = [self.controls.setdefault(each, len(self.controls)) for each in (tile, part)]
        data = first_bit(cell, "DI")
        if data is None:
            return [FLIP_FLOP, column, line, slot_of(site), *numbers, NONE]
        lut, _ = self.drivers.get(data, ("", ""))
        if self.places.get(lut) != (column, line, site.replace("FF", "K")):
            raise PlacementError(f"flip-flop {name} at {site} of X{column}/Y{line} takes its data from {lut or 'nowhere'}, "
                                 "which is not the LUT of its slot")  # fmt: skip
        tied = self.cells[lut]["parameters"].get("MODE", "LOGIC") != "LOGIC"
        return [
            TIED_FLIP_FLOP if tied else FLIP_FLOP,
            column,
            line,
            slot_of(site),
            *numbers,
            self.number[lut],
        ]

    @staticmethod
    def multiplier_controls(cell: dict) -> tuple | None:
        """The nets that multipliers of a block share."""
        if cell["type"] != BLOCKS[1]:
            return None
        return tuple(
            first_bit(cell, f"{pin}{number}") for pin in ("CLK", "CE", "RST") for number in range(4)
        )

    def hold_muxes(self) -> None:
        """Tiles with LUTs of more than four inputs stay."""
        held = {
            self.places[name][:2]
            for name, cell in self.cells.items()
            if cell["type"] == "TRELLIS_COMB"
            and any(cell["connections"].get(pin) for pin in MUX_PINS)
        }
        for row in self.result.cells:
            if (row[1], row[2]) in held:
                row[0] = FIXED

    def link(self) -> None:
        """Finds the carries that go from tile to tile."""
        for bit, (name, port) in self.drivers.items():
            for load, _ in self.loads[bit] if port == "FCO" else ():
                (column, line, _), to = self.places[name], self.places[load][:2]
                if to == (column + 1, line):
                    self.result.linked.add((column, line))
                elif to != (column, line):
                    raise PlacementError(
                        f"the carry of {name} goes from X{column}/Y{line} to X{to[0]}/Y{to[1]}"
                    )

    def connect(self) -> None:
        """Numbers the nets, but those of clocks, and finds the edges between them."""
        numbers: dict[int, int] = {}
        for bit, (name, port) in self.drivers.items():
            if self.cells[name]["type"] in ("DCCA", "EHXPLLL"):
                continue
            numbers[bit] = len(numbers)
            loads = [self.number[load] for load, _ in self.loads[bit]]
            self.result.nets.append(list(dict.fromkeys([self.number[name], *loads])))
            self.result.launch.append(self.launch(self.cells[name], port))
        for bit, net in numbers.items():
            carry = self.drivers[bit][1] == "FCO"
            for name, port in self.loads[bit]:
                self.result.edges += self.edges(net, carry, name, port, numbers)

    @staticmethod
    def launch(cell: dict, port: str) -> int:
        """ps from a clock to an output of a cell, NONE where it is behind logic."""
        kind = cell["type"]
        if kind in ("TRELLIS_COMB", "TRELLIS_RAMW"):
            return NONE
        if kind == "DP16KD":
            side = port.rstrip("0123456789")[-1]
            registered = cell["parameters"].get(f"REGMODE_{side}") == "OUTREG"
            return TIMES["its register" if registered else "block RAM"]
        return {"TRELLIS_FF": TIMES["flip-flop"], "MULT18X18D": TIMES["multiplier"]}.get(kind, 0)

    def edges(self, net: int, carry: bool, name: str, port: str, numbers: dict):
        """The edges of a net through one of its loads."""
        cell, number = self.cells[name], self.number[name]
        kind = cell["type"]
        if kind == "TRELLIS_COMB" and port in ("A", "B", "C", "D", "FCI"):
            for out in ("F", "FCO"):
                if (bit := first_bit(cell, out)) in numbers:
                    delay = THROUGH[port if port == "FCI" else "input", out]
                    yield net, numbers[bit], number, delay, int(not carry)
        elif kind == "TRELLIS_FF" and port != "CLK":
            yield net, NONE, number, SETUP.get(port, 0), int(port != "DI")
        elif kind == "TRELLIS_RAMW" or (kind == "TRELLIS_COMB" and port == "WRE"):
            yield net, NONE, number, 0, 1
        elif kind in BLOCKS:
            yield net, NONE, number, SETUP["block"], 1


def read_placed(data: dict, top: str, grid: Grid) -> Placed:
    """The tables of a netlist that nextpnr wrote after placement; raises ``PlacementError``."""
    try:
        return _Reading(data["modules"][top]["cells"], grid).read()
    except (KeyError, TypeError, AttributeError) as error:
        raise PlacementError(f"not a netlist of nextpnr: {error!r}") from None
