"""A small stand-in for the top level: a UART that answers every byte with the next one."""

from pathlib import Path

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.frames import DIVISOR_UNIT
from volley.fpga.flows import sim
from volley.fpga.runner.steps import Steps
from volley.rtl.convert.converter import convert
from volley.rtl.link.stream import BYTE_BITS, Stream
from volley.rtl.link.uart import DIVISOR_BITS, uart_rx, uart_tx

BYTES = 4096  # that may wait for their way back, a power of two


@block
def volley(clk, rst, rx, tx, divisor):
    """Sends every received byte + 1; ports as the top level's. ``divisor``: cycles of a bit."""
    parts = divisor * DIVISOR_UNIT
    speed = Signal(intbv(parts)[DIVISOR_BITS:])
    received, sent = Stream(BYTE_BITS), Stream(BYTE_BITS)
    error, busy, failed = (Signal(bool(0)) for _ in range(3))
    bits = BYTES.bit_length() - 1
    first, last = (Signal(intbv(0)[bits:]) for _ in range(2))
    words = [Signal(intbv(0)[BYTE_BITS:]) for _ in range(BYTES)]

    uart_rx_inst = uart_rx(clk, rst, rx, speed, received, error)
    uart_tx_inst = uart_tx(clk, rst, sent, tx, speed, busy)

    @always(clk.posedge)
    def queue_bytes():
        speed.next = parts
        if rst:
            first.next = 0
            last.next = 0
            failed.next = False
        else:
            if error or (failed and not busy):
                failed.next = not failed
            if received.valid:
                words[last].next = (received.data + 1) & 0xFF
                last.next = (last + 1) & (BYTES - 1)
            if sent.valid and sent.ready:
                first.next = (first + 1) & (BYTES - 1)

    @always_comb
    def drive_sent():
        sent.data.next = words[first]
        sent.valid.next = first != last

    return instances()


def build(folder, divisor: int = 4) -> Path:
    """Builds the stand-in in ``folder`` and returns the binary."""
    pins = [Signal(bool(0)) for _ in range(4)]
    pins[2], pins[3] = Signal(bool(1)), Signal(bool(1))
    source = convert(volley(*pins, divisor), "verilog", Path(folder) / "volley.v")
    sim.compile_model(source, Steps(source.parent, print))
    return source.parent / sim.BINARY
