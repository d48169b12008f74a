"""Images per second of a compiled program: of the core, of the link, and of both together.

The link's figure counts what goes over the line as the driver moves it, see ``firmware.lines``.

Where the upload of one picture overlaps with the run of the one before (``firmware.results.overlaps``,
``host.pipeline``), the slower of core and link sets the pace. Else
the driver does one thing after another (``host.device.Device.infer``, ``host.segments``): it writes,
runs and meanwhile writes ahead, and reads. What is not counted: the latency of the host and of a USB
adapter, a status that is asked for more than once, and frames that are sent again.
"""

from __future__ import annotations

from typing import NamedTuple

from volley.firmware.compiler.cycle_model import run_cycles
from volley.firmware.isa import BANKS
from volley.firmware.lines import RUN, STATUS, Kind, Line, Step, UartLine, Window
from volley.firmware.program import Program
from volley.firmware.results import counter_spans, overlaps, result_spans
from volley.firmware.stream import PICTURE, Segment, strip_sections, upload_sections


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


class Run(NamedTuple):
    """One run of the program: what goes over the line before it, while it runs and behind it.

    Each part is a list of steps, one after another.
    """

    before: list[Step]
    cycles: int
    meanwhile: list[Step]
    behind: list[Step]

    def windows(self, clock_hz: float, line: Line) -> list[Window]:
        """All that goes over the line."""
        return [line.window(s, clock_hz) for s in self.before + self.meanwhile + self.behind]

    def seconds(self, clock_hz: float, line: Line) -> float:
        """Time of the run, with what the host does for it."""
        work = max(self.cycles / clock_hz, _seconds(self.meanwhile, clock_hz, line))
        rest = _seconds(self.before + self.behind, clock_hz, line)
        return rest + work


def runs_of(program: Program) -> list[Run]:
    """What the host does for a picture, one run after another, for a program without overlap."""
    cycles, found = run_cycles(program), []
    for segment, count in zip(program.segments, cycles):
        before = [Step(Kind.WRITE, _before(program, segment)), RUN]
        ahead = [Step(Kind.WRITE, [len(program.streamed[k][1]) for k in segment.ahead])]
        counters = Step(Kind.RESULTS, spans=counter_spans(program))
        found.append(Run(before, count, ahead, [STATUS, *_down(program, segment), counters]))
    if not program.segments:
        before = [Step(Kind.WRITE, upload_sections(program)), RUN]
        found.append(Run(before, cycles[0], [], [STATUS]))
    found[-1].behind.append(Step(Kind.RESULTS, spans=result_spans(program)))
    last = program.layers[-1]
    kept = any(rows.map == len(program.layers) for s in program.segments for rows in s.downs)
    if not last.readout and not kept:  # spikes are counted on the host
        words = last.spikes.stride * program.design.spike_columns
        rows = [len(range(bank, last.shape[1], BANKS)) for bank in range(BANKS)]
        found[-1].behind.extend(Step(Kind.READ, [words * count]) for count in rows)
    return found


def throughput(program: Program, clock_hz: float, line: Line | int) -> Throughput:
    """Images/s of a program on a core at ``clock_hz`` behind a line.

    line: that of ``firmware.boards.Board.rates``; a number is a UART's bits a second.
    """
    line = UartLine(line) if isinstance(line, int) else line
    if overlaps(program):
        cycles = run_cycles(program)[0]
        turn = line.picture(upload_sections(program), result_spans(program), clock_hz)
        return Throughput(
            core=clock_hz / cycles,
            link=1 / turn.seconds,
            end_to_end=1 / max(cycles / clock_hz, turn.seconds),
            up=turn.up,
            down=turn.down,
        )
    runs = runs_of(program)
    windows = [window for run in runs for window in run.windows(clock_hz, line)]
    return Throughput(
        core=clock_hz / sum(run.cycles for run in runs),
        link=1 / sum(window.seconds for window in windows),
        end_to_end=1 / sum(run.seconds(clock_hz, line) for run in runs),
        up=sum(window.up for window in windows),
        down=sum(window.down for window in windows),
    )


def rate_text(rate: float) -> str:
    """Images/s for a table: whole from 100 on, three digits below."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"


def describe(program: Program, clock_hz: float, line: Line | int) -> str:
    """Core, link and end to end in one line of text."""
    line = UartLine(line) if isinstance(line, int) else line
    found = throughput(program, clock_hz, line)
    return (
        f"images/s: {rate_text(found.core)} of the core at {clock_hz / 1e6:g} MHz, "
        f"{rate_text(found.link)} of the link at {line.text} ({found.up} bytes up, {found.down} "
        f"down), {rate_text(found.end_to_end)} end to end"
    )


def load_bytes(program: Program) -> int:
    """Bytes on a UART's line to the device that load a program, once."""
    sections = [len(words) for _, words in program.sections] + [1] * len(program.registers)
    return UartLine(1).window(Step(Kind.WRITE, sections), 1.0).up


def _before(program: Program, segment: Segment) -> list[int]:
    """Words of the sections that are written before a segment runs."""
    found = [len(program.streamed[number][1]) for number in segment.loads]
    for rows in segment.ups:
        if rows.map == PICTURE:
            found += strip_sections(rows, program)
        else:
            columns = program.design.spike_columns
            found += [words * columns for *_, words in rows.pieces()]
    return found


def _down(program: Program, segment: Segment) -> list[Step]:
    """The maps' rows that are read behind a segment: the driver waits for each piece."""
    columns = program.design.spike_columns
    pieces = [words for rows in segment.downs for *_, words in rows.pieces()]
    return [Step(Kind.READ, [words * columns]) for words in pieces]


def _seconds(steps: list[Step], clock_hz: float, line: Line) -> float:
    return sum(line.window(step, clock_hz).seconds for step in steps)
