"""UART: every divisor, back to back, clocks that differ, and lines that misbehave."""

import random

import pytest
from myhdl import Signal, always, delay, instance, intbv

from tests.support.bench import PERIOD, clock, flag, run_bench
from tests.support.serial_line import cycles, listen, send
from volley.firmware.frames import LEAST_DIVISOR
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.stream import BYTE_BITS, Stream
from volley.rtl.link.uart import (
    DIVISOR_BITS,
    check_divisor,
    uart_rx,
    uart_tx,
)

ALL_BYTES = list(range(256))


def divisor_signal(divisor):
    return Signal(intbv(divisor)[DIVISOR_BITS:])


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
            yield cycles(20 * int(self.divisor))
            done.next = True

        run_bench([self.dut, self.watch, stimulus], self.clk, done, limit)
        return self.received


@pytest.mark.parametrize("divisor", [4, 5, 6, 7, 8, 13])
@pytest.mark.parametrize("phase", [1, 4, 9])
def test_receives_back_to_back_at_any_phase(divisor, phase):
    data = random.Random(divisor).sample(ALL_BYTES, 40) + [0, 0, 255, 255, 0]
    bench = Receiver(divisor)
    script = [cycles(3), _shift(phase), send(bench.pin, data, divisor * PERIOD)]
    assert bench.run(script, 20 * divisor * len(data)) == data


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
    """Sends ``data`` through uart_tx; returns what a listener got and the busy cycles."""
    clk, rst, done = clock(), flag(), flag()
    sent, pin, busy = Stream(BYTE_BITS, ready=True), flag(True), flag()
    dut = uart_tx(clk, rst, sent, pin, divisor_signal(divisor), busy)
    received, busy_cycles = [], [0]
    listener = listen(pin, received, [divisor])

    @always(clk.posedge)
    def count():
        if busy:
            busy_cycles[0] += 1

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

    run_bench([dut, listener, count, stimulus], clk, done, 12 * divisor * len(data) + 1000)
    return received, busy_cycles[0]


@pytest.mark.parametrize("divisor", [4, 5, 9, 16])
def test_transmits_without_gaps(divisor):
    data = random.Random(divisor).sample(ALL_BYTES, 50) + [0, 255, 0]
    received, busy = transmit(divisor, data, 0)
    assert received == data
    assert busy - 10 * divisor * len(data) in range(4)


def test_transmits_with_pauses():
    data = [0x00, 0xFF, 0x5A]
    received, busy = transmit(6, data, 100)
    assert received == data
    assert busy < 3 * (60 + 4)


@pytest.mark.parametrize("divisor", [4, 7])
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

    run_bench([uart_tx_inst, uart_rx_inst, feed, watch], clk, done, 101 * 10 * divisor + 20)
    assert received == [k * 37 % 256 for k in range(100)]


@pytest.mark.parametrize("divisor", [LEAST_DIVISOR - 1, 0, -5, 1 << DIVISOR_BITS])
def test_divisor_that_can_not_work(divisor):
    with pytest.raises(ValueError, match=f"divisor is {divisor}, allowed is 4..65535"):
        check_divisor(divisor)


def test_divisors_that_work():
    check_divisor(LEAST_DIVISOR)
    check_divisor((1 << DIVISOR_BITS) - 1)
