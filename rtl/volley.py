"""The top level of every board: the links, the accelerator."""

from myhdl import Signal, block

from volley.rtl.core import core
from volley.rtl.link.bus import Bus
from volley.rtl.link.bus_arbiter import bus_arbiter
from volley.rtl.link.identity import identity_words
from volley.rtl.link.link import link
from volley.rtl.link.pcie.pcie_endpoint import (
    RX_USER_BITS,
    TX_USER_BITS,
    AxiPort,
    DeviceId,
    pcie_endpoint,
)


@block
def volley(clk, rst, rx, tx, design, clock_hz, divisor, board):
    """clk, rst (synchronous, active high), rx: inputs; tx: output; all bool Signals.

    design: firmware.design.Design. clock_hz, board: what the board says of itself.
    divisor: clock cycles of a UART bit after reset. Both are numbers, or inputs that never change:
    Signals of CLOCK_BITS, and of DIVISOR_BITS in parts of 1 / DIVISOR_UNIT.
    """
    bus = Bus()
    connection = link(clk, rst, rx, tx, bus, divisor)
    accelerator = core(clk, bus, identity_words(design, clock_hz, board), design)
    return connection, accelerator


class HardBlock:
    """The user's side of PCIe's hard block: clk and rst (``user_clk_out``, ``user_reset_out``), the streams
    rx and tx (``AxiPort``), id (``DeviceId``)."""

    def __init__(self):
        self.clk, self.rst = (Signal(bool(0)) for _ in range(2))
        self.rx, self.tx = AxiPort(RX_USER_BITS), AxiPort(TX_USER_BITS)
        self.id = DeviceId()


@block
def volley_pcie(clk, rst, rx, tx, pcie, design, clock_hz, divisor, board):
    """``volley`` with a PCIe endpoint beside the UART; pcie: a ``HardBlock``.

    ``rst`` resets the UART's link alone: the endpoint has the hard block's reset.
    """
    bus, uart_bus, pcie_bus = Bus(), Bus(), Bus()
    connection = link(clk, rst, rx, tx, uart_bus, divisor)
    endpoint = pcie_endpoint(pcie.clk, pcie.rst, pcie.rx, pcie.tx, pcie.id, clk, pcie_bus)
    arbiter = bus_arbiter(clk, pcie_bus, uart_bus, bus)
    accelerator = core(clk, bus, identity_words(design, clock_hz, board), design)
    return connection, endpoint, arbiter, accelerator
