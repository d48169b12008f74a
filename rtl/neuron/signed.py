"""Signals in two's complement."""

from myhdl import Signal, intbv


def signed(bits):
    """A Signal of ``bits`` bits, two's complement."""
    return Signal(intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1)))
