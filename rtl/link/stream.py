"""Streams between the blocks of the link: data with a valid/ready handshake."""

from myhdl import Signal, intbv

from volley.firmware.fields import WORD_BITS

BYTE_BITS = 8
WORD_BYTES = WORD_BITS // BYTE_BITS


class Stream:
    """Items that pass from a source to a sink, one in a clock cycle at most.

    Driven by the source:
        data   ``width`` bits
        valid  data is an item
        last   the item ends a frame
    Driven by the sink:
        ready  the sink takes an item

    The rules, at every rising edge of the clock:
    1. An item passes if ``valid`` and ``ready`` are both set, and only then.
    2. A source that has set ``valid`` keeps it, ``data`` and ``last`` as they are until the item passes.
    3. A source does not wait for ``ready`` before it sets ``valid``; a sink may wait for ``valid``
       before it sets ``ready``, and may take ``ready`` back.
    4. ``data`` and ``last`` mean nothing while ``valid`` is not set.
    A reset of source and sink may drop an item that has not passed.

    A source that cannot wait has no ``ready``: every item passes in the cycle of its ``valid``. A
    stream without frames has no ``last``. The block at the source says so; the signal is there, but
    not used, and so it is not in the converted hardware.
    """

    def __init__(self, width, ready=False):
        """width: bits of ``data``. ready: what ``ready`` is at power-up, if its sink is a register."""
        self.data = Signal(intbv(0)[width:])
        self.valid = Signal(bool(0))
        self.ready = Signal(bool(ready))
        self.last = Signal(bool(0))
