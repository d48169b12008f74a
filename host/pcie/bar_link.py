"""The driver's way to a PCIe board: words of the bus through BAR0, as firmware/pcie.py says.

PCIe's own link layer repeats what was damaged, so there are no frames here. What the board could not
do stands in ERRORS, which is read behind everything that was stored and before a result counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np

from volley.firmware.boards import Rates
from volley.firmware.fields import unpack
from volley.firmware.frames import Command, Status
from volley.firmware.lines import PcieLine
from volley.firmware.pcie import (
    CONTROL_PLACE,
    ERRORS,
    REGISTERS_PLACE,
    RUN,
    WINDOW_PLACE,
    WINDOW_SHIFT,
    WINDOW_WORDS,
    Control,
    control,
)
from volley.firmware.registers import (
    BEFORE,
    MAGIC,
    REGION_SHIFT,
    STATUS_ADDRESS,
    Region,
    Register,
)
from volley.firmware.results import Span, end_of
from volley.host.connection import Connection, Progress, Request, session_number
from volley.host.errors import LinkError, TransportError
from volley.host.pcie.bar import Bar

BEFORE_ADDRESS = STATUS_ADDRESS + BEFORE
ONES = 0xFFFFFFFF  # of a load that nobody answers
SPIN_S = 0.002  # of waiting for the end of a run without a pause
PAUSE_S = 0.0001
MEANINGS = {
    "damaged": "damaged packets were dropped",
    "partial_word": "a write of some bytes of a word was dropped",
    "out_of_stream": "a word of a picture or of spikes came out of order and was dropped",
    "read_in_run": "a memory was read while a program ran",
    "bad_address": "there is nothing to read or write at an address",
    "run_in_run": "a program was started while another one waited",
    "unsupported": "a request was no read or write of the BAR",
}
"""What each field of ERRORS means."""


class BarLink(Connection):
    """Words on a board's bus through its ``Bar``; the only user of that board."""

    def __init__(self, bar: Bar):
        self.bar, self.name = bar, bar.name
        self.running = self.broken = False
        self.session = 0
        self._page: int | None = None

    # a session

    def identify(self, count: int, tries: int = 3) -> tuple[int, ...]:
        """Starts a session with a new number: the ``count`` words from address 0 on.

        Raises ``TransportError``.
        """
        self._page = None
        words = self.bar.load_block(REGISTERS_PLACE, count)
        if set(words) == {ONES}:
            self._raise_gone()
        self.bar.store(control(Control.ERRORS), 0)
        self.broken = False
        if words[Register.MAGIC] == MAGIC:
            self.session = session_number()
            self.bar.store(control(Control.SESSION), self.session)
            self._turn_to(0)
            self._poll()
        return tuple(words)

    def confirm_session(self) -> None:
        """Loads register SESSION, behind all that was read before."""
        self.check_session(self._load(Register.SESSION, 1)[0])

    def close(self) -> None:
        """Gives the board back."""
        self.bar.close()

    def flush(self) -> None:
        """Waits until all that was stored is there; raises ``LinkError`` if something was dropped."""
        word = self.bar.load(control(Control.ERRORS))
        if word == ONES:
            self._raise_gone()
        if word:
            self.bar.store(control(Control.ERRORS), 0)
            found = [
                f"{MEANINGS[name]} ({value})" if value > 1 else MEANINGS[name]
                for name, value in unpack(ERRORS, [word]).items()
                if value
            ]
            raise LinkError(
                f"{self.name}: {'; '.join(found) or f'ERRORS is {word:#010x}'}; "
                "load the model again"
            )

    def _raise_gone(self):
        self.broken = True
        raise TransportError(
            f"{self.name}: the board is gone, it reads all ones: it was removed, switched off or "
            "loaded anew, or its memory decode was switched off; rescan the bus and start again "
            "(docs/pcie.md)"
        )

    def _poll(self):
        """The fields of RUN; loads PAGE in the same access: raises ``TransportError`` for another session."""
        state, page = self.bar.load_block(CONTROL_PLACE, 2)
        if state == ONES:
            self._raise_gone()
        if page != self._page:
            self.broken = True
            raise TransportError(
                f"{self.name}: PAGE is {page}, the driver has written {self._page}: the board was "
                "reset or is used by another program; start again"
            )
        found = unpack(RUN, [state])
        self.running = bool(found["running"])
        return found

    def cycles(self) -> int | None:
        """Clock cycles of a simulated board since it was switched on."""
        return self.bar.cycles()

    def rates(self, clock_hz: int) -> Rates:
        """The core's clock and a line as PCIe boards have it."""
        return Rates(clock_hz, PcieLine())

    # words

    def _turn_to(self, page, again=False):
        if again or page != self._page:
            self.bar.store(control(Control.PAGE), page)
            self._page = page

    def _pieces(self, start, count):
        """(place, offset, words, page or None) of what lies together in the BAR."""
        offset = 0
        while offset < count:
            here = start + offset
            if here < CONTROL_PLACE - REGISTERS_PLACE:  # the region REGISTERS
                size = min(count - offset, CONTROL_PLACE - REGISTERS_PLACE - here)
                yield REGISTERS_PLACE + here, offset, size, None
            else:
                inside = here % WINDOW_WORDS
                size = min(count - offset, WINDOW_WORDS - inside)
                yield WINDOW_PLACE + inside, offset, size, here >> WINDOW_SHIFT
            offset += size

    def _store(self, start, words, progress=None):
        # SPIKES may go on anywhere only behind a new PAGE
        again = start >> REGION_SHIFT == Region.SPIKES
        for place, offset, size, page in self._pieces(start, len(words)):
            if page is not None:
                self._turn_to(page, again)
                again = False
            self.bar.store_block(place, words[offset : offset + size])
            if progress:
                progress(size)

    def write_all(
        self, sections: Iterable[tuple[int, np.ndarray]], progress: Progress | None = None
    ) -> None:
        """Writes (address, 32-bit words) pairs and waits until they are there."""
        for start, words in sections:
            self._store(start, np.asarray(words, np.uint32), progress)
        self.flush()

    def upload(self, address: int, words: np.ndarray) -> list[Request]:
        """Stores words; the next ``run`` finds whether they arrived."""
        self._store(address, np.asarray(words, np.uint32))
        return []

    def _load(self, start, count):
        found: list[int] = []
        for place, _, size, page in self._pieces(start, count):
            if page is not None:
                self._turn_to(page)
            found += self.bar.load_block(place, size)
        return found

    def read(self, address: int, count: int) -> list[int]:
        """Reads 32-bit words from an address on."""
        found = self._load(address, count)
        self.flush()
        return found

    def results(self, spans: Sequence[Span]) -> list[int]:
        """Loads the words of ``spans`` alone: a load takes a microsecond or two."""
        return self._results(spans, STATUS_ADDRESS)

    def _results(self, spans, start):
        words = [0] * end_of(spans)
        for first, count in spans:
            words[first : first + count] = self._load(start + first, count)
        self.flush()
        return words

    # runs

    def status(self) -> bool:
        """Whether a program runs."""
        self._poll()
        return self.running

    def run(self, entry: int, spans: Sequence[Span] = (), patience: float = 0.0) -> Request:
        """Starts the program behind the end of what runs, then loads the results of that.

        Where that does not end, the wait and the run are given up, and the answer is BUSY.
        """
        request = Request(Command.RUN, entry, done=True)
        self.flush()
        self.bar.store(control(Control.RUN), entry)
        if not self._begun(patience):
            self.bar.store(REGISTERS_PLACE + Register.CONTROL, 1)
            request.status = Status.BUSY
            return request
        request.count = end_of(spans)
        if spans:
            request.words = tuple(self._results(spans, BEFORE_ADDRESS))
        return request

    def _begun(self, patience):
        """Whether no run waits any more within so many seconds."""
        began = time.monotonic()
        while self._poll()["waiting"]:
            waited = time.monotonic() - began
            if waited > patience:
                return False
            if waited > SPIN_S:
                time.sleep(PAUSE_S)
        return True
