"""Placed designs at random, as nextpnr would write them, and the rules of a tile that any placement must keep."""

import random
import re
from collections import defaultdict

from volley.fpga.target.grid import GRIDS

GRID = GRIDS["--85k"]
SITES = [(f"SLICE{'ABCD'[slot // 2]}", slot % 2) for slot in range(8)]
PINS = {
    "TRELLIS_COMB": dict.fromkeys(("A", "B", "C", "D", "FCI", "WRE", "WD"), "input") | dict.fromkeys(("F", "FCO"), "output"),
    "TRELLIS_FF": dict.fromkeys(("CLK", "LSR", "CE", "DI", "M"), "input") | {"Q": "output"},
    "TRELLIS_RAMW": {"A0": "input", "WDO0": "output"},
    "DP16KD": {"ADA5": "input", "DOA0": "output", "CLKA": "input"},
    "MULT18X18D": {"A0": "input", "P0": "output", "CLK0": "input"},
    "DCCA": {"CLKO": "output"},
}  # fmt: skip


class Made:
    """A netlist that is made cell by cell, each at a place of its own; ``data`` is what nextpnr would write."""

    def __init__(self, seed: int = 1):
        self.random = random.Random(seed)
        self.cells: dict = {}
        self.taken: set = set()
        self.bits = 0
        self.clock = self.bit()
        self.add("DCCA", "X60/Y0/TDCC3", CLKO=self.clock)
        self.resets = [self.bit(), None]
        self.enables = [self.bit(), None]
        self.outputs = [bit for bit in (*self.resets, *self.enables) if bit is not None]
        self.data = {"modules": {"top": {"cells": self.cells, "settings": {"seed": "1"}}}}
        for bit in self.outputs:  # a register drives each
            column, row = self.tile()
            self.add(
                "TRELLIS_FF", f"X{column}/Y{row}/SLICEA.FF0", {"CEMUX": "1 "}, CLK=self.clock, Q=bit
            )

    def bit(self) -> int:
        self.bits += 1
        return self.bits

    def add(self, kind: str, place: str, parameters=None, name=None, **connections) -> str:
        name = name or f"{kind}_{len(self.cells)}"
        self.cells[name] = {
            "type": kind,
            "parameters": parameters or {},
            "attributes": {"NEXTPNR_BEL": place, "src": "x.v:1"},
            "port_directions": dict(PINS[kind]),
            "connections": {
                pin: [] if connections.get(pin) is None else [connections[pin]]
                for pin in PINS[kind]
            },
        }
        return name

    def tile(self) -> tuple[int, int]:
        """A tile that no cell has."""
        while True:
            tile = self.random.choice(GRID.columns()), self.random.choice(GRID.rows())
            if tile not in self.taken:
                self.taken.add(tile)
                return tile

    def some(self) -> int:
        return self.random.choice(self.outputs)

    def logic(self, tiles: int) -> None:
        """Tiles of LUTs, flip-flops behind them and flip-flops alone."""
        for _ in range(tiles):
            column, row = self.tile()
            reset = self.random.choice(self.resets)
            enables = [self.random.choice(self.enables) for _ in range(4)]
            for slot, (part, number) in enumerate(SITES):
                kind, enable = self.random.random(), enables[slot // 2]
                place, out = f"X{column}/Y{row}/{part}", None
                if kind < 0.6:
                    out = self.bit()
                    self.add(
                        "TRELLIS_COMB", f"{place}.K{number}", A=self.some(), B=self.some(), F=out
                    )
                if kind < 0.3 or 0.5 < kind < 0.8:
                    q = self.bit()
                    data = {"DI": out} if kind < 0.3 else {"M": self.some()}
                    self.add(
                        "TRELLIS_FF", f"{place}.FF{number}", {"CEMUX": "CE" if enable else "1 "},
                        CLK=self.clock, LSR=reset, CE=enable, Q=q, **data,
                    )  # fmt: skip
                    self.outputs.append(q)

    def chain(self, tiles: int) -> None:
        """A carry chain, its last element's sum in a flip-flop."""
        while True:
            column, row = (
                self.random.choice(GRID.columns()[:-tiles]),
                self.random.choice(GRID.rows()),
            )
            run = {(column + number, row) for number in range(tiles)}
            if not run & self.taken:
                break
        self.taken |= run
        carry = None
        for tile in range(tiles):
            for part, number in SITES:
                out, following = self.bit(), self.bit()
                place = f"X{column + tile}/Y{row}/{part}"
                self.add(
                    "TRELLIS_COMB",
                    f"{place}.K{number}",
                    {"MODE": "CCU2"},
                    A=self.some(),
                    FCI=carry,
                    F=out,
                    FCO=following,
                )
                carry = following
        self.add(
            "TRELLIS_FF", f"{place}.FF1", {"CEMUX": "1 "}, CLK=self.clock, DI=out, Q=self.bit()
        )

    def ram(self) -> None:
        """A LUT RAM."""
        column, row = self.tile()
        data = self.bit()
        self.add("TRELLIS_RAMW", f"X{column}/Y{row}/SLICEC.RAMW", A0=self.some(), WDO0=data)
        for part, number in SITES[:6]:
            mode = "DPRAM" if part != "SLICEC" else "RAMW_BLOCK"
            self.add(
                "TRELLIS_COMB",
                f"X{column}/Y{row}/{part}.K{number}",
                {"MODE": mode},
                A=self.some(),
                WD=data,
                F=self.bit(),
            )

    def block(self, kind: str, number: int) -> None:
        """Block RAMs, or multipliers, at random sites."""
        sites = [site for site in GRID.block_sites() if site[0] == kind]
        for _, column, row, name in self.random.sample(sites, number):
            place, out = f"X{column}/Y{row}/{name}", self.bit()
            self.outputs.append(out)
            if kind == "DP16KD":
                self.add(
                    kind,
                    place,
                    {"REGMODE_A": "OUTREG"},
                    ADA5=self.some(),
                    DOA0=out,
                    CLKA=self.clock,
                )
            else:
                self.add(kind, place, A0=self.some(), P0=out, CLK0=self.clock)

    def empty(self) -> tuple[int, int]:
        """A tile that stays empty."""
        column, row = self.tile()
        for part, number in SITES:
            for kind, site in (("TRELLIS_COMB", "K"), ("TRELLIS_FF", "FF")):
                place = f"X{column}/Y{row}/{part}.{site}{number}"
                self.add(kind, place, name=f"$empty{place}")
        return column, row


def design(seed: int = 1, tiles: int = 60) -> Made:
    """One with everything in it."""
    made = Made(seed)
    made.block("DP16KD", 6)
    made.block("MULT18X18D", 3)
    made.logic(tiles)
    for length in (1, 2, 3):
        made.chain(length)
    made.ram()
    made.empty()
    return made


def places(cells: dict) -> dict[str, str]:
    """{cell: its place}."""
    return {name: cell["attributes"]["NEXTPNR_BEL"] for name, cell in cells.items()}


def check_legal(cells: dict) -> None:
    """Asserts the rules of nextpnr's ``slices_compatible`` that apply, and that what must lie together does."""
    where = {
        name: re.fullmatch(r"X(\d+)/Y(\d+)/(.+)", place).groups()
        for name, place in places(cells).items()
    }
    assert len(set(where.values())) == len(where)
    blocks = {(kind, str(column), str(row), site) for kind, column, row, site in GRID.block_sites()}
    tiles = defaultdict(list)
    drivers = {
        bits[0]: name
        for name, cell in cells.items()
        for pin, bits in cell["connections"].items()
        if bits and cell["port_directions"][pin] == "output"
    }
    for name, cell in cells.items():
        column, row, site = where[name]
        kind = cell["type"]
        if kind in ("DP16KD", "MULT18X18D"):
            assert (kind, column, row, site) in blocks
        elif kind.startswith("TRELLIS"):
            assert int(column) in GRID.columns() and int(row) in GRID.rows()
            assert re.fullmatch({"TRELLIS_COMB": r"SLICE[A-D]\.K[01]", "TRELLIS_FF": r"SLICE[A-D]\.FF[01]"}.get(kind, r"SLICEC\.RAMW"), site)  # fmt: skip
            tiles[column, row].append((name, cell, site))
        for pin in ("DI", "FCI", "WD"):
            for bit in cell["connections"].get(pin, []):
                source = where[drivers[bit]]
                if pin == "DI":
                    assert source == (column, row, site.replace("FF", "K"))
                elif pin == "WD":
                    assert source[:2] == (column, row)
                else:
                    slot = [f"{part}.K{number}" for part, number in SITES].index(site)
                    number = 8 * int(column) + slot - 1
                    assert source == (str(number // 8), row, "{}.K{}".format(*SITES[number % 8]))
    for inside in tiles.values():
        flip_flops = [
            (cell["connections"], cell["parameters"], site)
            for _, cell, site in inside
            if cell["type"] == "TRELLIS_FF"
        ]
        assert len({(str(pins["CLK"]), str(pins["LSR"])) for pins, _, _ in flip_flops}) <= 1
        for part in "ABCD":
            slices = {
                (str(pins["CE"]), settings.get("CEMUX"))
                for pins, settings, site in flip_flops
                if f"SLICE{part}" in site
            }
            assert len(slices) <= 1
        empty = [name.startswith("$empty") for name, _, _ in inside]
        assert all(empty) or not any(empty)
        if any(cell["type"] == "TRELLIS_RAMW" for _, cell, _ in inside):
            modes = {
                site: cell["parameters"].get("MODE")
                for _, cell, site in inside
                if cell["type"] == "TRELLIS_COMB"
            }
            wanted = {
                f"{part}.K{number}": "RAMW_BLOCK" if part == "SLICEC" else "DPRAM"
                for part, number in SITES[:6]
            }
            assert modes == wanted
