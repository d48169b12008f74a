"""The frame layer of the host: requests go out in a window, answers come back in order.

Go-back-N over firmware/frames.py. Every answer says which request the device expects next, so one
answer settles all requests before it; a request that is damaged on its way is sent again with the
ones behind it, as soon as the device says OUT_OF_ORDER or stays silent. A request whose answer is
lost has been executed once and only once: a READ is asked again with a new number (so do not put a
WRITE of the same place behind a READ before its answer is there), any other is marked ``lost``.

Where a request does not get through, a probe asks which one the device expects: a frame far out of
the window, which executes nothing. Its answer also says that nothing older is under way, so that the
requests can be numbered anew, READs and WRITEs in shorter frames. A request that has been sent
``tries`` times in its shortest form ends the session: time without progress is bounded.

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
from volley.host import link_texts
from volley.host.connection import Connection, Request, check, session_number
from volley.host.errors import LinkError
from volley.host.transport import Transport

WINDOW = 16  # requests under way: 16 KB, which outlast the latency of a USB adapter at 3 Mbaud
ANSWER_BYTES = 3000  # answers under way fit the input buffer of any serial port
TRIES = 8  # times that the window is sent without an answer
COUNTS = ("sent", "received", "damaged", "again", "silences", "shorter")
STUCK = 2  # times that a request is sent again before it is sent in shorter frames
SEQS = frames.SEQS
SHORTER = 4  # by which frames get shorter
PROBE = SEQS // 2  # ahead of the window
# junk that a UART at a wrong speed takes for bad frames, so that it falls back to its reset speed
JUNK = (b"\xa5" * 8 + bytes([frames.DELIMITER])) * (2 * frames.BAD_FRAMES_TO_FALL_BACK)


class Link(Connection):
    """Requests and answers over a transport.

    window: requests under way. tries: how often the window is sent without any answer, or a request
    without being executed, before ``LinkError``. longest: words of the longest frame that is sent or
    asked for; it falls where longer ones do not get through. running: whether a program ran when the last answer was made. session: its number,
    0 before ``identify``. broken: a ``LinkError`` ended the session; ``identify`` starts a new one.
    counts: bytes sent and received, damaged answers, frames sent again, silences that were too long,
    and how often ``longest`` fell.
    """

    def __init__(self, transport: Transport, window: int = WINDOW, tries: int = TRIES):
        self.transport, self.window, self.tries = transport, window, tries
        self.name = transport.name
        self.running = self.broken = False
        self.session = 0
        self.counts = dict.fromkeys(COUNTS, 0)
        self._queue: deque[Request] = deque()
        self._under_way: deque[Request] = deque()
        self._next_seq = 0
        self._input = bytearray()
        self._silent_tries = 0
        self._last_heard = time.monotonic()
        self._offender: tuple[int, int] | None = None
        self._probe: int | None = None  # its seq, while its answer is awaited
        self.longest = frames.MAX_WORDS
        self._through = [0, 0]  # bytes of the longest request and answer since the last trouble

    # what a driver calls

    def identify(self, count: int, tries: int = 3) -> tuple[int, ...]:
        """Starts a session with a new number: the ``count`` words from address 0 on. Raises ``LinkError``.

        A board of another version is known by its words alone: its answers may be without the number.
        """
        self._queue.clear()
        self._under_way.clear()
        self._probe, self.longest, self._through = None, frames.MAX_WORDS, [0, 0]
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
        damaged = self.counts["damaged"] - damaged
        raise LinkError(link_texts.no_identity(self._where(), tries, damaged))

    def fall_back(self) -> None:
        """Sends junk that makes a UART at another speed return to that of its reset."""
        self._send(JUNK)
        self.transport.drain()

    def submit(self, command: Command, address: int = 0, count: int = 0, payload=b"") -> Request:
        """Queues a request and sends what the window allows; look at it after ``wait``.

        payload: words or their bytes, as ``frames.word_bytes`` takes them.
        """
        payload = frames.word_bytes(payload)
        if command == Command.WRITE:
            count = len(payload) // 4
        if count > frames.MAX_WORDS:
            raise ValueError(f"{count} words, a frame holds {frames.MAX_WORDS}")
        request = Request(command, address, count, payload)
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
            for at, part in _pieces(words):
                sent.append(self.submit(Command.WRITE, address + at, payload=part))
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
            self.submit(Command.WRITE, address + at, payload=part) for at, part in _pieces(words)
        ]

    def run(self, entry: int, spans: Sequence[Span] = (), patience: float = 0.0) -> Request:
        """Queues a RUN, which waits for nothing; one frame carries all words up to the last of ``spans``."""
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
        while self._queue and len(self._under_way) < self.window and self._probe is None:
            self._shorten()
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

    def _shorten(self):
        """Makes the first request in the queue one of ``longest`` words at most, if it can be split."""
        if _splits(self._queue[0]) and self._queue[0].count > self.longest:
            parts = self._queue.popleft().split(self.longest)
            self._queue.extendleft(reversed(parts))

    def _send_again(self):
        """Sends the whole window again, after a delimiter that ends whatever came before.

        Where its first request was sent so often that it may not get through at all, sends a probe.
        """
        oldest = self._under_way[0]
        oldest.tries += 1
        if oldest.tries >= STUCK and self._probe is None:
            self._probe = (oldest.seq + PROBE) % SEQS
            self._through = [0, 0]
        if self._probe is not None:
            wire = frames.encode(self._probe, Command.STATUS, 0, 0)
        else:
            self.counts["again"] += len(self._under_way)
            wire = b"".join(request.wire for request in self._under_way)
        self._send(bytes([frames.DELIMITER]) + wire)

    def _renumber(self):
        """Behind the answer to a probe: what is not executed goes back to the queue, and shorter."""
        self._probe = None
        if not self._under_way:
            return
        oldest = self._under_way[0]
        self._next_seq = oldest.seq
        self._queue.extendleft(reversed(self._under_way))
        self._under_way.clear()
        if oldest.tries >= STUCK:
            self._give_less(oldest)

    def _give_less(self, request):
        """After so many tries of a request: shorter frames from now on, or the end."""
        if _splits(request) and request.count > 1 and request.tries >= STUCK:
            self.longest = min(self.longest, -(-request.count // SHORTER))
            self.counts["shorter"] += 1
        elif request.tries >= self.tries:
            self._end(request)

    def _end(self, request):
        """Raises ``LinkError``: what does not get through, and what does."""
        self.broken = True
        damaged = self.counts["damaged"]
        raise LinkError(
            link_texts.stuck(self._where(), request, self.tries, self._through, damaged)
        )

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
            name, damaged = self._under_way[0].command.name, self.counts["damaged"]
            raise LinkError(link_texts.silence(self._where(), name, self.tries, damaged))
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
        at = (answer.seq - first) % SEQS
        again = []
        for number in range(executed):
            request = self._under_way.popleft()
            self._passed(len(request.wire), answer)
            if number == at and code not in (Status.REPEATED, Status.OUT_OF_ORDER):
                request.status = Status(code)
                request.words = answer.words
                complete = len(answer.words) == request.count or request.status != Status.OK
                if request.command == Command.READ and not complete:
                    again.append(request)
                else:
                    request.finish()
            elif request.command == Command.READ:
                again.append(request)
            else:
                request.lost = True
                request.finish()
        self._queue.extendleft(reversed(again))
        if executed or code == Status.OUT_OF_ORDER:
            self._heard(answer)
        if executed:
            self._offender = None
        for request in again:
            request.tries += code != Status.REPEATED  # that answers one that was sent again
            self._give_less(request)
        if self._probe is not None:
            if answer.seq == self._probe or not self._under_way:
                self._passed(len(frames.encode(0, Command.STATUS, 0, 0)), answer)
                self._renumber()
        elif code == Status.OUT_OF_ORDER and self._under_way:
            self._out_of_order(_info(answer, "expected"), answer.seq)

    def _passed(self, size, answer):
        """Takes note of a request of so many bytes that was executed, and of its answer."""
        down = frames.line_bytes(len(answer.words))
        self._through = [max(self._through[0], size), max(self._through[1], down)]

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


def _pieces(words):
    """(index, bytes) of the frames that carry words, the longest that there are."""
    data, size = memoryview(frames.word_bytes(words)), 4 * frames.MAX_WORDS
    return [(at // 4, data[at : at + size]) for at in range(0, len(data), size)]


def _splits(request):
    return request.command in (Command.READ, Command.WRITE)


def _info(answer, name):
    return answer.argument >> INFO[name].lsb & INFO[name].largest
