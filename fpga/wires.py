"""Whether a design can be routed, by a limit fitted to runs of ``fpga/cost_runs.csv`` that were.

Wire is arcs, driver to load, times their length. Arcs are a sum as LUTs are; their mean length grows
with the input channels, which widen every word from the spike memory on. What counts is wire for
each LUT of the device.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from volley.firmware.design import Design
from volley.fpga.cost_model import Run, features, least_squares

# (input channels, thousands of wirelength, thousands of arcs) of two designs of as many processing
# elements on an LFE5U-85F, after nextpnr's static placer
PLACED = ((16, 520, 143.9), (32, 653, 138.5))
GROWTH = math.log2((PLACED[1][1] / PLACED[1][2]) / (PLACED[0][1] / PLACED[0][2]))
"""A wire is 2 ** GROWTH times as long with twice the input channels."""


@dataclasses.dataclass(frozen=True)
class Wires:
    """The limit of a family, in wire for each LUT of the device.

    weights: arcs of each feature, None without runs that count them. routed: the largest of the
    designs that were routed, failed: the smallest of those that were not; None without such.
    errors: relative errors of the arcs of each run, predicted from all others. wrong: names of
    routed or failed runs on the wrong side of the limit.
    """

    weights: np.ndarray | None
    routed: float | None
    failed: float | None
    errors: tuple[float, ...] = ()
    wrong: int = 0

    @property
    def limit(self) -> float | None:
        """The most that is recommended: what was routed; None where nothing is known to fail."""
        return None if self.failed is None else self.routed

    def density(self, design: Design, luts: int) -> float | None:
        """Wire of a design for each LUT of a device of ``luts``; None if not known."""
        return None if self.weights is None else density(self.weights, design, luts)

    def over(self, design: Design, luts: int) -> bool:
        """Whether a design is beyond the limit."""
        value = self.density(design, luts)
        return value is not None and self.limit is not None and value > self.limit

    def proven(self, design: Design, luts: int) -> bool:
        """Whether a design with as much wire was routed."""
        value = self.density(design, luts)
        return value is not None and self.routed is not None and value <= self.routed


def density(weights: np.ndarray, design: Design, luts: int) -> float:
    """Arcs, each as long as the input channels make it (1 at 16), for each LUT."""
    return float(np.dot(weights, features(design))) * (design.ci / 16) ** GROWTH / luts


def fit(runs: list[Run], family: str) -> Wires:
    """The limit of a family: between the runs that were routed and those that were not.

    With runs on the wrong side, that of the fewest; at equal numbers the lower one.
    """
    runs = [run for run in runs if run.family == family]
    counted = [run for run in runs if run.arcs]
    if len(counted) < 2:
        return Wires(None, None, None)
    weights = arc_weights(counted)
    errors = []
    for left in counted:
        others = [run for run in counted if run is not left]
        errors.append(
            float(np.dot(arc_weights(others), features(left.design))) / (left.arcs or 1) - 1
        )
    tried = [
        (density(weights, run.design, run.device_lut), run.routed)
        for run in runs
        if run.routed != "unknown" and run.device_lut
    ]
    good = [value for value, routed in tried if routed == "yes"]
    bad = [value for value, routed in tried if routed == "no"]
    if not good or not bad:
        return Wires(weights, max(good, default=None), min(bad, default=None), tuple(errors))

    def wrong(limit):
        return sum(value > limit for value in good) + sum(value <= limit for value in bad)

    limit = min(sorted(good), key=wrong)
    failed = min((value for value in bad if value > limit), default=None)
    return Wires(weights, limit, failed, tuple(errors), wrong(limit))


def arc_weights(runs: list[Run]) -> np.ndarray:
    """Arcs of each feature, not negative."""
    rows = np.array([features(run.design) for run in runs], float)
    return least_squares(rows, np.array([run.arcs for run in runs], float))


def describe(wires: Wires, family: str) -> list[str]:
    """What is known of a family's wires, and how well."""
    if wires.weights is None:
        return [
            f"  wires  no run of {family} counts its arcs: whether a design routes is not known"
        ]
    sizes = [abs(error) for error in wires.errors]
    lines = [
        f"  arcs   mean {sum(sizes) / len(sizes):5.1%}, largest {max(sizes):5.1%}, "
        f"of {len(sizes)} runs"
    ]
    if wires.limit is None:
        known = "none" if wires.routed is None else f"up to {wires.routed:.2f}"
        lines.append(
            f"  wires  for each LUT of the device: routed {known}, no run failed: no limit"
        )
    elif wires.failed is None:
        lines.append(f"  wires  for each LUT of the device: limit {wires.limit:.2f}")
    else:
        lines.append(
            f"  wires  for each LUT of the device: {wires.routed:.2f} was routed, "
            f"{wires.failed:.2f} was not; the limit is {wires.limit:.2f}, "
            f"{wires.failed / wires.limit - 1:.1%} below what failed"
        )
    if wires.wrong:
        lines.append(f"  wires  {wires.wrong} runs are on the wrong side of the limit")
    return lines
