"""Signals in two's complement."""

from myhdl import Signal, intbv

from volley.firmware.isa import LANES, PSUM_BITS


def signed(bits):
    """A Signal of ``bits`` bits, two's complement."""
    return Signal(intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1)))


def psum_signals():
    """A psum of each lane."""
    return [signed(PSUM_BITS) for _ in range(LANES)]
