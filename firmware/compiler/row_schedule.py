"""Fusion as scheduling: in which order a chain of layers computes its rows.

The maps between the layers of a chain are rings of a few rows. ``interleave`` gives the order in
which every row is computed before it is needed and kept until it is no longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from volley.firmware.isa import BANKS


@dataclass(frozen=True)
class Stage:
    """One layer of a chain, or the host at one of its ends.

    rows: that it computes, before pooling. halo: rows that it needs above and below a row. pool: rows
    that become one. unit: it computes a multiple of so many rows at a time, except at the end.
    left_out: rows of its input below them, which pooling of an odd height leaves out.
    """

    rows: int
    halo: int = 0
    pool: int = 1
    unit: int = 1
    left_out: int = 0

    @property
    def needs(self) -> int:
        """Rows of its input."""
        return self.rows + self.left_out


class Step(NamedTuple):
    """Rows ``row .. row + rows - 1`` of stage ``stage``, counted before pooling."""

    stage: int
    row: int
    rows: int


def layer_stage(layer) -> Stage:
    """The stage of a firmware.modelfile.Layer; a dense one needs its whole input at once."""
    rows = layer.in_shape[1]
    if layer.kind == "dense":
        return Stage(rows, unit=rows)
    kept = layer.map_shape[1]
    return Stage(
        kept, halo=layer.kernel // 2, pool=layer.pool, unit=layer.pool, left_out=rows - kept
    )


def whole_ring(rows: int) -> int:
    """Rows of a ring that holds a map of so many rows."""
    return math.ceil(rows / BANKS) * BANKS


@lru_cache(maxsize=1 << 14)
def interleave(
    stages: tuple[Stage, ...], rings: tuple[int, ...]
) -> tuple[tuple[Step, ...], ...] | None:
    """The steps of a chain, one list for each sweep from its first stage to its last.

    rings: rows kept of the map between stage k and stage k + 1. In every sweep each stage computes
    as many rows as the rows before it and the room behind it allow. None where the rings are too
    small for the stages to go on.
    """
    done = [0] * len(stages)
    sweeps = []
    while done != [stage.rows for stage in stages]:
        steps = []
        for k, stage in enumerate(stages):
            limit = stage.rows
            if k > 0:
                made = done[k - 1] // stages[k - 1].pool
                if made < stage.needs:
                    limit = min(limit, made - stage.halo)
            if k + 1 < len(stages):
                behind = stages[k + 1]
                kept_from = max(0, done[k + 1] - behind.halo)
                if done[k + 1] == behind.rows:
                    kept_from = behind.needs
                limit = min(limit, (rings[k] + kept_from) * stage.pool)
            if limit < stage.rows:
                limit -= limit % stage.unit
            if limit > done[k]:
                steps.append(Step(k, done[k], limit - done[k]))
                done[k] = limit
        if not steps:
            return None
        sweeps.append(tuple(steps))
    return tuple(sweeps)


@lru_cache(maxsize=1 << 14)
def steps_of_stages(stages: tuple[Stage, ...], rings: tuple[int, ...]) -> tuple[int, ...]:
    """How many steps each stage takes in ``interleave``, which must not be None."""
    sweeps = interleave(stages, rings)
    assert sweeps is not None, "rings that are large enough"
    counts = [0] * len(stages)
    for sweep in sweeps:
        for step in sweep:
            counts[step.stage] += 1
    return tuple(counts)


@lru_cache(maxsize=1 << 14)
def least_rings(stages: tuple[Stage, ...]) -> tuple[int, ...]:
    """The smallest rings with which a chain goes on, in rows."""
    whole = [whole_ring(stage.rows // stage.pool) for stage in stages[:-1]]
    size = BANKS
    while interleave(stages, tuple(min(size, most) for most in whole)) is None:
        size += BANKS
    rings = tuple(min(size, most) for most in whole)
    for k in range(len(rings)):
        while rings[k] > BANKS:
            less = rings[:k] + (rings[k] - BANKS,) + rings[k + 1 :]
            if interleave(stages, less) is None:
                break
            rings = less
    return rings
