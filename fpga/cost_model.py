"""What a design takes of a device, by a model fitted to synthesis runs: ``fpga/cost_runs.csv``.

LUTs, flip-flops and multipliers are sums of what is there once, per input channel, per output channel
and per processing element; block RAMs are counted from the shapes of the memories.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path

import numpy as np

from volley.firmware import frames, isa
from volley.firmware.design import Design
from volley.firmware.files import PACKAGE
from volley.rtl.memory.ram import remainder

RUNS = PACKAGE / "fpga" / "cost_runs.csv"
FITTED = ("lut", "ff", "dsp")
PARAMETERS = [field.name for field in dataclasses.fields(Design)]
USED = {name: f"used_{name}" for name in (*FITTED, "bram")}
ROUTED = ("yes", "no", "unknown")
COLUMNS = ["family", *PARAMETERS, *USED.values(), "arcs", "routed", "device_lut"]
WANTED = ["family", "ci", "co", *USED.values()]
"""Columns that a file has to have; a parameter that is newer than it has its default."""

MINIMUM_RUNS = 5
RINGS = 2

# {family: (((words, bits) of a block RAM, ...), units of one, bits up to which LUTs are a memory)}
BLOCKS = {
    "ecp5": (((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 1, 1024),
    "gowin": (((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 1, 1024),
    "xc7": (((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 0.5, 2048),
}


# {family: (words, bits, LUTs) of a LUT RAM}
LUT_RAM = {"ecp5": (16, 4, 6), "gowin": (16, 4, 6), "xc7": (64, 3, 4)}


class CostError(ValueError):
    """The runs do not give a model; the text says what is wrong with the file."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One synthesis run: used[resource] for "lut", "ff", "dsp" and "bram".

    arcs: connections of its netlist, None if not counted, see ``fpga.flows.arcs``. routed: one of
    ROUTED; device_lut: LUTs of the device that it was to be routed in, None where routed is unknown.
    """

    family: str
    design: Design
    used: dict[str, float]
    arcs: int | None = None
    routed: str = "unknown"
    device_lut: int | None = None


def read_runs(path: Path = RUNS) -> list[Run]:
    """The runs of a CSV file; raises ``CostError`` that names the line, or ``OSError``."""
    runs = []
    with open(path, newline="") as source:
        reader = csv.DictReader(source)
        names = reader.fieldnames or []
        missing = [name for name in WANTED if name not in names]
        if missing:
            raise CostError(f"{path}: no column {missing[0]!r}; wanted are {', '.join(WANTED)}")
        given = [name for name in PARAMETERS if name in names]
        for row in reader:
            try:
                design = Design(**{name: int(row[name]) for name in given})
                used = {name: float(row[column]) for name, column in USED.items()}
                arcs, there = (int(row.get(name) or 0) or None for name in ("arcs", "device_lut"))
            except (TypeError, ValueError) as error:
                raise CostError(f"{path}, line {reader.line_num}: {error}") from None
            routed = row.get("routed") or "unknown"
            if routed not in ROUTED or (routed != "unknown" and there is None):
                raise CostError(
                    f"{path}, line {reader.line_num}: routed is {routed!r}, allowed is "
                    f"{', '.join(ROUTED)}; with yes and no device_lut is wanted"
                )
            runs.append(Run(row["family"], design, used, arcs, routed, there))
    return runs


def features(design: Design) -> list[float]:
    """What the costs are linear in: 1, input channels, output channels, their product."""
    return [1, design.ci, design.co, design.ci * design.co]


@dataclasses.dataclass(frozen=True)
class Model:
    """weights[resource]: the cost of each feature, not negative."""

    family: str
    weights: dict[str, np.ndarray]

    def predict(self, design: Design) -> dict[str, float]:
        """{"lut": .., "ff": .., "dsp": .., "bram": ..} that a design takes."""
        used = {
            name: float(np.dot(weights, features(design))) for name, weights in self.weights.items()
        }
        used["lut"] += lut_rams(design, self.family)
        return {**used, "bram": block_rams(design, self.family)}


def fit(runs: list[Run], family: str) -> Model:
    """Least relative squares over the runs of a family; raises ``CostError`` if they are too few."""
    runs = [run for run in runs if run.family == family]
    if len(runs) < MINIMUM_RUNS:
        raise CostError(
            f"{len(runs)} synthesis runs of {family}, at least {MINIMUM_RUNS} are wanted: "
            "python fpga/explore.py --board NAME --measure"
        )
    return Model(family, {name: fit_one(runs, name) for name in FITTED})


def fit_one(runs: list[Run], resource: str) -> np.ndarray:
    """The weights of one resource."""
    rows = np.array([features(run.design) for run in runs], float)
    rest = [lut_rams(run.design, run.family) if resource == "lut" else 0 for run in runs]
    return least_squares(rows, np.array([run.used[resource] for run in runs]) - rest)


def least_squares(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Weights of the columns of ``rows``, shape (runs, columns), that make ``wanted``, shape (runs,).

    The relative errors are least. Columns whose weight would be negative are left out.
    """
    scale = 1 / np.maximum(wanted, 1)
    kept = list(range(rows.shape[1]))
    while True:
        found, *_ = np.linalg.lstsq(rows[:, kept] * scale[:, None], wanted * scale, rcond=None)
        if len(kept) == 1 or found.min() >= 0:
            break
        del kept[int(found.argmin())]
    weights = np.zeros(rows.shape[1])
    weights[kept] = np.maximum(found, 0)
    return weights


def left_out_errors(runs: list[Run], family: str) -> dict[str, list[float]]:
    """{resource: relative error of each run, predicted by a model of all others}."""
    runs = [run for run in runs if run.family == family]
    errors: dict[str, list[float]] = {name: [] for name in USED}
    for number, run in enumerate(runs):
        others = runs[:number] + runs[number + 1 :]
        predicted = Model(family, {name: fit_one(others, name) for name in FITTED}).predict(
            run.design
        )
        for name, each in errors.items():
            each.append(predicted[name] / max(run.used[name], 1) - 1)
    return errors


def memories(design: Design) -> list[tuple[int, int, int]]:
    """(how many, words, bits) of the memories that may be block RAM."""
    weight_bits = min(32, design.ci * design.co)
    rest = remainder(design.weight_words, weight_bits)
    rows = []
    if design.reach and not design.gate:  # read in two steps, as a block RAM is
        rows = [(design.neurons, design.row_max << design.share, isa.MEMBRANE_BITS)]
        if not design.pack:
            words = design.row_max // 2 * isa.MAX_PASSES << design.share
            rows.append((1, words, isa.LANES * design.neurons))
    return [
        *rows,
        (isa.TAPS * design.weight_columns, design.weight_words - rest, weight_bits),
        (isa.BANKS * design.ci // design.neurons, design.spike_words, isa.LANES * design.neurons),
        *((design.neurons, design.neuron_words, bits) for bits in isa.PARAM_BITS.values()),
        (1, design.program_words, 32),
        (1, design.layers * isa.DESCRIPTOR_WORDS, 32),
        (design.neurons, math.ceil(design.scores / design.co) << design.share, isa.SCORE_BITS),
        # frames that arrive and answers under way
        (RINGS, frames.MAX_BYTES, 8),
    ]


def lut_rams(design: Design, family: str) -> int:
    """LUTs of the weight memory's words beyond whole block RAMs, which are in LUT RAM."""
    words, bits, luts = LUT_RAM[family]
    width = min(32, design.ci * design.co)
    rest = remainder(design.weight_words, width)
    each = math.ceil(rest / words) * math.ceil(width / bits) * luts
    return isa.TAPS * design.weight_columns * each


def block_rams(design: Design, family: str) -> float:
    """Block RAMs of a design: each memory in the shape that takes the fewest."""
    shapes, unit, few_bits = BLOCKS[family]
    total = 0
    for count, words, bits in memories(design):
        if words * bits > few_bits:
            fewest = min(math.ceil(words / deep) * math.ceil(bits / wide) for deep, wide in shapes)
            total += count * fewest
    return math.ceil(total * unit)
