"""The link: requests from a line of bytes, executed on the bus, and their answers."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.fields import WORD_BITS
from volley.firmware.frames import BAD_FRAMES_TO_FALL_BACK, DIVISOR_UNIT
from volley.rtl.link.executor import executor
from volley.rtl.link.frame_rx import FrameEvents, frame_rx
from volley.rtl.link.frame_tx import frame_tx
from volley.rtl.link.stream import BYTE_BITS, Stream
from volley.rtl.link.uart import DIVISOR_BITS, check_divisor, uart_rx, uart_tx


class ByteLine:
    """What carries the link's bytes.

    received   a ``Stream`` of bytes of requests, without ``ready`` and ``last``
    lost       one cycle, a byte could not be received
    sent       a ``Stream`` of bytes of responses, without ``last``
    busy       bytes were taken from ``sent`` that have not left
    """

    def __init__(self):
        self.received = Stream(BYTE_BITS)
        self.lost = Signal(bool(0))
        self.sent = Stream(BYTE_BITS, ready=True)
        self.busy = Signal(bool(0))


@block
def stream_link(clk, rst, line, bus, events, new_divisor):
    """The link over any stream of bytes, a byte a cycle at most.

    line: a ``ByteLine``. bus: a ``volley.rtl.link.bus.Bus``, of which this is the master.
    events: the ``FrameEvents`` of ``frame_rx``.
    new_divisor: a ``Stream`` of divisors, without ``ready`` and ``last``: a BAUD command was answered
    and its answer has left.
    """
    requests = Stream(WORD_BITS)
    frame_rx_inst = frame_rx(clk, rst, line.received, line.lost, requests, events)

    responses = Stream(WORD_BITS)
    sending = Signal(bool(0))
    frame_tx_inst = frame_tx(clk, rst, responses, line.sent, sending)

    quiet = Signal(bool(0))
    executor_inst = executor(clk, rst, requests, responses, quiet, bus, new_divisor)

    @always_comb
    def drive_quiet():
        quiet.next = not (sending or line.busy)

    return instances()


@block
def link(clk, rst, rx, tx, bus, reset_divisor):
    """The link over a UART.

    rst: synchronous, active high; not needed after power-up.
    rx, tx: the pins, as the device sees them; ``rx`` may change at any time.
    bus: a ``volley.rtl.link.bus.Bus``, of which this is the master.
    reset_divisor: whole clock cycles of a bit after power-up and reset, and again after
    BAD_FRAMES_TO_FALL_BACK damaged frames or bytes without stop bit with no intact frame between; or
    a Signal with them, of DIVISOR_BITS in parts of 1 / DIVISOR_UNIT: then ``rst`` is needed after power-up.

    A new divisor counts from the end of the stop bit of the answer to BAUD on: the host lets a bit
    pass between the last byte of that answer and its first at the new rate.

    Raises ``ValueError`` if the UART can not work at ``reset_divisor``.
    """
    first_divisor = reset_divisor
    if isinstance(reset_divisor, int):
        check_divisor(reset_divisor)
        first_divisor = reset_divisor * DIVISOR_UNIT
    divisor = Signal(intbv(int(first_divisor))[DIVISOR_BITS:])
    new_divisor = Stream(DIVISOR_BITS)
    bad = Signal(intbv(0, min=0, max=BAD_FRAMES_TO_FALL_BACK))  # in a row
    events, line = FrameEvents(), ByteLine()

    uart_rx_inst = uart_rx(clk, rst, rx, divisor, line.received, line.lost)

    level = Signal(bool(1))  # a register inside has an initial value; a port of the top has none
    uart_tx_inst = uart_tx(clk, rst, line.sent, level, divisor, line.busy)

    stream_link_inst = stream_link(clk, rst, line, bus, events, new_divisor)

    @always_comb
    def drive_pin():
        tx.next = level

    @always(clk.posedge)
    def choose_divisor():
        if rst:
            divisor.next = first_divisor
            bad.next = 0
        elif new_divisor.valid:
            divisor.next = new_divisor.data
            bad.next = 0
        elif events.intact:
            bad.next = 0
        elif events.damaged or line.lost:
            if bad == BAD_FRAMES_TO_FALL_BACK - 1:
                divisor.next = first_divisor
                bad.next = 0
            else:
                bad.next = bad + 1

    return instances()
