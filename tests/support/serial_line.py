"""The far end of a serial line, for benches: generators that send to a pin and listen to one."""

from myhdl import delay, instance

from tests.support.bench import PERIOD

DATA_BITS = 8


def send(pin, data, bit_time):
    """A generator to ``yield``: sends bytes back to back, ``bit_time`` time units a bit, whole or not."""

    def drive_pin():
        left = 0.0
        for byte in data:
            for bit in [0] + [byte >> k & 1 for k in range(DATA_BITS)] + [1]:
                pin.next = bool(bit)
                left += bit_time
                yield delay(round(left))
                left -= round(left)

    return drive_pin()


def cycles(count):
    """A generator to ``yield``: waits for ``count`` clock cycles."""

    def count_cycles():
        yield delay(max(1, count * PERIOD))

    return count_cycles()


def listen(pin, received, bit_cycles):
    """An instance for ``run_bench`` that appends each byte from ``pin`` to ``received``.

    bit_cycles: a list whose only element is the clock cycles of a bit, whole or not; it may be changed.
    A missing stop bit raises AssertionError.
    """

    @instance
    def receive_bytes():
        while True:
            yield pin.negedge
            byte, bit_time = 0, bit_cycles[0] * PERIOD
            moments = [round((k + 0.5) * bit_time) for k in range(DATA_BITS + 2)]
            yield delay(moments[0])
            assert not pin, "start bit is too short"
            for k in range(DATA_BITS):
                yield delay(moments[k + 1] - moments[k])
                byte |= int(pin) << k
            yield delay(moments[-1] - moments[-2])
            assert pin, f"no stop bit after {byte:#04x}"
            received.append(byte)

    return receive_bytes
