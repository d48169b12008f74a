"""The clock of a routed ECP5 design, set in nextpnr's output and not in the netlist.

A netlist for another clock is another netlist, placed and routed into something else: what one design reached
says little of the same design at the clock that it reached. So the netlist of a board with ``goal_hz`` has a PLL
for that goal, and LUTs without inputs where hardware and host are told the clock (``late_clock``). Once
the design is routed, the PLL's dividers and the LUTs' contents are written into the textual configuration that
ecppack takes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from volley.firmware.files import write_whole
from volley.fpga.errors import BuildError
from volley.fpga.target import late_clock
from volley.fpga.target.target import Target
from volley.fpga.target.top import TOP, ehxplll_dividers

PLACED = "placed.json"  # nextpnr's netlist with the place of every cell; large, and goes
SITES = "late.json"  # {LUT: place}
SITE = re.compile(r"X(\d+)/Y(\d+)/(SLICE[A-D]\.K[01])")
LUT_BITS = 16


def note_sites(folder: Path) -> None:
    """Keeps where nextpnr has put the LUTs, if it has run; raises ``BuildError``."""
    path = folder / PLACED
    if not path.is_file():
        return
    try:
        write_sites(folder, json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path}: does not say where cells are: {error!r}") from None
    path.unlink()


def write_sites(folder: Path, netlist: dict) -> None:
    """Keeps where the LUTs of a placed netlist are; raises ``KeyError``."""
    cells = netlist["modules"][TOP]["cells"]
    sites = {
        name: cells[name]["attributes"]["NEXTPNR_BEL"]
        for port, bits in late_clock.BITS.items()
        for name in (late_clock.cell(port, bit) for bit in range(bits))
    }
    write_whole(folder / SITES, json.dumps(sites, indent=1))


def set_clock(target: Target, path: Path) -> None:
    """Writes the target's clock into the configuration ``path``, whichever it had; raises ``BuildError``."""
    try:
        sites = json.loads((path.parent / SITES).read_text())
        write_whole(path, with_clock(path.read_text(), target, sites))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path}: the clock cannot be set ({error}); build with --clean") from None


def with_clock(text: str, target: Target, sites: dict[str, str]) -> str:
    """The textual configuration with a target's PLL and constants; ValueError, KeyError where it has no place
    for one of them."""
    assert target.pll is not None
    words: dict[tuple[str, str], str] = {}  # (header of the tiles, word): its bits
    for port, value in late_clock.values(target.board).items():
        for place in range(late_clock.BITS[port]):
            at = SITE.fullmatch(sites[late_clock.cell(port, place)])
            if at is None:
                raise ValueError(
                    f"{late_clock.cell(port, place)} is at {sites[late_clock.cell(port, place)]}"
                )
            tile = f".tile R{at[2]}C{at[1]}:PLC2"
            words[tile, f"{at[3]}.INIT"] = str(value >> place & 1) * LUT_BITS
    lines = text.split("\n")
    group = pll_group(lines)
    for name, number in ehxplll_dividers(target.pll).items():
        words[group, name] = f"{number - name.endswith('_DIV'):07b}"
    header = ""
    for number, line in enumerate(lines):
        if line.startswith("."):
            header = line
        elif line.startswith("word: "):
            _, name, before = line.split(" ")
            bits = words.pop((header, name), None)
            if bits is not None:
                if len(bits) != len(before):
                    raise ValueError(f"{name} has {len(before)} bits and not {len(bits)}")
                lines[number] = f"word: {name} {bits}"
    if words:
        header, name = next(iter(words))
        raise ValueError(f"there is no word {name} in {header!r}")
    return "\n".join(lines)


def pll_group(lines: list[str]) -> str:
    """The header of the tiles of the one PLL in use; raises ``ValueError``."""
    found, header = set(), ""
    for line in lines:
        if line.startswith("."):
            header = line
        elif line.startswith("word: CLKOP_DIV "):
            found.add(header)
    if len(found) != 1:
        raise ValueError(f"there are {len(found)} PLLs in use and not one")
    return found.pop()
