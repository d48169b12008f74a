"""Watches nextpnr's router2: stops a run that will not come to its end, long before it gives up.

Each pass takes up wires that more than one net uses. Where a design fits, their number falls to
nothing; where it has too much wire, it flattens out at thousands, and passes go on for hours. With
``--tmg-ripup`` passes go on until no connection is too slow for the clock either, however many it takes.
"""

from __future__ import annotations

import re

from volley.fpga.errors import BuildError
from volley.fpga.runner import phases

PASS = re.compile(r"^Info: +iter=(\d+) wires=\d+ overused=(\d+)(?:.*\btmgfail=(\d+))?")
FIRST_JUDGED = 6  # pass
MANY = 4000  # overused wires: with fewer, a pass may well have more than the one before
LEAST_FALL = 0.05  # of the overused wires, from a pass to the next
PASSES_IN_VAIN = 80  # in which the clock does not come nearer


class RoutingWatch:
    """Call it with each line of nextpnr's output: what it does, as ``phases.nextpnr``.

    Raises ``BuildError`` with code 4 after a pass, from FIRST_JUDGED on, with over MANY overused wires
    that are not LEAST_FALL fewer than those of the pass before, and after PASSES_IN_VAIN in which there were
    never as few overused wires and slow connections as before.
    """

    def __init__(self):
        self.overused: list[int] = []
        self.least, self.least_pass = 0, 0

    def __call__(self, line: str) -> str | None:
        found = PASS.match(line)
        if not found:
            return phases.nextpnr(line)
        number, overused, slow = (int(each or 0) for each in found.groups())
        self.overused.append(overused)
        if not self.least_pass or overused + slow < self.least:
            self.least, self.least_pass = overused + slow, number
        elif slow and number - self.least_pass >= PASSES_IN_VAIN:
            raise BuildError(
                f"routing is stopped after pass {number}: {slow:,} connections are too slow for the clock and "
                f"{overused:,} wires are used more than once, no fewer together than after pass {self.least_pass}; "
                "ask for a lower clock_hz in the board file, try another --seed, or go on for as long as it "
                "takes with --patient",
                code=4,
            )
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
        late = f", {slow} connections too slow" if slow else ""
        return f"routing: pass {number}, {overused} wires overused{late}"
