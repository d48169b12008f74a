"""A host's end of the link's pins, for the link's tests."""

from myhdl import Signal, delay, instance, intbv

from tests.support.bench import PERIOD, clock, flag, run_bench
from tests.support.link_device import bus_memory
from tests.support.serial_line import listen, send
from volley.firmware import frames
from volley.firmware.frames import LEAST_DIVISOR, Frame
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.link import link
from volley.rtl.link.uart import DIVISOR_BITS


class Line:
    """A host's end of the link. A session is a function that yields ``line.send(...)`` and so on.

    as_input: the divisor after reset comes from the Signal ``input``. answers: the frames that arrived. memory, started: what happened behind the bus.
    """

    @quick_inspect()
    def __init__(self, reset_divisor=LEAST_DIVISOR, ready_share=0.7, as_input=False):
        self.clk, self.rst, self.done = clock(), flag(), flag()
        self.to_device, self.to_host = flag(True), flag(True)
        self.memory, self.started, self.received = {}, [], []
        self.divisor = [reset_divisor]
        bus = Bus()
        if as_input:
            reset_divisor = self.input = Signal(intbv(0)[DIVISOR_BITS:])
        self.parts = [
            link(self.clk, self.rst, self.to_device, self.to_host, bus, reset_divisor),
            bus_memory(self.clk, bus, self.memory, self.started, ready_share),
            listen(self.to_host, self.received, self.divisor),
        ]

    @property
    def answers(self):
        """All whole frames so far; whatever is no frame fails the test."""
        return [frames.decode(part) for part in bytes(self.received).split(b"\0")[:-1]]

    @property
    def answered(self):
        """The number of whole frames so far."""
        return self.received.count(0)

    def send(self, data):
        """Sends bytes at the host's present divisor."""
        return send(self.to_device, data, self.divisor[0] * PERIOD)

    def wait(self, answers, limit=30_000):
        """Waits for that many answers in all; the test fails after ``limit`` bits."""

        def waiting():
            for _ in range(limit):
                if self.answered >= answers:
                    break
                yield delay(round(self.divisor[0] * PERIOD))
            assert self.answered >= answers, f"{self.answered} answers, {answers} wanted"

        return waiting()

    def pause(self, bits):
        """Lets the time of that many bits pass."""

        def pausing():
            yield delay(round(bits * self.divisor[0] * PERIOD))

        return pausing()

    @quick_inspect()
    def run(self, session, limit):
        """Runs ``session()``, a generator, within ``limit`` cycles; returns the cycles it took."""

        @instance
        def host():
            for part in session():
                yield part
            self.done.next = True

        return run_bench([*self.parts, host], self.clk, self.done, limit)


def request(seq, command, argument=0, count=0, words=()):
    """A request; count is that of its words where it has any."""
    return Frame(seq % 256, command, len(words) or count, argument, tuple(words))


def encoded(requests):
    """The bytes of requests on the line."""
    return b"".join(frames.encode(*frame) for frame in requests)
