"""The frame layer of the host: requests go out in a window, answers come back in order.

Go-back-N over firmware/frames.py. Every answer says which request the device expects next, so one
answer settles all requests before it; a request that is damaged on its way is sent again with the
ones behind it, as soon as the device says OUT_OF_ORDER or stays silent. A request whose answer is
lost has been executed once and only once: a READ is asked again with a new number (so do not put a
WRITE of the same place behind a READ before its answer is there), any other is marked ``lost``.

Every answer carries the number that ``identify`` drew for the session. One of another session ends
this one: a board that was reset, exchanged or taken over by another host answers for nothing.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Sequence

from volley.firmware import frames
from volley.firmware.boards import Rates
from volley.firmware.frames import INFO, RESPONSE, Command, FrameError, Status
from volley.firmware.lines import UartLine
from volley.firmware.registers import STATUS_ADDRESS, Register
from volley.firmware.results import Span, end_of
from volley.host.connection import Connection, Request, check, session_number
from volley.host.errors import LinkError
from volley.host.transport import Transport

WINDOW = 16  # requests under way: 16 KB, which outlast the latency of a USB adapter at 3 Mbaud
ANSWER_BYTES = 3000  # answers under way fit the input buffer of any serial port
TRIES = 8  # times that the window is sent without an answer
SEQS = frames.SEQS
# junk that a UART at a wrong speed takes for bad frames, so that it falls back to its reset speed
JUNK = (b"\xa5" * 8 + bytes([frames.DELIMITER])) * (2 * frames.BAD_FRAMES_TO_FALL_BACK)


class Link(Connection):
    """Requests and answers over a transport.

    window: requests under way. tries: how often the window is sent without any answer before
    ``LinkError``. running: whether a program ran when the last answer was made. session: its number,
    0 before ``identify``. broken: a ``LinkError`` ended the session; ``identify`` starts a new one.
    counts: bytes sent and received, damaged answers, frames sent again, and silences that were too
    long.
    """

    def __init__(self, transport: Transport, window: int = WINDOW, tries: int = TRIES):
        self.transport, self.window, self.tries = transport, window, tries
        self.name = transport.name
        self.running = self.broken = False
        self.session = 0
        self.counts = dict.fromkeys(("sent", "received", "damaged", "again", "silences"), 0)
        self._queue: deque[Request] = deque()
        self._under_way: deque[Request] = deque()
        self._next_seq = 0
        self._input = bytearray()
        self._silent_tries = 0
        self._last_heard = time.monotonic()
        self._offender: tuple[int, int] | None = None

    # what a driver calls

    def identify(self, count: int, tries: int = 3) -> tuple[int, ...]:
        """Starts a session with a new number: the ``count`` words from address 0 on. Raises ``LinkError``.

        A board of another version is known by its words alone: its answers may be without the number.
        """
        self._queue.clear()
        self._under_way.clear()
        damaged = self.counts["damaged"]
        for number in range(tries):
            self._input.clear()
            self.transport.flush_input()
            seq = secrets.randbelow(SEQS)
            self.session = session_number()
            wire = frames.encode(seq, Command.IDENTIFY, count, self.session)
            self._send(bytes([frames.DELIMITER]) + wire)
            patience = self.transport.patience * 1.5**number
            end = time.monotonic() + patience + self.transport.seconds(4 * count + 2 * len(wire))
            while time.monotonic() < end:
                for answer in self._frames(max(0.0, end - time.monotonic())):
                    if (answer.seq, answer.code) == (seq, RESPONSE + Status.OK):
                        if len(answer.words) == count == answer.count and self._is_ours(answer):
                            self._next_seq = (seq + 1) % SEQS
                            self._offender = None
                            self.broken = False
                            self._heard(answer)
                            return answer.words
        raise LinkError(
            f"{self._where()}: no answer to {tries} requests to identify"
            + (
                f" ({self.counts['damaged'] - damaged} damaged frames came back); is it a Volley "
                "board, at another baud rate?"
                if self.counts["damaged"] > damaged
                else "; is the board powered and its bitstream loaded?"
            )
        )

    def fall_back(self) -> None:
        """Sends junk that makes a UART at another speed return to that of its reset."""
        self._send(JUNK)
        self.transport.drain()

    def submit(self, command: Command, address: int = 0, count: int = 0, payload=()) -> Request:
        """Queues a request and sends what the window allows; look at it after ``wait``."""
        if command == Command.WRITE:
            count = len(payload)
        if count > frames.MAX_WORDS:
            raise ValueError(f"{count} words, a frame holds {frames.MAX_WORDS}")
        request = Request(command, address, count, tuple(payload))
        self._queue.append(request)
        self._fill()
        while len(self._queue) >= self.window:  # what is queued stays bounded too
            self._step()
        return request

    def wait(self, request: Request) -> Request:
        """Waits until the request is done; raises ``LinkError`` or ``TransportError``."""
        while not request.done:
            self._step()
        return request

    def flush(self) -> None:
        """Waits until every request is done."""
        while self._queue or self._under_way:
            self._step()

    def write_all(self, sections, progress=None) -> None:
        """Writes (address, 32-bit words) pairs; ``progress(words)`` as they are acknowledged."""
        sent: deque[Request] = deque()
        for address, words in sections:
            for place in range(0, len(words), frames.MAX_WORDS):
                part = words[place : place + frames.MAX_WORDS]
                sent.append(self.submit(Command.WRITE, address + place, payload=part))
                while sent[0].done and len(sent) > 1:
                    self._acknowledged(sent.popleft(), progress)
        for request in sent:
            self._acknowledged(self.wait(request), progress)

    @staticmethod
    def _acknowledged(request, progress):
        check(request)
        if progress:
            progress(request.count)

    def read(self, address: int, count: int) -> list[int]:
        """Reads 32-bit words from an address on; raises ``LinkError`` if the device refuses."""
        parts = [
            self.submit(Command.READ, address + place, min(frames.MAX_WORDS, count - place))
            for place in range(0, count, frames.MAX_WORDS)
        ]
        return [word for part in parts for word in check(self.wait(part)).words]

    def upload(self, address: int, words) -> list[Request]:
        """Queues WRITEs."""
        return [
            self.submit(Command.WRITE, address + k, payload=words[k : k + frames.MAX_WORDS])
            for k in range(0, len(words), frames.MAX_WORDS)
        ]

    def run(self, entry: int, spans: Sequence[Span] = ()) -> Request:
        """Queues a RUN; one frame carries all words up to the last of ``spans``."""
        return self.submit(Command.RUN, entry, end_of(spans))

    def results(self, spans: Sequence[Span]) -> list[int]:
        """Reads all words up to the last of ``spans``."""
        return self.read(STATUS_ADDRESS, end_of(spans))

    def status(self) -> bool:
        """Whether a program runs."""
        self.wait(self.submit(Command.STATUS))
        return self.running

    def close(self) -> None:
        """Closes the transport."""
        self.transport.close()

    def seconds(self, count: int) -> float:
        """How long ``count`` bytes take on the wire."""
        return self.transport.seconds(count)

    def rates(self, clock_hz: int) -> Rates | None:
        """The core's clock and the wire at its rate."""
        baud = self.transport.baud
        return Rates(clock_hz, UartLine(baud)) if baud else None

    # sending

    def _send(self, data):
        self.counts["sent"] += len(data)
        self.transport.write(data)

    def _fill(self):
        """Sends queued requests while the window has room."""
        data = bytearray()
        while self._queue and len(self._under_way) < self.window:
            awaited = sum(request.answer_bytes for request in self._under_way)
            if self._under_way and awaited + self._queue[0].answer_bytes > ANSWER_BYTES:
                break
            request = self._queue.popleft()
            if not self._under_way:
                self._last_heard = time.monotonic()
                self._silent_tries = 0
            request.seq = self._next_seq
            self._next_seq = (self._next_seq + 1) % SEQS
            request.wire = frames.encode(
                request.seq, request.command, request.count, request.address, request.payload
            )
            self._under_way.append(request)
            data += request.wire
        if data:
            self._send(bytes(data))

    def _send_again(self):
        """Sends the whole window again, after a delimiter that ends whatever came before."""
        self.counts["again"] += len(self._under_way)
        wire = b"".join(request.wire for request in self._under_way)
        self._send(bytes([frames.DELIMITER]) + wire)

    # receiving

    def _step(self):
        """Sends what can be sent, then takes what comes, or notices that nothing does."""
        self._fill()
        bytes_awaited = sum(len(r.wire) + r.answer_bytes for r in self._under_way)
        limit = self.transport.patience * 1.25**self._silent_tries
        limit += 2 * self.transport.seconds(bytes_awaited)
        rest = self._last_heard + limit - time.monotonic()
        for answer in self._frames(max(0.0, min(rest, 1.0))):
            self._take(answer)
        if self._under_way and time.monotonic() > self._last_heard + limit:
            self._silence()

    def _silence(self):
        self.counts["silences"] += 1
        self._silent_tries += 1
        if self._silent_tries >= self.tries:
            self.broken = True
            oldest = self._under_way[0]
            raise LinkError(
                f"{self._where()}: no usable answer to {oldest.command.name} after {self.tries} "
                f"tries ({self.counts['damaged']} damaged frames received); check cable and power"
            )
        self._last_heard = time.monotonic()
        self._offender = None
        self._send_again()

    def _frames(self, timeout):
        """Whole undamaged answers among the bytes that arrive within ``timeout`` seconds."""
        data = self.transport.read(timeout)
        self.counts["received"] += len(data)
        self._input += data
        *whole, rest = self._input.split(bytes([frames.DELIMITER]))
        self._input = rest[-2 * frames.MAX_BYTES :]
        for part in filter(None, whole):
            try:
                yield frames.decode(bytes(part))
            except FrameError:
                self.counts["damaged"] += 1

    def _heard(self, answer):
        self._last_heard = time.monotonic()
        self._silent_tries = 0
        self.running = bool(_info(answer, "running"))

    def _take(self, answer):
        """One answer: settles requests, sends again what the device did not get."""
        code = answer.code - RESPONSE
        self.check_session(_info(answer, "session"))
        if code not in tuple(Status) or not self._under_way or answer.count != len(answer.words):
            return
        first = self._under_way[0].seq
        executed = (_info(answer, "expected") - first) % SEQS
        if executed > len(self._under_way):
            return  # an answer to a frame that came twice and is long settled
        place = (answer.seq - first) % SEQS
        settled, again = [], []
        for number in range(executed):
            request = self._under_way.popleft()
            if number == place and code not in (Status.REPEATED, Status.OUT_OF_ORDER):
                request.status = Status(code)
                request.words = answer.words
                if request.command == Command.READ and request.status == Status.OK:
                    if len(answer.words) != request.count:
                        again.append(request)
                        continue
            elif request.command == Command.READ:
                again.append(request)
                continue
            else:
                request.lost = True
            settled.append(request)
        for request in settled:
            request.done = True
        self._queue.extendleft(reversed(again))
        if executed or code == Status.OUT_OF_ORDER:
            self._heard(answer)
        if executed:
            self._offender = None
        if code == Status.OUT_OF_ORDER and self._under_way:
            self._out_of_order(_info(answer, "expected"), answer.seq)

    def _out_of_order(self, expected, seq):
        """Sends again once for each loss: the frames behind a lost one all come back refused."""
        offset = (seq - expected) % SEQS
        if self._offender and self._offender[0] == expected and offset > self._offender[1]:
            self._offender = (expected, offset)
            return
        self._offender = (expected, offset)
        self._send_again()

    def _is_ours(self, answer):
        """Whether the answer to IDENTIFY is that of this session."""
        version = answer.words[Register.VERSION] if len(answer.words) > Register.VERSION else 0
        return _info(answer, "session") == self.session or version != frames.VERSION

    def _where(self):
        baud = self.transport.baud
        return f"{self.transport.name} at {baud} baud" if baud else self.transport.name


def _info(answer, name):
    return answer.argument >> INFO[name].lsb & INFO[name].largest
