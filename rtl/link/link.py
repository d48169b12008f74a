"""The link: requests from a line of bytes, executed on the bus, and their answers."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.frames import BAD_FRAMES_TO_FALL_BACK
from volley.rtl.link.executor import executor
from volley.rtl.link.frame_rx import frame_rx
from volley.rtl.link.frame_tx import frame_tx
from volley.rtl.link.uart import DIVISOR_BITS, check_divisor, uart_rx, uart_tx


@block
def stream_link(
    clk, rst, data, valid, lost, out_data, out_valid, out_ready, line_busy, bus, intact, damaged,
    divisor, set_divisor,
):  # fmt: skip
    """The link over any stream of bytes, a byte a cycle at most.

    data, valid: bytes of requests, which can not be held back. lost: one cycle, a byte was lost.
    out_data, out_valid, out_ready: bytes of responses, given in a cycle in which both are set.
    line_busy: what carries the bytes of responses away has taken some that have not left.
    bus: a ``volley.rtl.link.bus.Bus``, of which this is the master.
    intact, damaged: one cycle, see ``frame_rx``.
    divisor, set_divisor: one cycle, a BAUD command was answered and its answer has left.
    """
    word = Signal(intbv(0)[32:])
    word_valid = Signal(bool(0))
    take = Signal(bool(0))
    receiver = frame_rx(clk, rst, data, valid, lost, word, word_valid, take, intact, damaged)

    answer = Signal(intbv(0)[32:])
    answer_last = Signal(bool(0))
    answer_valid = Signal(bool(0))
    answer_ready = Signal(bool(0))
    sender_busy = Signal(bool(0))
    sender = frame_tx(
        clk, rst, answer, answer_last, answer_valid, answer_ready,
        out_data, out_valid, out_ready, sender_busy,
    )  # fmt: skip

    quiet = Signal(bool(0))
    execution = executor(
        clk, rst, word, word_valid, take,
        answer, answer_last, answer_valid, answer_ready, quiet, bus, divisor, set_divisor,
    )  # fmt: skip

    @always_comb
    def tell_quiet():
        quiet.next = not (sender_busy or line_busy)

    return instances()


@block
def link(clk, rst, rx, tx, bus, reset_divisor):
    """The link over a UART.

    rst: synchronous, active high; not needed after power-up.
    rx, tx: the pins, as the device sees them; ``rx`` may change at any time.
    bus: a ``volley.rtl.link.bus.Bus``, of which this is the master.
    reset_divisor: clock cycles of a bit after power-up and reset, and again after
    BAD_FRAMES_TO_FALL_BACK damaged frames or bytes without stop bit with no intact frame between.

    A new divisor counts from the end of the stop bit of the answer to BAUD on: the host lets a bit
    pass between the last byte of that answer and its first at the new rate.

    Raises ``ValueError`` if the UART can not work at ``reset_divisor``.
    """
    check_divisor(reset_divisor)
    divisor = Signal(intbv(reset_divisor)[DIVISOR_BITS:])
    new_divisor = Signal(intbv(0)[DIVISOR_BITS:])
    set_divisor = Signal(bool(0))
    bad = Signal(intbv(0, min=0, max=BAD_FRAMES_TO_FALL_BACK))
    intact = Signal(bool(0))
    damaged = Signal(bool(0))

    data = Signal(intbv(0)[8:])
    valid = Signal(bool(0))
    framing_error = Signal(bool(0))
    line_in = uart_rx(clk, rst, rx, divisor, data, valid, framing_error)

    out_data = Signal(intbv(0)[8:])
    out_valid = Signal(bool(0))
    out_ready = Signal(bool(1))
    line_busy = Signal(bool(0))
    level = Signal(bool(1))  # a register inside has an initial value; a port of the top has none
    line_out = uart_tx(clk, rst, out_data, out_valid, out_ready, level, divisor, line_busy)

    stream = stream_link(
        clk, rst, data, valid, framing_error, out_data, out_valid, out_ready, line_busy, bus,
        intact, damaged, new_divisor, set_divisor,
    )  # fmt: skip

    @always_comb
    def drive_pin():
        tx.next = level

    @always(clk.posedge)
    def choose_divisor():
        if rst:
            divisor.next = reset_divisor
            bad.next = 0
        elif set_divisor:
            divisor.next = new_divisor
            bad.next = 0
        elif intact:
            bad.next = 0
        elif damaged or framing_error:
            if bad == BAD_FRAMES_TO_FALL_BACK - 1:
                divisor.next = reset_divisor
                bad.next = 0
            else:
                bad.next = bad + 1

    return instances()
