"""What the host reads of a run: the words from register STATUS on, and when it reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from volley.firmware.frames import MAX_WORDS
from volley.firmware.program import Program
from volley.firmware.registers import Register


class Span(NamedTuple):
    """``words`` words from word ``first`` on, counted from register STATUS."""

    first: int
    words: int


def end_of(spans: Iterable[Span]) -> int:
    """Words from register STATUS on up to the last one of ``spans``."""
    return max((span.first + span.words for span in spans), default=0)


HEAD = Register.LAYERS - Register.STATUS
"""Words before the layers' counters."""
SCORES = Register.SCORES - Register.STATUS
"""Words before the scores."""


def counter_words(program: Program) -> int:
    """Words from register STATUS on that hold the counters of a run: those of every layer."""
    return HEAD + 2 * len(program.layers)


def result_words(program: Program) -> int:
    """Words from register STATUS on that hold the results of a program's run."""
    last = program.layers[-1]
    if last.readout:
        return SCORES + last.shape[0]
    return counter_words(program)


def counter_spans(program: Program) -> list[Span]:
    """The words among ``counter_words`` that say something."""
    return [
        Span(0, Register.SESSION - Register.STATUS + 1),
        Span(HEAD, 2 * len(program.layers)),
    ]


def result_spans(program: Program) -> list[Span]:
    """The words among ``result_words`` that say something."""
    last = program.layers[-1]
    scores = [Span(SCORES, last.shape[0])] if last.readout else []
    return counter_spans(program) + scores


def overlaps(program: Program) -> bool:
    """Whether the upload of one picture can overlap with the run of the one before.

    That takes two input buffers, no segments, and results that one frame carries: then the RUN of a
    picture answers with the results of the one before it.
    """
    return (
        not program.segments
        and len(program.entries) > 1
        and program.layers[-1].readout
        and result_words(program) <= MAX_WORDS
    )


def class_scores(program: Program, scores: np.ndarray, spikes) -> np.ndarray:
    """The score of each class, int64 [..., classes], from those of the outputs.

    scores: int64 [..., outputs] of the readout, or spike counts of a last layer that fires. spikes:
    [...] of the last firing layer.
    """
    if program.counts_votes:  # a score is twice the spikes of a class less all spikes
        return (scores + np.asarray(spikes, np.int64)[..., None]) // 2
    if program.votes > 1:
        return scores.reshape(*scores.shape[:-1], -1, program.votes).sum(-1)
    return scores
