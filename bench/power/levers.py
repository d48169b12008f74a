"""What makes the core take less energy, at the same cycles and spikes: one lever after the other."""

from __future__ import annotations

from typing import NamedTuple

from bench.power import netlist, stillness


class Lever(NamedTuple):
    """name, and what it does."""

    name: str
    text: str


LEVERS = (
    Lever("clock gates", "at the enables that registers have in every build"),
    Lever(
        "gate=1",
        "the design's option: weights, parameters, psums and spikes are read where they are used, not in every cycle; "
        "enables where psums are complete",
    ),
    Lever("still", "clock gates of registers whose sources had no clock the cycle before"),
    Lever("same", "clock gates of what enters the array, where it is what is held already"),
    Lever("small macros", "memories in macros of 256 words, of which an access is of one"),
)
GATES, OPTION, STILL, SAME, SMALL = range(1, len(LEVERS) + 1)
"""The first N are applied where N is at least so many."""
VARIANTS = ("plain", "gated", "option")
"""Netlists: without levers, with clock gates, and with the option too."""


def variant(levers: int) -> str:
    """The netlist that so many levers start from."""
    return VARIANTS[min(levers, OPTION)]


def simulated(levers: int) -> int:
    """The levers that a simulation sees."""
    return min(levers, SAME)


def prepared(path, library, levers: int, ci: int) -> netlist.Netlist:
    """A netlist with so many levers."""
    net = netlist.read(path, library)
    if levers >= SAME:
        stillness.gate_same(net, library, ci)
    if levers >= STILL:
        stillness.gate_still(net, library)
    return net
