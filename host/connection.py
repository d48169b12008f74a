"""What a driver asks of the way to its board: words on the bus of firmware/registers.py.

Two ways there are: ``host.link.Link``, frames over a byte stream, and ``host.pcie.bar_link.BarLink``,
loads and stores of a PCIe board's BAR0.
"""

from __future__ import annotations

import abc
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from volley.firmware.boards import Rates
from volley.firmware.frames import SESSIONS, Command, Status, line_bytes
from volley.firmware.results import Span
from volley.host.errors import LinkError

Progress = Callable[[int], None]


@dataclass
class Request:
    """A request and, once ``done``, its answer.

    payload: bytes of the words of a WRITE. status: of the device, or OK for one that is known to be
    executed. words: answer of a READ or RUN. lost: executed once, but its answer did not arrive.
    tries: how often it was sent again. whole: the request that this one is a part of, or None;
    parts: what was made of it.
    """

    command: Command
    address: int = 0
    count: int = 0
    payload: bytes = b""
    done: bool = False
    lost: bool = False
    status: Status = Status.OK
    words: tuple = ()
    tries: int = 0
    seq: int = field(default=0, repr=False)
    wire: bytes = field(default=b"", repr=False)
    whole: Request | None = field(default=None, repr=False)
    parts: list[Request] = field(default_factory=list, repr=False)

    @property
    def answer_bytes(self) -> int:
        """Upper bound of the answer's bytes on the wire."""
        wanted = self.count if self.command in (Command.READ, Command.RUN) else 0
        return line_bytes(wanted)

    def split(self, words: int) -> list[Request]:
        """Parts of a READ or WRITE, of so many words each; the request is done when they are."""
        self.parts = [
            Request(
                self.command, self.address + at, min(words, self.count - at),
                self.payload[4 * at : 4 * (at + words)], whole=self,
            )
            for at in range(0, self.count, words)
        ]  # fmt: skip
        return self.parts

    def finish(self) -> None:
        """It is done; so is the request that it is the last part of."""
        self.done = True
        whole = self.whole
        if whole and all(part.done for part in whole.parts):
            whole.words = tuple(word for part in whole.parts for word in part.words)
            whole.lost = any(part.lost for part in whole.parts)
            bad = [part.status for part in whole.parts if part.status != Status.OK]
            whole.status = bad[0] if bad else Status.OK
            whole.finish()


def check(request: Request) -> Request:
    """Raises ``LinkError`` where the device refused a request."""
    if request.status != Status.OK:
        raise LinkError(
            f"the device answered {request.command.name} of {request.count} words at "
            f"{request.address:#010x} with {request.status.name}"
        )
    return request


def session_number() -> int:
    """A number for a session, at random."""
    return 1 + secrets.randbelow(SESSIONS - 1)


class Connection(abc.ABC):
    """Words on a board's bus. Every call raises ``LinkError`` or ``TransportError``.

    name: the port, for messages. running: whether a program ran when the board last said so.
    session: its number, drawn by ``identify``; register SESSION shows it until the board is reset.
    broken: an error ended the session; ``identify`` starts a new one.
    """

    name = "connection"
    running = broken = False
    session = 0

    @abc.abstractmethod
    def identify(self, count: int, tries: int = 3) -> tuple[int, ...]:
        """Starts a session: the ``count`` words from address 0 on."""

    @abc.abstractmethod
    def write_all(
        self, sections: Iterable[tuple[int, np.ndarray]], progress: Progress | None = None
    ) -> None:
        """Writes (address, 32-bit words) pairs; ``progress(words)`` as they arrive."""

    @abc.abstractmethod
    def read(self, address: int, count: int) -> list[int]:
        """Reads 32-bit words from an address on."""

    @abc.abstractmethod
    def results(self, spans: Sequence[Span]) -> list[int]:
        """Reads words from register STATUS on: those of ``spans``; what is between them may be 0."""

    @abc.abstractmethod
    def upload(self, address: int, words: np.ndarray) -> list[Request]:
        """Writes words and does not wait: check the answers to the requests behind the next ``run``."""

    @abc.abstractmethod
    def run(self, entry: int, spans: Sequence[Span] = (), patience: float = 0.0) -> Request:
        """Starts the program at a word of program memory; ``wait`` for the answer.

        spans: of words from register STATUS on, results of the run before, which the answer has, and
        zeros between them. patience: seconds that this may wait for the end of what runs. Its status is BUSY,
        and nothing was started, where a program still runs.
        """

    @abc.abstractmethod
    def status(self) -> bool:
        """Whether a program runs."""

    def confirm_session(self) -> None:  # noqa: B027, an answer may carry the number by itself
        """Raises ``LinkError`` unless all that was read up to here is of this session."""

    def check_session(self, found: int) -> None:
        """Raises ``LinkError`` unless ``found`` is this session's number; that ends it."""
        if found == self.session:
            return
        self.broken = True
        why = "another program has started a session" if found else "it was reset or exchanged"
        raise LinkError(
            f"{self.name}: the board answers for session {found:#06x}, this one is "
            f"{self.session:#06x}: {why}; open it again and load the model again"
        )

    @abc.abstractmethod
    def close(self) -> None:
        """Gives the port back. A second call does nothing."""

    def wait(self, request: Request) -> Request:
        """Waits until the request is done."""
        return request

    def flush(self) -> None:  # noqa: B027, nothing is under way by default
        """Waits until every request is done."""

    def write(self, address: int, words) -> None:
        """Writes 32-bit words from an address on."""
        self.write_all([(address, words)])

    def seconds(self, count: int) -> float:
        """How long ``count`` bytes take; 0 where RUNs need not be sent ahead of answers."""
        return 0.0

    def cycles(self) -> int | None:
        """Clock cycles of a simulated board since it was switched on, None where nobody counts them."""
        return None

    def rates(self, clock_hz: int) -> Rates | None:
        """The core's clock and the line of this way; None where its rate is not known."""
        return None
