"""Divider settings of a device's PLL, from the board's oscillator to the accelerator's clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction

TOLERANCE = Fraction(5, 1000)  # of the wanted clock


class PllError(ValueError):
    """No legal setting makes the clock; the text names the nearest that there is."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """Legal ranges of a PLL, frequencies in MHz.

    output_in_loop: the output divider stands inside the feedback loop: the output is the input
    times ``multiply`` / ``divide``, and the oscillator inside ``output`` times that. Otherwise the
    oscillator is the input times ``multiply`` / ``divide``, and ``output`` divides it.
    """

    multiply: range
    divide: range
    output: tuple[int, ...]
    compare_mhz: tuple[float, float]  # at the phase detector
    vco_mhz: tuple[float, float]
    out_mhz: tuple[float, float]
    output_in_loop: bool


@dataclasses.dataclass(frozen=True)
class Setting:
    """hz: the exact output. divide, multiply, output: the dividers themselves, not their codes."""

    hz: Fraction
    vco_hz: Fraction
    divide: int
    multiply: int
    output: int


LIMITS = {
    # Lattice FPGA-DS-02012, sysCLOCK PLL timing; ``multiply`` is the divider of CLKOP, the feedback
    "trellis": Limits(
        range(1, 129), range(1, 129), tuple(range(1, 129)), (10, 400), (400, 800), (3.125, 400),
        False,
    ),
    # Gowin DS226, rPLL of speed grade C8/I7
    "apicula": Limits(
        range(1, 65), range(1, 65), (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128),
        (3, 500), (500, 1250), (3.90625, 625), True,
    ),
    # AMD DS181, PLLE2 of speed grade -1
    "vivado": Limits(
        range(2, 65), range(1, 57), tuple(range(1, 129)), (19, 450), (800, 1600), (6.25, 800), False
    ),
}  # fmt: skip


def settings(limits: Limits, in_hz: int, out_hz: int) -> Iterator[Setting]:
    """The legal settings for an input of ``in_hz`` that come nearest to ``out_hz``."""

    def within(hz, bounds):
        return bounds[0] <= hz / 1e6 <= bounds[1]

    for divide in limits.divide:
        if not within(in_hz / divide, limits.compare_mhz):
            continue
        for multiply in limits.multiply:
            product = in_hz * multiply / divide
            if limits.output_in_loop:
                outputs = limits.output if within(product, limits.out_mhz) else ()
            elif within(product, limits.vco_mhz):
                least = int(product / out_hz)
                outputs = tuple(each for each in (least, least + 1) if each in limits.output)
            else:
                outputs = ()
            exact = Fraction(in_hz * multiply, divide)
            for output in outputs:
                hz, vco = exact, exact * output
                if not limits.output_in_loop:
                    hz, vco = exact / output, exact
                if within(vco, limits.vco_mhz) and within(hz, limits.out_mhz):
                    yield Setting(hz, vco, divide, multiply, output)


def find(flow: str, in_hz: int, out_hz: int, always: bool = False) -> Setting | None:
    """The setting nearest to ``out_hz``, None where the input itself is that clock, unless ``always``.

    Of equals it is the one with the fastest phase detector, then the fastest oscillator inside:
    the least jitter. Raises ``PllError``.
    """
    if in_hz == out_hz and not always:
        return None
    best = min(
        settings(LIMITS[flow], in_hz, out_hz),
        key=lambda each: (abs(each.hz - out_hz), each.divide, -each.vco_hz),
        default=None,
    )
    if best is None or abs(best.hz - out_hz) > TOLERANCE * out_hz:
        low, high = LIMITS[flow].out_mhz
        nearest = f"the nearest is {float(best.hz) / 1e6:g} MHz" if best else "it has no setting"
        raise PllError(
            f"the PLL can not make {out_hz / 1e6:g} MHz from {in_hz / 1e6:g} MHz within "
            f"{float(TOLERANCE):.1%} ({nearest}); it makes {low:g} to {high:g} MHz"
        )
    return best
