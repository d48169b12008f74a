"""The search of ``fpga/explore.py``: for every CI and CO the memories, and why it would not do."""

from __future__ import annotations

import dataclasses
import math

from volley.firmware.boards import Board, Rates
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import Throughput, throughput
from volley.firmware.design import Design
from volley.fpga.cost_model import Model
from volley.fpga.target import capacity
from volley.fpga.target.target import RESOURCES
from volley.fpga.wires import Wires

CHANNELS = (4, 8, 16, 32, 64)
DEEP = {"spike_words": 1 << 18, "weight_words": 1 << 18, "param_words": 1 << 16,
        "program_words": 1 << 14}  # fmt: skip
STEP = 32
"""Memory depths are a multiple of it."""

MODEL, WIRES = "model", "wires"


@dataclasses.dataclass(frozen=True)
class Point:
    """A design and what it would do.

    rates: images/s of core, link and both; None where the design does not hold the model. cycles: of
    a picture. used: of each resource. why: {a resource, "wires" or "model": what is over}. proven:
    whether a design with as much wire was routed.
    """

    design: Design
    rates: Throughput | None
    cycles: int
    used: dict[str, float]
    why: dict[str, str]
    proven: bool

    @property
    def fits(self) -> bool:
        """Whether nothing is over."""
        return not self.why

    @property
    def rank(self) -> tuple:
        """A key that sorts: what fits first, the fastest end to end, then of the core; the nearest.

        Of what does not fit the smallest comes first: it is nearest to the board.
        """
        if not self.fits or self.rates is None:
            return True, self.used["lut"], len(self.why)
        return False, -self.rates.end_to_end, -self.rates.core, self.used["lut"]


def holds(model, design: Design):
    """The program of a model that is on chip as a whole, None if the design is too small."""
    program = compiled(model, design)
    return None if program is None or program.segments else program


def compiled(model, design: Design, rates: Rates | None = None):
    """The program, which may stream weights and spikes; None where not even that does.

    rates: of the board, for the plan that is the fastest end to end.
    """
    try:
        return compile_model(model, design, explain=False, rates=rates)
    except FitError:
        return None


def words_of(program, name: str) -> int:
    """A depth for what a program takes of a memory."""
    least = {"param_words": 4}.get(name, 16)
    return max(least, math.ceil(program.report["on_chip"][name]["words"] / STEP) * STEP)


def even(design: Design) -> Design:
    """The weight memory as deep as a power of two: no multiplexers behind its block RAMs."""
    return dataclasses.replace(design, weight_words=1 << (design.weight_words - 1).bit_length())


class Search:
    """Looks for designs of one board. fill: the share of its LUTs and flip-flops to be used.

    settings: parameters that are not searched. status(text) is told what is looked at.
    """

    def __init__(self, board: Board, model, costs: Model, wires: Wires, fill: float,
                 settings: dict[str, int] | None = None, status=lambda text: None):  # fmt: skip
        self.board, self.model, self.costs, self.wires = board, model, costs, wires
        self.settings, self.status = settings or {}, status
        self.there = {name: board.data["device"][name] for name in RESOURCES}
        # block RAM and multipliers can be filled; logic needs room to be routed
        shares = {"lut": fill, "ff": fill, "bram": 1.0, "dsp": 1.0}
        self.allowed = {name: shares[name] * self.there[name] for name in RESOURCES}

    def run(self) -> list[Point]:
        """One point for every CI and CO: the best that fits, or the one that is nearest to it."""
        channels = [
            {"ci": ci, "co": co}
            for ci in CHANNELS
            for co in (1 << k for k in range(ci.bit_length()))
            if self.settings.get("ci", ci) == ci and self.settings.get("co", co) == co
        ]
        points = []
        for number, chosen in enumerate(channels):
            self.status(
                f"CI={chosen['ci']} CO={chosen['co']}, {number + 1} of {len(channels)} designs"
            )
            share = self.board.design.share if chosen["co"] > 1 else 0
            design = dataclasses.replace(self.board.design, share=share, **chosen)
            points.append(self.best(design))
        return sorted(points, key=lambda point: point.rank)

    def best(self, design: Design) -> Point:
        """The best memories for a design's channels."""
        lacking = {k: v for k, v in self.why(design).items() if k != "bram"}
        found = [] if lacking else [d for d in self.candidates(design) if not self.why(d)]
        if found:
            points = [
                self.point(each, compiled(self.model, each, self.board.rates)) for each in found
            ]
            return min(points, key=lambda point: point.rank)
        # no memories would help: the figures are those with as much as it likes
        deep = compiled(self.model, dataclasses.replace(design, **DEEP), self.board.rates)
        return self.point(design, deep, lacking or self.why(design))

    def candidates(self, design: Design) -> list[Design]:
        """The board's memories, with its channels and as many bits, and those for the whole model."""
        board = self.board.design
        words = board.weight_words * board.ci * board.co // (design.ci * design.co)
        bits = {"weight_words": words, "spike_words": board.spike_words * board.ci // design.ci,
                "param_words": board.param_words * board.co // design.co}  # fmt: skip
        least = {"weight_words": 16, "spike_words": 16, "param_words": 4}
        given = {name: value for name, value in self.settings.items() if name in DEEP}
        same = {name: max(least[name], value) for name, value in bits.items()} | given
        found = [design, dataclasses.replace(design, **same)]
        if not given:
            found += self.whole(design)
        return list(dict.fromkeys(found))

    def whole(self, design: Design) -> list[Design]:
        """With memories that hold the model, and of spikes what it can use and block RAM allows.

        Where wires have a limit, depths of weights and spikes are powers of two.
        """
        program = holds(self.model, dataclasses.replace(design, **DEEP))
        if program is None:
            return []
        exact = dataclasses.replace(design, **{name: words_of(program, name) for name in DEEP})
        tried, found = [even(exact)], []
        powers = self.wires.limit is not None  # other depths cost wires that the limit leaves out
        if not powers:
            tried.append(exact)
        for each in dict.fromkeys(tried):
            low, high = 0, each.spike_words // STEP  # in steps; low has room
            while low < high:
                middle = (low + high + 1) // 2
                room = not self.why(dataclasses.replace(each, spike_words=middle * STEP))
                low, high = (middle, high) if room else (low, middle - 1)
            if low:
                words = 1 << (low * STEP).bit_length() - 1 if powers else low * STEP
                found.append(dataclasses.replace(each, spike_words=words))
        return found

    def why(self, design: Design) -> dict[str, str]:
        """{what: text} of all that a design lacks on the board."""
        used, lacking = self.costs.predict(design), {}
        for name in RESOURCES:
            if used[name] > self.allowed[name]:
                lacking[name] = (
                    f"{capacity.NAMES[name]} {used[name]:.0f} of {self.allowed[name]:.0f}"
                )
        if self.wires.over(design, self.there["lut"]):
            value = self.wires.density(design, self.there["lut"])
            lacking[WIRES] = f"wires {value:.2f} of {self.wires.limit:.2f}"
        return lacking

    def point(self, design: Design, program, why: dict[str, str] | None = None) -> Point:
        """The point of a design with its program; ``why`` in the place of what is found over."""
        why = dict(self.why(design) if why is None else why)
        used = self.costs.predict(design)
        proven = self.wires.proven(design, self.there["lut"])
        if program is None:
            why.setdefault(MODEL, "the memories do not hold the model")
            return Point(design, None, 0, used, why, proven)
        rates = throughput(program, *self.board.rates)
        return Point(design, rates, program.report["cycles"], used, why, proven)
