"""What the host reads of a run: the words from register STATUS on, and when it reads them."""

from __future__ import annotations

from volley.firmware.frames import MAX_WORDS
from volley.firmware.program import Program
from volley.firmware.registers import Register

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
