"""The lines between host and board, and how long what a driver does takes on each of them.

A driver does ``Steps`` one after another. ``Line.window`` says what one moves and how long it takes;
``Line.picture`` the same for a picture whose upload overlaps with the run before it.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from volley.firmware import pcie
from volley.firmware.frames import BITS_PER_BYTE, frame_sizes, line_bytes
from volley.firmware.pcie_socket import FRAME_BYTES, LINK_BYTES_PER_S
from volley.firmware.registers import STATUS_ADDRESS
from volley.firmware.results import Span, end_of


class Kind(Enum):
    """What a driver does at a time."""

    WRITE = auto()  # sections of so many words
    READ = auto()  # sections of so many words
    RUN = auto()
    STATUS = auto()
    RESULTS = auto()  # the words of ``spans``


class Step(NamedTuple):
    """words: of each section, of WRITE and READ. spans: of RESULTS."""

    kind: Kind
    words: Sequence[int] = ()
    spans: Sequence[Span] = ()


RUN, STATUS = Step(Kind.RUN), Step(Kind.STATUS)


class Window(NamedTuple):
    """Bytes on the line to the device and back, and the seconds that they take."""

    up: int
    down: int
    seconds: float


class Turn(NamedTuple):
    """A picture whose upload overlaps with the run before it.

    seconds: of the upload, of RUN and of the results of the run before.
    """

    up: int
    down: int
    seconds: float


class Line(abc.ABC):
    """A way to a board. text: its name and rate, for people."""

    text: str

    @abc.abstractmethod
    def window(self, step: Step, clock_hz: float) -> Window:
        """What a step moves, and its time with a core at ``clock_hz``."""

    @abc.abstractmethod
    def picture(self, words: Sequence[int], spans: Sequence[Span], clock_hz: float) -> Turn:
        """An upload of sections of so many words, whose RUN brings ``spans`` of the run before."""


SHORT = line_bytes()
"""Bytes of a UART's line of a frame without payload: a request to read or run, the answer to a write."""


@dataclasses.dataclass(frozen=True)
class UartLine(Line):
    """Frames over a UART, ``firmware.frames``: every byte on the line, BITS_PER_BYTE bits a byte.

    The two directions of the line work side by side.
    """

    baud: int

    @property
    def text(self) -> str:  # type: ignore[override]
        """The rate."""
        return f"{self.baud} baud"

    def window(self, step: Step, clock_hz: float) -> Window:
        """Frames that are under way together."""
        whole = (
            (end_of(step.spans),) if step.kind == Kind.RESULTS else step.words
        )  # in one request up to the last
        frames = [line_bytes(size) for words in whole for size in frame_sizes(words)]
        if step.kind in (Kind.RUN, Kind.STATUS):
            return self._window([SHORT], [SHORT])
        if not frames:
            return Window(0, 0, 0.0)
        short = [SHORT] * len(frames)
        return self._window(*((frames, short) if step.kind == Kind.WRITE else (short, frames)))

    def _window(self, up, down):
        """The first request and the last answer have no other frame beside them."""
        count = max(sum(up) + down[-1], up[0] + sum(down))
        return Window(sum(up), sum(down), count * BITS_PER_BYTE / self.baud)

    def picture(self, words: Sequence[int], spans: Sequence[Span], clock_hz: float) -> Turn:
        """Upload and RUN, whose answers come beside the next one's."""
        upload = self.window(Step(Kind.WRITE, words), clock_hz)
        up, down = upload.up + SHORT, upload.down + line_bytes(end_of(spans))
        return Turn(up, down, max(up, down) * BITS_PER_BYTE / self.baud)


HEADER_BYTES = 12  # of a packet whose address has 32 bits, and of a completion
PACKET_BYTES = HEADER_BYTES + FRAME_BYTES
"""Of a packet beside its payload."""
HEADER_CYCLES, WORD_CYCLES = 6, 1
"""Cycles of the bus's clock that the engine takes for a packet, and for each of its words."""
PICTURE_CYCLES = 12
"""Cycles that a word of a picture takes on its way into the spike memory (rtl/memory/image_writer.py)."""
READ_S = 1.5e-6
"""From a load to its data on a real host: 1 to 2 us with the CPU, the root complex and the engine."""


def store_cycles(words: int) -> int:
    """Cycles of the bus's clock for a packet that stores so many words."""
    return HEADER_CYCLES + WORD_CYCLES * words


@dataclasses.dataclass(frozen=True)
class PcieLine(Line):
    """Stores and loads of BAR0, a packet each, as ``host.pcie.bar_link`` makes them.

    bytes_s: of the line after its 8b/10b code. read_s: from a load to its data; a CPU waits for each
    before the next. A store takes its bytes on the line or the engine's cycles, whichever is longer.
    Not counted: packets of flow control and acknowledgement, which go the other way, a status that is
    asked for more than once, and the program on the host.
    """

    bytes_s: float = LINK_BYTES_PER_S
    read_s: float = READ_S
    text: str = "PCIe Gen2 x1"

    def _stores(self, sections, clock_hz, word_cycles=WORD_CYCLES):
        """(bytes, seconds) of PAGE and the words of sections, each of which takes so many cycles."""
        count = seconds = 0
        for words in sections:
            pages = -(-words // pcie.WINDOW_WORDS)
            sizes = [1] * pages + [size for _, size in pcie.accesses(0, words)]
            count += sum(PACKET_BYTES + 4 * size for size in sizes)
            for size in sizes:
                line = (PACKET_BYTES + 4 * size) / self.bytes_s
                seconds += max(line, max(store_cycles(size), word_cycles * size) / clock_hz)
        return count, seconds

    def _loads(self, sizes):
        """Window of loads of so many words each."""
        up, down = PACKET_BYTES * len(sizes), sum(PACKET_BYTES + 4 * size for size in sizes)
        return Window(up, down, len(sizes) * self.read_s)

    def _run(self, clock_hz):
        """ERRORS in a load, RUN, then RUN and PAGE in another load: it has begun."""
        loads = self._loads([1, 2])
        store = PACKET_BYTES + 4
        seconds = loads.seconds + max(store / self.bytes_s, store_cycles(1) / clock_hz)
        return Window(loads.up + store, loads.down, seconds)

    @staticmethod
    def _sizes(spans):
        places = [pcie.REGISTERS_PLACE + STATUS_ADDRESS + span.first for span in spans]
        return [s for at, span in zip(places, spans) for _, s in pcie.accesses(at, span.words)]

    def window(self, step: Step, clock_hz: float) -> Window:
        """Stores end with a load of ERRORS, and so do loads."""
        if step.kind == Kind.RUN:
            return self._run(clock_hz)
        if step.kind == Kind.STATUS:
            return self._loads([2])
        if step.kind == Kind.RESULTS:
            return self._loads([*self._sizes(step.spans), 1])
        if not sum(step.words):
            return Window(0, 0, 0.0)
        if step.kind == Kind.READ:
            sizes = [s for words in step.words for _, s in pcie.accesses(0, words)]
            loads, pages = self._loads([*sizes, 1]), len(step.words)
            return loads._replace(up=loads.up + (PACKET_BYTES + 4) * pages)
        count, seconds = self._stores(step.words, clock_hz)
        loads = self._loads([1])
        return Window(loads.up + count, loads.down, loads.seconds + seconds)

    def picture(self, words: Sequence[int], spans: Sequence[Span], clock_hz: float) -> Turn:
        """The upload; RUN, which waits on the board for the end of the run before; that one's results."""
        up, seconds = self._stores(words, clock_hz, PICTURE_CYCLES)
        run, results = self._run(clock_hz), self.window(Step(Kind.RESULTS, spans=spans), clock_hz)
        return Turn(
            up + run.up + results.up,
            run.down + results.down,
            seconds + run.seconds + results.seconds,
        )
