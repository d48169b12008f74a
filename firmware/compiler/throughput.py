"""Images per second of a compiled program: of the core, of the link, and of both together.

The link's figure counts every byte on the line as the driver sends it (``firmware.frames``): header,
CRC, byte stuffing and delimiter of requests and of answers, ``BITS_PER_BYTE`` bits a byte. The two
directions of the line work side by side.

Where the upload of one picture overlaps with the run of the one before (``firmware.results.overlaps``,
``host.pipeline``), the slower of core and link sets the pace. Else the driver does one thing after
another (``host.device.Device.infer``, ``host.segments``): it writes, runs and meanwhile writes ahead,
and reads. What is not counted: the latency of the host and of a USB adapter, a status that is asked
for more than once, and frames that are sent again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from volley.firmware.compiler.cycle_model import run_cycles
from volley.firmware.frames import BITS_PER_BYTE, frame_sizes, line_bytes
from volley.firmware.isa import BANKS
from volley.firmware.program import Program
from volley.firmware.results import counter_words, overlaps, result_words
from volley.firmware.stream import PICTURE, Segment, count_picture_words, strip_words

SHORT = line_bytes()
"""Bytes on the line of a frame without payload: a request to read or run, the answer to a write."""


class Traffic(NamedTuple):
    """Bytes on the line to the device and back, of frames that are under way together.

    first: of the first request. last: of the last answer; both have no other beside them.
    """

    up: int = 0
    down: int = 0
    first: int = 0
    last: int = 0

    def seconds(self, baud: int) -> float:
        """Time of these frames on a line that carries both directions at once."""
        return max(self.up + self.last, self.first + self.down) * BITS_PER_BYTE / baud


class Throughput(NamedTuple):
    """Images per second.

    core: with pictures and weights there at once. link: with a core that takes no time.
    end_to_end: of both. up, down: bytes on the line for a picture, to the device and back.
    """

    core: float
    link: float
    end_to_end: float
    up: int
    down: int


def writes(sections: Iterable[int]) -> Traffic:
    """Frames that write sections of so many words, in one window of requests."""
    frames = [line_bytes(size) for words in sections for size in frame_sizes(words)]
    if not frames:
        return Traffic()
    return Traffic(sum(frames), SHORT * len(frames), frames[0], SHORT)


def reads(sections: Iterable[int]) -> Traffic:
    """Frames that read sections of so many words, in one window of requests."""
    frames = [line_bytes(size) for words in sections for size in frame_sizes(words)]
    if not frames:
        return Traffic()
    return Traffic(SHORT * len(frames), sum(frames), SHORT, frames[-1])


RUN = STATUS = Traffic(SHORT, SHORT, SHORT, SHORT)


class Run(NamedTuple):
    """One run of the program: what goes over the line before it, while it runs and behind it.

    Each part is a list of windows, one after another.
    """

    before: list[Traffic]
    cycles: int
    meanwhile: list[Traffic]
    behind: list[Traffic]

    @property
    def windows(self) -> list[Traffic]:
        """All that goes over the line."""
        return self.before + self.meanwhile + self.behind

    def seconds(self, clock_hz: float, baud: int) -> float:
        """Time of the run, with what the host does for it."""
        work = max(self.cycles / clock_hz, _seconds(self.meanwhile, baud))
        return _seconds(self.before, baud) + work + _seconds(self.behind, baud)


def runs_of(program: Program) -> list[Run]:
    """What the host does for a picture, one run after another, for a program without overlap."""
    cycles, found = run_cycles(program), []
    for segment, count in zip(program.segments, cycles):
        before = [writes(_before(program, segment)), RUN]
        ahead = [writes(len(program.streamed[k][1]) for k in segment.ahead)]
        behind = [STATUS, *_down(program, segment), reads([counter_words(program)])]
        found.append(Run(before, count, ahead, behind))
    if not program.segments:
        before = [writes([count_picture_words(program.input_shape)]), RUN]
        found.append(Run(before, cycles[0], [], [STATUS]))
    found[-1].behind.append(reads([result_words(program)]))
    last = program.layers[-1]
    kept = any(rows.map == len(program.layers) for s in program.segments for rows in s.downs)
    if not last.readout and not kept:  # spikes are counted on the host
        words = last.spikes.stride * program.design.spike_columns
        rows = [len(range(bank, last.shape[1], BANKS)) for bank in range(BANKS)]
        found[-1].behind.extend(reads([words * count]) for count in rows)
    return found


def throughput(program: Program, clock_hz: float, baud: int) -> Throughput:
    """Images/s of a program on a core at ``clock_hz`` behind a UART at ``baud`` bits a second.

    baud: the rate in use, ``firmware.boards.Board.line_baud``.
    """
    if overlaps(program):
        cycles = run_cycles(program)[0]
        up = writes([count_picture_words(program.input_shape)])
        sent, back = up.up + SHORT, up.down + line_bytes(result_words(program))
        core, link = clock_hz / cycles, baud / BITS_PER_BYTE / max(sent, back)
        return Throughput(core, link, min(core, link), sent, back)
    runs = runs_of(program)
    windows = [window for run in runs for window in run.windows]
    return Throughput(
        core=clock_hz / sum(run.cycles for run in runs),
        link=1 / _seconds(windows, baud),
        end_to_end=1 / sum(run.seconds(clock_hz, baud) for run in runs),
        up=sum(window.up for window in windows),
        down=sum(window.down for window in windows),
    )


def rate_text(rate: float) -> str:
    """Images/s for a table: whole from 100 on, three digits below."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"


def describe(program: Program, clock_hz: float, baud: int) -> str:
    """Core, link and end to end in one line of text."""
    found = throughput(program, clock_hz, baud)
    return (
        f"images/s: {rate_text(found.core)} of the core at {clock_hz / 1e6:g} MHz, "
        f"{rate_text(found.link)} of the link at {baud} baud ({found.up} bytes up, {found.down} "
        f"down), {rate_text(found.end_to_end)} end to end"
    )


def load_bytes(program: Program) -> int:
    """Bytes on the line to the device that load a program, once."""
    sections = [len(words) for _, words in program.sections] + [1] * len(program.registers)
    return writes(sections).up


def _before(program: Program, segment: Segment) -> list[int]:
    """Words of the sections that are written before a segment runs."""
    found = [len(program.streamed[number][1]) for number in segment.loads]
    for rows in segment.ups:
        if rows.map == PICTURE:
            found += [1, 1, strip_words(rows, program.input_shape)]  # two registers before it
        else:
            columns = program.design.spike_columns
            found += [words * columns for *_, words in rows.pieces()]
    return found


def _down(program: Program, segment: Segment) -> list[Traffic]:
    """The maps' rows that are read behind a segment: the driver waits for each piece."""
    columns = program.design.spike_columns
    return [reads([words * columns]) for rows in segment.downs for *_, words in rows.pieces()]


def _seconds(windows: list[Traffic], baud: int) -> float:
    return sum(window.seconds(baud) for window in windows)
