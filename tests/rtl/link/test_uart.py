"""UART: every divisor, back to back, clocks that differ, and lines that misbehave."""

import random

import pytest
from myhdl import Signal, always, delay, instance, intbv, now

from tests.support.bench import PERIOD, clock, flag, run_bench
from tests.support.serial_line import cycles, listen, send
from volley.firmware.frames import DIVISOR_UNIT, LEAST_DIVISOR
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.stream import BYTE_BITS, Stream
from volley.rtl.link.uart import (
    DIVISOR_BITS,
    WHOLE_BITS,
    check_divisor,
    uart_rx,
    uart_tx,
)

ALL_BYTES = list(range(256))


def divisor_signal(divisor):
    """divisor: clock cycles of a bit, whole or not."""
    return Signal(intbv(round(divisor * DIVISOR_UNIT))[DIVISOR_BITS:])


class Receiver:
    """A receiver, its pin, and what it received: bytes, or None for a framing error."""

    @quick_inspect()
    def __init__(self, divisor):
        self.clk, self.rst, self.pin = clock(), flag(), flag(True)
        self.divisor, self.received = divisor_signal(divisor), []
        stream, error = Stream(BYTE_BITS), flag()
        self.dut = uart_rx(self.clk, self.rst, self.pin, self.divisor, stream, error)

        @always(self.clk.posedge)
        def watch():
            if stream.valid:
                self.received.append(int(stream.data))
            if error:
                self.received.append(None)

        self.watch = watch

    @quick_inspect()
    def run(self, script, limit):
        """Runs ``script``, a list of generators to yield one after another, then 20 bits more."""
        done = flag()

        @instance
        def stimulus():
            for part in script:
                yield part
            yield cycles(20 * int(self.divisor) // DIVISOR_UNIT)
            done.next = True

        run_bench([self.dut, self.watch, stimulus], self.clk, done, limit)
        return self.received


@pytest.mark.parametrize("divisor", [4, 4.3, 5, 6, 7, 8, 100 / 12, 9.9, 13])
@pytest.mark.parametrize("phase", [1, 4, 9])
def test_receives_back_to_back_at_any_phase(divisor, phase):
    data = random.Random(divisor).sample(ALL_BYTES, 40) + [0, 0, 255, 255, 0]
    bench = Receiver(divisor)
    script = [cycles(3), _shift(phase), send(bench.pin, data, divisor * PERIOD)]
    assert bench.run(script, int(20 * divisor * len(data))) == data


def _shift(phase):
    def waiting():
        yield delay(phase)

    return waiting()


@pytest.mark.parametrize("divisor", [16, 33, 100])
@pytest.mark.parametrize("percent", [-2, 2])
def test_receives_from_a_clock_that_differs(divisor, percent):
    data = [0x55, 0x00, 0xFF, 0x80, 0x01, 0xAA, 0x7F, 0x00]
    bench = Receiver(divisor)
    bit_time = round(divisor * PERIOD * (1 + percent / 100))
    assert bit_time != divisor * PERIOD
    script = [cycles(2), _shift(7), send(bench.pin, data, bit_time)]
    assert bench.run(script, 20 * divisor * len(data)) == data


def _displaced(pin, data, bit_time, most, chance):
    """As ``send``, every edge but that of a start bit up to ``most`` time units early or late."""

    def drive_pin():
        start = 0.0  # of a byte; pauses of a bit between them
        now = 0
        for byte in data:
            for place, bit in enumerate([0] + [byte >> k & 1 for k in range(8)] + [1]):
                moment = start + place * bit_time
                if place:
                    moment += chance.uniform(-most, most)
                yield delay(max(1, round(moment) - now))
                now = max(now + 1, round(moment))
                pin.next = bool(bit)
            start += 11 * bit_time

    return drive_pin()


@pytest.mark.parametrize("divisor", [4.5, 100 / 12, 50 / 3, 110 / 3])
@pytest.mark.parametrize("early", [True, False])
def test_a_clock_and_edges_that_are_off_by_half_a_bit_less_a_cycle(divisor, early):
    """The bound of the module's text: both together, at the last bit."""
    chance = random.Random(int(divisor))
    most = divisor / 2 - 1.1  # cycles; a tenth is this bench's time step
    edges, drift = most / 2, most / 2 / (9.5 * divisor)
    data = chance.sample(ALL_BYTES, 30) + [0, 255, 0x55, 0xAA]
    bench = Receiver(divisor)
    bit_time = divisor * PERIOD * (1 + (-drift if early else drift))
    script = [cycles(2), _shift(3), _displaced(bench.pin, data, bit_time, edges * PERIOD, chance)]
    assert bench.run(script, int(20 * divisor * len(data))) == data


@pytest.mark.parametrize("divisor", [100 / 12, 50 / 3])
@pytest.mark.parametrize("percent", [-8, 8])
def test_beyond_the_bound_bytes_get_lost(divisor, percent):
    data = [0x55, 0x00, 0xFF, 0x80, 0x01, 0xAA, 0x7F, 0x00]
    bench = Receiver(divisor)
    script = [cycles(2), send(bench.pin, data, divisor * PERIOD * (1 + percent / 100))]
    assert bench.run(script, int(20 * divisor * len(data))) != data


def _level(pin, level, count):
    def holding():
        pin.next = level
        yield delay(count * PERIOD)

    return holding()


def test_framing_error_and_recovery():
    bench = Receiver(8)
    script = [
        send(bench.pin, [0x41], 80),
        _level(bench.pin, False, 8 * 30),  # a break: one error, however long
        _level(bench.pin, True, 8),
        send(bench.pin, [0x42, 0x43], 80),
    ]
    assert bench.run(script, 2000) == [0x41, None, 0x42, 0x43]


def test_a_spike_is_no_start_bit():
    bench = Receiver(16)
    script = [
        _level(bench.pin, False, 4),
        _level(bench.pin, True, 40),
        send(bench.pin, [0x99], 160),
    ]
    assert bench.run(script, 2000) == [0x99]


@quick_inspect()
def transmit(divisor, data, pause):
    """Sends ``data`` through uart_tx; returns what a listener got, the busy cycles and the edges' times."""
    clk, rst, done = clock(), flag(), flag()
    sent, pin, busy = Stream(BYTE_BITS, ready=True), flag(True), flag()
    dut = uart_tx(clk, rst, sent, pin, divisor_signal(divisor), busy)
    received, busy_cycles, edges = [], [0], []
    listener = listen(pin, received, [divisor])

    @always(clk.posedge)
    def count():
        if busy:
            busy_cycles[0] += 1

    @always(pin)
    def note():
        edges.append(now() / PERIOD)

    @instance
    def stimulus():
        yield clk.posedge
        for byte in data:
            sent.data.next = byte
            sent.valid.next = True
            yield clk.posedge
            while not sent.ready:
                yield clk.posedge
            sent.valid.next = False
            for _ in range(pause):
                yield clk.posedge
        yield clk.posedge
        while busy:
            yield clk.posedge
        assert pin, "idle line is low"
        done.next = True

    parts = [dut, listener, count, note, stimulus]
    run_bench(parts, clk, done, int(12 * divisor * len(data)) + 1000)
    return received, busy_cycles[0], edges


@pytest.mark.parametrize("divisor", [4, 5, 9, 16])
def test_transmits_without_gaps(divisor):
    data = random.Random(divisor).sample(ALL_BYTES, 50) + [0, 255, 0]
    received, busy, _ = transmit(divisor, data, 0)
    assert received == data
    assert busy - 10 * divisor * len(data) in range(4)


@pytest.mark.parametrize("divisor", [4.5, 100 / 12, 50 / 3])
def test_edges_are_less_than_a_cycle_early(divisor):
    """The rate is exact, however long the line is busy; ``listen`` has exactly that rate."""
    data = random.Random(3).sample(ALL_BYTES, 60)
    received, busy, edges = transmit(divisor, data, 0)
    assert received == data
    stored = round(divisor * DIVISOR_UNIT) / DIVISOR_UNIT
    levels = [bit for byte in data for bit in [0, *(byte >> k & 1 for k in range(8)), 1]]
    changes = [k for k, bit in enumerate(levels) if bit != ([1] + levels)[k]]
    assert len(edges) == len(changes)
    early = [place * stored - (edge - edges[0]) for place, edge in zip(changes, edges)]
    assert -1e-6 < min(early) and 0.5 <= max(early) < 1
    assert busy == pytest.approx(10 * divisor * len(data), abs=4)


def test_transmits_with_pauses():
    data = [0x00, 0xFF, 0x5A]
    received, busy, _ = transmit(6, data, 100)
    assert received == data
    assert busy < 3 * (60 + 4)


@pytest.mark.parametrize("divisor", [4, 4.7, 7, 100 / 12])
@quick_inspect()
def test_loop(divisor):
    """Transmitter to receiver, back to back: nothing is lost, at the smallest divisor either."""
    clk, rst, done = clock(), flag(), flag()
    sent, pin, busy = Stream(BYTE_BITS, ready=True), flag(True), flag()
    uart_tx_inst = uart_tx(clk, rst, sent, pin, divisor_signal(divisor), busy)
    taken, error = Stream(BYTE_BITS), flag()
    uart_rx_inst = uart_rx(clk, rst, pin, divisor_signal(divisor), taken, error)
    received = []

    @always(clk.posedge)
    def feed():
        sent.valid.next = True
        if sent.valid and sent.ready:
            sent.data.next = (sent.data + 37) % 256

    @always(clk.posedge)
    def watch():
        assert not error
        if taken.valid:
            received.append(int(taken.data))
            done.next = len(received) == 100

    run_bench([uart_tx_inst, uart_rx_inst, feed, watch], clk, done, int(101 * 10 * divisor) + 20)
    assert received == [k * 37 % 256 for k in range(100)]


@pytest.mark.parametrize("divisor", [LEAST_DIVISOR - 1, 0, -5, 1 << WHOLE_BITS])
def test_divisor_that_can_not_work(divisor):
    with pytest.raises(ValueError, match=f"divisor is {divisor}, allowed is 4..65535"):
        check_divisor(divisor)


def test_divisors_that_work():
    check_divisor(LEAST_DIVISOR)
    check_divisor((1 << WHOLE_BITS) - 1)
