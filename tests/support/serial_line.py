"""The far end of a serial line, for benches: generators that send to a pin and listen to one."""

from myhdl import delay, instance

from tests.support.bench import PERIOD

DATA_BITS = 8


def send(pin, data, bit_time):
    """A generator to ``yield``: sends bytes back to back, ``bit_time`` time units a bit."""

    def drive_pin():
        for byte in data:
            for bit in [0] + [byte >> k & 1 for k in range(DATA_BITS)] + [1]:
                pin.next = bool(bit)
                yield delay(bit_time)

    return drive_pin()


def cycles(count):
    """A generator to ``yield``: waits for ``count`` clock cycles."""

    def count_cycles():
        yield delay(max(1, count * PERIOD))

    return count_cycles()


def listen(pin, received, bit_cycles):
    """An instance for ``run_bench`` that appends each byte from ``pin`` to ``received``.

    bit_cycles: a list whose only element is the clock cycles of a bit; it may be changed.
    A missing stop bit raises AssertionError.
    """

    @instance
    def receive_bytes():
        while True:
            yield pin.negedge
            byte, bit_time = 0, bit_cycles[0] * PERIOD
            yield delay(bit_time // 2)
            assert not pin, "start bit is too short"
            for k in range(DATA_BITS):
                yield delay(bit_time)
                byte |= int(pin) << k
            yield delay(bit_time)
            assert pin, f"no stop bit after {byte:#04x}"
            received.append(byte)

    return receive_bytes
