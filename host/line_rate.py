"""The speed of a serial line, raised to what board and cable can do and set back at the end."""

from __future__ import annotations

import contextlib

from volley.firmware import boards, frames
from volley.firmware.frames import Command
from volley.firmware.registers import IDENTITY_WORDS
from volley.host.errors import HostError, LinkError, TransportError
from volley.host.identity import Identity
from volley.host.link import Link


class LineRate:
    """The bits a second of a ``Link`` to the board of ``identity``."""

    def __init__(self, link: Link, identity: Identity):
        self.link, self.transport, self.identity = link, link.transport, identity
        self._reset_baud: int | None = None

    def raise_baud(self) -> int | None:
        """Sets board and port to the board's top speed and returns the baud rate in use."""
        baud = self.transport.baud
        if baud is None or self.identity.board not in boards.names():
            return baud
        top = boards.load(self.identity.board).top_baud
        fastest = frames.fastest_baud(self.identity.clock_hz, top)
        if fastest <= baud:
            return baud
        try:
            self.transport.set_baud(fastest)
            self.transport.set_baud(baud)
        except TransportError:  # the port cannot do it: stay
            self.transport.set_baud(baud)
            return baud
        try:
            self.set_baud(fastest)
            self.link.identify(IDENTITY_WORDS)
            self._reset_baud = self._reset_baud or baud
        except LinkError:  # the cable cannot do it: go back
            self.transport.set_baud(baud)
            self.link.fall_back()
            self.link.identify(IDENTITY_WORDS)
        return self.transport.baud

    def restore(self) -> None:
        """Sets board and port back to the speed that they had."""
        if self._reset_baud and not self.link.broken:
            with contextlib.suppress(HostError):
                self.set_baud(self._reset_baud)
        self._reset_baud = None

    def set_baud(self, baud: int) -> None:
        """Sets board and port to a rate."""
        divisor = frames.divisor(self.identity.clock_hz, baud)
        self.link.flush()
        self.link.wait(self.link.submit(Command.BAUD, divisor))
        self.transport.set_baud(baud)
