"""Watches nextpnr's router2: stops a run that will not come to its end, long before it gives up.

Each pass takes up wires that more than one net uses. Where a design fits, their number falls to
nothing; where it has too much wire, it flattens out at thousands, and passes go on for hours.
"""

from __future__ import annotations

import re

from volley.fpga.errors import BuildError
from volley.fpga.runner import phases

PASS = re.compile(r"^Info: +iter=(\d+) wires=\d+ overused=(\d+)")
FIRST_JUDGED = 6  # pass
MANY = 4000  # overused wires: with fewer, a pass may well have more than the one before
LEAST_FALL = 0.05  # of the overused wires, from a pass to the next


class RoutingWatch:
    """Call it with each line of nextpnr's output: what it does, as ``phases.nextpnr``.

    Raises ``BuildError`` with code 4 after a pass, from FIRST_JUDGED on, with over MANY overused wires
    that are not LEAST_FALL fewer than those of the pass before.
    """

    def __init__(self):
        self.overused: list[int] = []

    def __call__(self, line: str) -> str | None:
        found = PASS.match(line)
        if not found:
            return phases.nextpnr(line)
        number, overused = int(found[1]), int(found[2])
        self.overused.append(overused)
        if number >= FIRST_JUDGED and len(self.overused) > 1 and overused > MANY:
            fall = 1 - overused / self.overused[-2]
            if fall < LEAST_FALL:
                change = f"{abs(fall):.1%} {'fewer' if fall > 0 else 'more'}"
                raise BuildError(
                    f"routing is stopped after pass {number}: {overused:,} wires are used more than "
                    f"once, {change} than a pass before; the design has too much wire for this "
                    "device: take a smaller co or ci (--set co=..), try another --seed, or go on "
                    "for as long as it takes with --patient",
                    code=4,
                )
        return f"routing: pass {number}, {overused} wires overused"
