"""nextpnr's timing report: the clock reached, and the path that limits it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from volley.fpga.errors import BuildError

REPORT = "timing.json"
HOPS = 6  # of the critical path are shown, the slowest ones
NAME_LENGTH = 80
SAFE = 0.999  # of the clock reached is named as one that passes


@dataclasses.dataclass(frozen=True)
class Timing:
    """clock: the net's name. reached_mhz, wanted_mhz: Fmax and the constraint.

    path: the critical path, (delay in ns, kind, from, to) of each hop.
    """

    clock: str
    reached_mhz: float
    wanted_mhz: float
    path: list[tuple[float, str, str, str]]


def read(folder: Path) -> Timing:
    """The slowest clock against its constraint; raises ``BuildError`` on a report without one."""
    path = Path(folder) / REPORT
    try:
        report = json.loads(path.read_text())
        clock, entry = min(
            report["fmax"].items(), key=lambda item: item[1]["achieved"] / item[1]["constraint"]
        )
        return Timing(clock, entry["achieved"], entry["constraint"], critical_path(report, clock))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path}: not a timing report of nextpnr: {error}") from None


def critical_path(report: dict, clock: str) -> list[tuple[float, str, str, str]]:
    """The hops of the critical path inside a clock, empty if the report has none."""
    for entry in report.get("critical_paths", []):
        if clock in entry["from"] and clock in entry["to"]:
            return [
                (hop["delay"], hop["type"], cell_of(hop["from"]), cell_of(hop["to"]))
                for hop in entry["path"]
            ]
    return []


def cell_of(end: dict) -> str:
    """A port of a cell, e.g. "core.window.x.Q"; Yosys' names of chains of cells are cut."""
    cell = end["cell"]
    return f"{cell if len(cell) <= NAME_LENGTH else cell[:NAME_LENGTH] + '..'}.{end['port']}"


def check(timing: Timing, wanted_mhz: float, goal_mhz: float) -> None:
    """Raises ``BuildError`` with the path unless the clock of ``wanted_mhz`` passes.

    goal_mhz: the constraint that nextpnr was given.
    """
    if timing.wanted_mhz < goal_mhz * SAFE:
        raise BuildError(
            f"nextpnr checked {timing.clock} at {timing.wanted_mhz:.2f} MHz, "
            f"not at the {goal_mhz:.2f} MHz of the board: the constraint did not arrive"
        )
    if timing.reached_mhz >= wanted_mhz:
        return
    total = sum(hop[0] for hop in timing.path)
    lines = [
        f"timing is not met: {timing.clock} reaches {timing.reached_mhz:.2f} MHz of "
        f"{wanted_mhz:.2f} MHz; no bitstream is written"
    ]
    if timing.path:
        lines.append(f"the critical path takes {total:.2f} ns:")
        lines.append(f"    from {timing.path[0][2]}")
        lines.append(f"    to   {timing.path[-1][3]}")
        slowest = sorted(timing.path, key=lambda hop: -hop[0])[:HOPS]
        lines.append(f"its slowest hops, of {len(timing.path)}:")
        lines += [f"    {hop[0]:6.2f} ns  {hop[1]:9} to {hop[3]}" for hop in slowest]
    lines.append(f"a clock that passes: --set clock={timing.reached_mhz * SAFE:.1f}")
    raise BuildError("\n".join(lines), code=5)
