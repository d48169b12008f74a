"""What a running tool does, read from the lines of its output."""

from __future__ import annotations

import re

YOSYS = re.compile(r"^(\d+(?:\.\d+)*)\. Executing (.+?)(?: pass| \(|\.$)")
NEXTPNR = re.compile(
    r"^Info: (?:(at iteration #\d+)|(Packing|Promoting|Creating initial|Running main|Placed|"
    r"Routing|Starting|Running \w+|Checksum|Constraining)[^:]*|\s+(\d+) \|.*\|\s*(\d+)\|)"
)


def yosys(line: str) -> str | None:
    """The pass, e.g. "2.34 ABC"."""
    found = YOSYS.match(line)
    return f"{found[1]} {found[2]}" if found else None


def nextpnr(line: str) -> str | None:
    """The stage of packing, placing or routing, with the router's arcs left."""
    found = NEXTPNR.match(line)
    if found is None:
        return None
    if found[3]:
        return f"routing: {found[4]} arcs left"
    return found[0].removeprefix("Info: ").strip()
