"""Results of a run, as the accelerator's registers give them."""

from __future__ import annotations

import dataclasses

import numpy as np

from volley.firmware.fields import signed
from volley.firmware.isa import SCORE_BITS
from volley.firmware.program import Program
from volley.firmware.registers import Register
from volley.firmware.results import HEAD, SCORES, class_scores, counter_words


@dataclasses.dataclass
class Result:
    """What came of one picture.

    scores: int64 [classes], of the readout or else spike counts. label: index of the largest, the
    lowest on a tie. spikes: fired before pooling, a count per firing layer. cycles: clock cycles
    of the whole program, None without a board; layer_cycles: of each layer. latency_us: cycles in
    microseconds. round_trip_ms: wall time from the start of the upload to the result, None
    without a board.
    """

    scores: np.ndarray
    label: int
    spikes: list[int]
    cycles: int | None = None
    layer_cycles: list[int] | None = None
    latency_us: float | None = None
    round_trip_ms: float | None = None


def parse_results(program: Program, words, counts, clock_hz: int, seconds: float) -> Result:
    """A ``Result`` from the words from register STATUS on.

    counts: int64 [outputs], spike counts where the program ends in a firing layer, else None.
    seconds: round trip.
    """
    if counts is None:
        last = program.layers[-1]
        values = [signed(word, SCORE_BITS) for word in words[SCORES : SCORES + last.shape[0]]]
        counts = np.array(values, np.int64)
    pairs = words[HEAD : counter_words(program)]
    spikes = [int(pairs[2 * k + 1]) for k, layer in enumerate(program.layers) if not layer.readout]
    scores = class_scores(program, counts, spikes[-1] if spikes else 0)
    cycles = int(words[Register.CYCLES - Register.STATUS])
    return Result(
        scores=scores,
        label=int(scores.argmax()),
        spikes=spikes,
        cycles=cycles,
        layer_cycles=[int(count) for count in pairs[0::2]],
        latency_us=1e6 * cycles / clock_hz,
        round_trip_ms=1e3 * seconds,
    )
