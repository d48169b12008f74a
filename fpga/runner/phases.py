"""What a running tool does, read from the lines of its output."""

from __future__ import annotations

import re

YOSYS = re.compile(r"^(\d+(?:\.\d+)*)\. Executing (.+?)(?: pass| \(|\.$)")
NEXTPNR = re.compile(r"^Info: ((?:Packing|Promoting|Creating|Running|Routing|Constraining)[^:]*)")
PLACER = re.compile(r"^Info: +(?:at iteration #|iter=(?=\d+ steplen))(\d+)")
ROUTER = re.compile(r"^Info: +\d+ \|[^|]*\|[^|]*\| *(\d+)\|")


def yosys(line: str) -> str | None:
    """The pass, e.g. "2.34 ABC"."""
    found = YOSYS.match(line)
    return f"{found[1]} {found[2]}" if found else None


def nextpnr(line: str) -> str | None:
    """The stage of packing, placing or routing, with the router's arcs left."""
    if found := PLACER.match(line):
        return f"placing: iteration {found[1]}"
    if found := ROUTER.match(line):
        return f"routing: {found[1]} arcs left"
    found = NEXTPNR.match(line)
    return found[1].rstrip(".") if found else None
