"""BAR0 of a simulated board: the root complex's side of the socket of firmware/pcie_socket.py.

Accesses are those of ``bar.MappedBar``, a packet each: stores are posted, and a load waits for its
completion before the next one, as a CPU does.
"""

from __future__ import annotations

import socket
from typing import NamedTuple

import numpy as np

from volley.firmware.pcie import accesses
from volley.firmware.pcie_socket import (
    COUNTERS_STRUCT,
    HEAD_BYTES,
    Kind,
    message,
    split_head,
)
from volley.host.errors import TransportError
from volley.host.pcie import tlp
from volley.host.pcie.bar import Bar

ONES = 0xFFFFFFFF  # a load that is not answered with success
SEND_BYTES = 1 << 16  # of messages that wait for the next load
PATIENCE_S = 120.0  # a simulated board answers when this machine has time for it
TAGS = 32


class Counters(NamedTuple):
    """What has passed since the board was switched on, see ``firmware.pcie_socket.COUNTERS``."""

    cycles: int
    tlps_down: int
    bytes_down: int
    tlps_up: int
    bytes_up: int


class SocketBar(Bar):
    """BAR0 behind a connected stream socket."""

    def __init__(self, name: str, connection: socket.socket, patience: float = PATIENCE_S):
        self.name = name
        self._socket: socket.socket | None = connection
        connection.settimeout(patience)
        self._waiting = bytearray()
        self._tag = 0

    @classmethod
    def connect(cls, name: str, path: str) -> SocketBar:
        """Connects to the socket at a path; raises ``TransportError``."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(path)
        except OSError as error:
            connection.close()
            raise TransportError(f"{name}: {path}: {error.strerror}") from None
        return cls(name, connection)

    def load_block(self, place, count):
        found = []
        for at, size in accesses(place, count):
            found += self._load(at, size)
        return found

    def store_block(self, place, words):
        words = np.asarray(words, np.uint32)
        for at, size in accesses(place, len(words)):
            self._post(tlp.write(4 * at, words[at - place : at - place + size]))

    def counters(self) -> Counters:
        """The board's counters as they are now."""
        self._queue(message(Kind.COUNTERS))
        kind, data = self._receive()
        if kind != Kind.COUNTERS or len(data) != COUNTERS_STRUCT.size:
            raise self._broken(f"{kind.name} of {len(data)} bytes for COUNTERS")
        return Counters(*COUNTERS_STRUCT.unpack(data))

    def cycles(self):
        return self.counters().cycles

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _post(self, dwords):
        self._queue(message(Kind.TLP, tlp.to_bytes(dwords)))

    def _queue(self, data):
        self._waiting += data
        if len(self._waiting) >= SEND_BYTES:
            self._send()

    def _send(self):
        if self._socket is None:
            raise TransportError(f"{self.name} is closed")
        try:
            self._socket.sendall(self._waiting)
        except OSError as error:
            raise self._gone(error) from None
        self._waiting.clear()

    def _load(self, place, size):
        self._tag = (self._tag + 1) % TAGS
        self._post(tlp.read(4 * place, size, self._tag))
        kind, data = self._receive()
        if kind != Kind.TLP:
            raise self._broken(f"{kind.name} for a completion")
        try:
            found = tlp.completion(tlp.from_bytes(data))
        except tlp.TlpError as error:
            raise self._broken(str(error)) from None
        if found.tag != self._tag:
            raise self._broken(f"completion with tag {found.tag} for {self._tag}")
        if found.status != tlp.SUCCESS:
            return [ONES] * size
        if len(found.words) != size or found.byte_count != 4 * size:
            raise self._broken(
                f"completion of {len(found.words)} DW and {found.byte_count} bytes for {size} DW"
            )
        return found.words.tolist()

    def _receive(self):
        self._send()
        try:
            kind, length = split_head(self._bytes(HEAD_BYTES))
        except ValueError as error:
            raise self._broken(str(error)) from None
        if kind == Kind.RESET:
            raise TransportError(f"{self.name}: the link was reset; start again")
        return kind, self._bytes(length)

    def _bytes(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                part = self._socket.recv(count - len(data))
            except TimeoutError:
                raise TransportError(
                    f"{self.name}: no completion within {self._socket.gettimeout():g} s: the "
                    "simulated board hangs"
                ) from None
            except OSError as error:
                raise self._gone(error) from None
            if not part:
                raise self._gone("end of the connection")
            data += part
        return bytes(data)

    def _gone(self, reason):
        return TransportError(f"{self.name} went away ({reason}): its program ended; start again")

    def _broken(self, reason):
        return TransportError(f"{self.name}: no answer of PCIe: {reason}")
