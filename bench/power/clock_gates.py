"""Clock gates: the library's own cell, or a latch that is open while the clock is low, and an AND."""

from __future__ import annotations

import dataclasses
import itertools
import re

from bench.power.liberty import Cell, Library, Pin, expression

MADE = "clock_gate_of_latch_and_and"
"""The cell's name in the netlist where the library has none."""


@dataclasses.dataclass(frozen=True)
class ClockGate:
    """A cell and its pins; tied: inputs that are 0. Energies in joules, capacitances in farads, leakage in watts.

    clock: of the pin in the clock's tree. cycle: inside, each clock cycle; passed: more in one that it lets through.
    enable, toggle: of the enable's pin, and inside at a toggle of it.
    """

    cell: str
    enable_pin: str
    clock_pin: str
    output_pin: str
    tied: tuple[str, ...]
    clock: float
    cycle: float
    passed: float
    enable: float
    toggle: float
    leakage: float
    area: float


def mean(pin: Pin, related: str = "") -> float:
    """Joules inside the cell for a toggle of a pin, over its conditions."""
    found = [power.toggle for power in pin.power if not related or power.related == related]
    return sum(found) / len(found) if found else 0.0


def truth(cell: Cell) -> tuple[bool, ...] | None:
    """The outputs for all inputs, the first pin's slowest; None of a cell that is no gate of one output."""
    if cell.state or len(cell.outputs) != 1 or not cell.outputs[0].function:
        return None
    pins = [pin.name for pin in cell.inputs]
    if any(pin not in pins for pin in re.findall(r"[A-Za-z_]\w*", cell.outputs[0].function)):
        return None
    return tuple(
        bool(eval(expression(cell.outputs[0].function, dict(zip(pins, map(str, bits))))) & 1)
        for bits in itertools.product((0, -1), repeat=len(pins))
    )


def smallest(library: Library, *table: int) -> Cell | None:
    """The smallest cell with outputs ``table``, as ``truth``."""
    wanted = tuple(map(bool, table))
    found = [
        cell for cell in library.cells.values() if len(cell.inputs) < 3 and truth(cell) == wanted
    ]
    return min(found, key=lambda cell: cell.area, default=None)


def clock_gate(library: Library) -> ClockGate | None:
    """The library's clock gate for rising edges, or one made of other cells; None where both are missing."""
    own = [cell for cell in library.cells.values() if cell.gating]
    if own:
        cell = min(own, key=lambda cell: (len(cell.inputs), cell.area))
        gating = cell.gating
        clock, enable, output = (cell.pins[gating[name]] for name in ("clock", "enable", "output"))
        tied = tuple(
            pin.name for pin in cell.inputs if pin.name not in gating.values() and pin.capacitance
        )
        return ClockGate(
            cell.name, enable.name, clock.name, output.name, tied, clock.capacitance,
            2 * mean(clock), 2 * mean(output, clock.name), enable.capacitance, mean(enable),
            cell.leakage, cell.area,
        )  # fmt: skip
    return _made(library)


def _made(library: Library) -> ClockGate | None:
    """An inverter in front of a latch, and an AND."""
    latch = next((cell for cell in library.cells.values() if cell.latch), None)
    inverter, gate = smallest(library, 1, 0), smallest(library, 0, 0, 0, 1)
    if not latch or not inverter or not gate:
        return None
    data, clock = latch.pins[latch.latch["data"]], latch.pins[latch.latch["enable"]]
    (held,) = [pin for pin in latch.outputs if pin.function.strip("() ") == latch.state]
    half, gate_clock, gate_data = library.volts**2 / 2, *gate.inputs
    toggles = 2 * (mean(inverter.outputs[0]) + clock.capacitance * half + mean(clock))
    return ClockGate(
        MADE, "E", "CLK", "GCLK", (), inverter.inputs[0].capacitance + gate_clock.capacitance,
        toggles + 2 * mean(gate_clock), 2 * mean(gate.outputs[0]), data.capacitance,
        mean(data) + mean(held) + gate_data.capacitance * half + mean(gate_data),
        latch.leakage + inverter.leakage + gate.leakage, latch.area + inverter.area + gate.area,
    )  # fmt: skip
