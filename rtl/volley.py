"""The top level of every board: a UART, the link, the accelerator."""

from myhdl import block

from volley.rtl.core import core
from volley.rtl.link.bus import Bus
from volley.rtl.link.identity import identity_words
from volley.rtl.link.link import link


@block
def volley(clk, rst, rx, tx, design, clock_hz, divisor, board):
    """clk, rst (synchronous, active high), rx: inputs; tx: output; all bool Signals.

    design: firmware.design.Design. clock_hz, board: what the board says of itself.
    divisor: clock cycles of a UART bit after reset.
    """
    bus = Bus()
    connection = link(clk, rst, rx, tx, bus, divisor)
    accelerator = core(clk, bus, identity_words(design, clock_hz, board), design)
    return connection, accelerator
