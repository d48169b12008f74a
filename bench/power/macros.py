"""Energy of memories as SRAM macros, by the macros whose Liberty files are known."""

from __future__ import annotations

import math

from bench.power.liberty import Library

MACROS = {256: (50.0, 64.0), 512: (69.0, 80.0), 1024: (92.0, 111.0), 2048: (122.0, 155.0)}
"""Words: picojoules of a read and of a write of 64 bits. IHP-Open-PDK, RM_IHPSG13_1P, typical, 1.2 V."""
MACRO_BITS, MACRO_VOLTS, MACRO_NODE = 64, 1.2, 0.13
NODES = {"sg13g2": 0.13, "osu018": 0.18, "osu035": 0.35, "sky130": 0.13}
"""Library: gate length in micrometres, where the name says it."""


def node_of(library: Library) -> float:
    """Micrometres of a library's process; the macros' own where the name is not known."""
    return next((um for name, um in NODES.items() if name in library.name), MACRO_NODE)


def scale(library: Library) -> float:
    """What energies of the macros are multiplied with: capacitance with the node, and volts squared."""
    return node_of(library) / MACRO_NODE * (library.volts / MACRO_VOLTS) ** 2


def macro_energy(words: int, write: bool) -> float:
    """Joules of an access of 64 bits of a macro that holds so many words.

    Between two macros the larger; beyond both ends a power law through the two at that end.
    """
    depths, index = sorted(MACROS), int(write)
    for depth in depths:
        if depths[0] <= words <= depth:
            return MACROS[depth][index] * 1e-12
    one, two = (depths[0], depths[1]) if words < depths[0] else (depths[-2], depths[-1])
    exponent = math.log(MACROS[two][index] / MACROS[one][index]) / math.log(two / one)
    near = one if words < depths[0] else two
    return MACROS[near][index] * (words / near) ** exponent * 1e-12


def access_energy(
    words: int, bits: int, write: bool, library: Library, small: bool = False
) -> float:
    """Joules of an access of ``bits`` bits: as many macros side by side, the last by its share.

    small: of many words in macros of few each, of which an access is of one; a macro that is not accessed takes
    nothing by its Liberty file. What chooses between them is not in it.
    """
    words = min(words, min(MACROS)) if small else words
    return macro_energy(words, write) * bits / MACRO_BITS * scale(library)
