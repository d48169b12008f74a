"""What a netlist takes of a device, counted in the device's own units, and whether it fits."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

from volley.fpga.errors import BuildError
from volley.fpga.target.top import STAT

HALF = Fraction(1, 2)

# {family: {resource: ((pattern of a cell's type, units of one), ...)}}
UNITS = {
    "ecp5": {
        # distributed RAM: four LUTs of data and the two of a slice that writes them
        "lut": ((r"LUT4", 1), (r"CCU2C", 2), (r"TRELLIS_DPR16X4", 6)),
        "ff": ((r"TRELLIS_FF", 1),),
        "bram": ((r"DP16KD|PDPW16KD", 1),),
        "dsp": ((r"MULT18X18D", 1), (r"MULT9X9D", HALF)),
    },
    "gowin": {
        "lut": ((r"LUT[1-4]", 1), (r"ALU", 1), (r"RAM16S(DP)?[124]|RAM16SDP4", 6)),
        "ff": ((r"DFF\w*", 1),),
        "bram": ((r"(SDPX9|SDP|DPX9|DP|SPX9|SP|pROMX9|pROM)B?", 1),),
        "dsp": ((r"MULT9X9", HALF), (r"MULT18X18|MULTADDALU18X18", 1), (r"MULT36X36", 4)),
    },
    "xc7": {
        "lut": (
            (r"LUT[1-6]|INV|SRL\w+", 1), (r"RAM(32|64)X1S|ROM64X1", 1), (r"RAM(32|64)X1D", 2),
            (r"RAM(32|64)M", 4), (r"RAM128X1D", 4),
        ),
        "ff": ((r"FD[CPRS]E\w*", 1),),
        "bram": ((r"RAMB36E1", 1), (r"RAMB18E1", HALF)),
        "dsp": ((r"DSP48E1", 1),),
    },
}  # fmt: skip
NAMES = {"lut": "LUT", "ff": "FF", "bram": "BRAM", "dsp": "DSP"}


def read_cells(folder: Path) -> dict[str, int]:
    """{type: number} of the cells of a build's netlist; raises ``BuildError`` if unreadable."""
    path = Path(folder) / STAT
    try:
        return json.loads(path.read_text())["design"]["num_cells_by_type"]
    except (OSError, ValueError, KeyError) as error:
        raise BuildError(f"{path}: not a statistic of Yosys: {error}") from None


def count(cells: dict[str, int], family: str) -> dict[str, int]:
    """{"lut": .., "ff": .., "bram": .., "dsp": ..} that cells take of a device of that family."""
    used = {}
    for resource, units in UNITS[family].items():
        total = sum(
            number * each
            for kind, number in cells.items()
            for pattern, each in units
            if re.fullmatch(pattern, kind)
        )
        used[resource] = -int(-total // 1)
    return used


def describe(used: dict[str, int], capacity: dict[str, int]) -> str:
    """One line, e.g. "LUT 1234 of 83640 (1 %), FF ...": used and there."""
    return ", ".join(
        f"{NAMES[name]} {used[name]} of {capacity[name]} ({used[name] / capacity[name]:.0%})"
        for name in used
    )


def check(used: dict[str, int], capacity: dict[str, int], part: str) -> None:
    """Raises ``BuildError`` that says what is over and by how much."""
    over = [name for name in used if used[name] > capacity[name]]
    if over:
        parts = [
            f"{NAMES[name]} {used[name]} of {capacity[name]} ({used[name] - capacity[name]} over)"
            for name in over
        ]
        raise BuildError(
            f"the design does not fit {part}: {', '.join(parts)}; "
            "take smaller parameters, e.g. --set co=.. (LUT, FF) or weight_words=.. (BRAM)",
            code=4,
        )
