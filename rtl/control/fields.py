"""Signals as wide as the fields of instructions and descriptors."""

from myhdl import Signal, intbv

from volley.firmware.isa import DESCRIPTOR


def field_signal(field):
    """A Signal that holds a ``Field``: bool for one bit, else unsigned intbv."""
    return Signal(bool(0) if field.width == 1 else intbv(0)[field.width :])


def descriptor_signals(*names):
    """A Signal for each of these fields of the descriptor: registers of a block's own, since ``fetch``
    goes on to the next descriptor while a layer runs."""
    return [field_signal(DESCRIPTOR[name]) for name in names]


class Fields:
    """A Signal for every field of a table of fields, as an attribute of the field's name."""

    def __init__(self, table):
        self.table = table
        for name, field in table.items():
            setattr(self, name, field_signal(field))

    def signals(self):
        """(Field, Signal) pairs."""
        return [(field, getattr(self, name)) for name, field in self.table.items()]
