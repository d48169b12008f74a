"""UART: bytes with one start bit, eight data bits from the lowest on, one stop bit, no parity.

A bit may take any number D of clock cycles from LEAST_DIVISOR on, in parts of 1 / DIVISOR_UNIT. What is left over of
one bit counts for the next, so the rate is exact and an edge or a sample is less than a cycle early.

Receiver: between a start bit's edge on the pin and the cycle that sees it pass at most one cycle more than
between all later edges and theirs, and a sample is less than one cycle early. So a sample is less than one cycle
beside the middle of its bit, and the last one, 9.5 bits behind the edge, is right while the sender's clock and edges are
off by less than D / 2 - 1 cycles together: (D / 2 - 1) / 9.5 D of its rate, which is 4.0 % at 8.33 cycles a
bit and 2.6 % at 4. Where the sender is a ``uart_tx`` too, its own edges cost another cycle.
"""

from myhdl import Signal, always, always_comb, block, concat, instances, intbv

from volley.firmware.frames import DIVISOR_FRACTION_BITS, LEAST_DIVISOR

WHOLE_BITS = 16
DIVISOR_BITS = WHOLE_BITS + DIVISOR_FRACTION_BITS
DATA_BITS = 8
STOP_BIT = DATA_BITS + 1  # the start bit is bit 0


def check_divisor(divisor):
    """Raises ``ValueError`` unless ``divisor``, whole clock cycles of a bit, is one that works."""
    if not LEAST_DIVISOR <= divisor < 1 << WHOLE_BITS:
        raise ValueError(
            f"UART divisor is {divisor}, allowed is {LEAST_DIVISOR}..{(1 << WHOLE_BITS) - 1} "
            "clock cycles a bit: choose another baud rate or clock"
        )


@block
def next_bit(divisor, phase, cycles, rest):
    """cycles, rest = whole clock cycles of the next bit, and the part of one that is left over of it.

    phase: what was left over of the bit before.
    """
    fraction_bits = DIVISOR_FRACTION_BITS

    @always_comb
    def add_up():
        total = intbv(0)[fraction_bits + 1 :]
        total[:] = phase + divisor[fraction_bits:]
        rest.next = total[fraction_bits:]
        cycles.next = divisor[:fraction_bits]
        if total[fraction_bits]:
            cycles.next = divisor[:fraction_bits] + 1

    return instances()


@block
def uart_rx(clk, rst, pin, divisor, received, framing_error):
    """Receives bytes from ``pin``, which may change at any time.

    divisor: DIVISOR_BITS bits, clock cycles of a bit in parts of 1 / DIVISOR_UNIT, at least LEAST_DIVISOR
    cycles; may change at run time.
    received: a ``Stream`` of bytes, without ``ready`` and ``last``.
    framing_error: one cycle, a byte without stop bit; the next start bit counts after a high line.

    A bit is sampled at its middle, half a bit after the start bit was seen and every bit from there on. A byte may follow the stop bit of another at once.
    """
    meta = Signal(bool(1))
    line = Signal(bool(1))
    busy = Signal(bool(0))
    broken = Signal(bool(0))  # waits for a high line
    timer = Signal(intbv(0)[WHOLE_BITS + 1 :])
    phase, rest = (Signal(intbv(0)[DIVISOR_FRACTION_BITS:]) for _ in range(2))
    cycles = Signal(intbv(0)[WHOLE_BITS + 1 :])
    next_bit_inst = next_bit(divisor, phase, cycles, rest)
    half_bits = DIVISOR_FRACTION_BITS + 1
    bit_index = Signal(intbv(0, min=0, max=STOP_BIT + 1))
    shift = Signal(intbv(0)[DATA_BITS:])

    @always(clk.posedge)
    def synchronise():
        meta.next = pin
        line.next = meta

    @always(clk.posedge)
    def receive():
        received.valid.next = False
        framing_error.next = False
        if rst:
            busy.next = False
            broken.next = False
        elif busy:
            if timer != 0:
                timer.next = timer - 1
            else:
                timer.next = cycles - 1
                phase.next = rest
                if bit_index == 0:
                    bit_index.next = 1
                    if line:
                        busy.next = False  # too short for a start bit
                elif bit_index < STOP_BIT:
                    bit_index.next = bit_index + 1
                    shift.next = concat(line, shift[DATA_BITS:1])
                else:
                    busy.next = False
                    if line:
                        received.data.next = shift
                        received.valid.next = True
                    else:
                        framing_error.next = True
                        broken.next = True
        elif broken:
            if line:
                broken.next = False
        elif not line:
            busy.next = True
            bit_index.next = 0
            timer.next = divisor[:half_bits] - 1
            phase.next = divisor[half_bits:1]

    return instances()


@block
def uart_tx(clk, rst, sent, pin, divisor, busy):
    """Sends bytes to ``pin``, without a gap while there are any.

    sent: a ``Stream`` of bytes, without ``last``; ``ready`` is set at power-up.
    divisor: as in ``uart_rx``; it counts from the next bit on.
    busy: a byte was taken that has not left with all of its stop bit.
    """
    held = Signal(intbv(0)[DATA_BITS:])  # the next byte, while ``sent.ready`` is not set
    shift = Signal(intbv(0)[DATA_BITS:])
    timer = Signal(intbv(0)[WHOLE_BITS + 1 :])
    phase, rest = (Signal(intbv(0)[DIVISOR_FRACTION_BITS:]) for _ in range(2))
    cycles = Signal(intbv(0)[WHOLE_BITS + 1 :])
    next_bit_inst = next_bit(divisor, phase, cycles, rest)
    left = Signal(intbv(0, min=0, max=STOP_BIT + 1))  # bits after the one on the pin

    @always(clk.posedge)
    def send():
        if rst:
            sent.ready.next = True
            busy.next = False
            pin.next = True
            timer.next = 0
            left.next = 0
        elif busy or sent.valid:
            busy.next = True
            if timer != 0:
                timer.next = timer - 1
            elif left != 0:
                left.next = left - 1
                timer.next = cycles - 1
                phase.next = rest
                pin.next = shift[0]
                shift.next = concat(True, shift[DATA_BITS:1])
            elif not sent.ready:
                left.next = STOP_BIT
                timer.next = cycles - 1
                phase.next = rest
                pin.next = False
                shift.next = held
                sent.ready.next = True
            elif not sent.valid:
                busy.next = False
            if sent.valid and sent.ready:
                held.next = sent.data
                sent.ready.next = False

    return instances()
