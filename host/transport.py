"""Byte streams to a board. The link stands on ``Transport`` alone: a serial port is one, and a PCIe
stream or a socket joins by being another."""

from __future__ import annotations

import abc
import errno
import time

import serial

from volley.firmware.frames import BITS_PER_BYTE
from volley.host import ports
from volley.host.errors import TransportError

POLL_S = 0.02  # longest single wait of the serial port
WRITE_TIMEOUT_S = 20.0


class Transport(abc.ABC):
    """A byte stream in both directions.

    name: for messages. patience: seconds of silence after which a request is sent again, beyond
    the time that its bytes take on the wire.
    """

    name = "transport"
    patience = 0.5

    @abc.abstractmethod
    def write(self, data: bytes) -> None:
        """Sends all of ``data``; raises ``TransportError`` if the far end is gone."""

    @abc.abstractmethod
    def read(self, timeout: float) -> bytes:
        """What has arrived, at least a byte; b"" after ``timeout`` seconds without one.

        Raises ``TransportError`` if the far end is gone.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the stream. A second call does nothing."""

    def flush_input(self) -> None:
        """Forgets what has arrived so far."""
        while self.read(0):
            pass

    def drain(self) -> None:  # noqa: B027, nothing to wait for by default
        """Waits until what was written has left this machine."""

    @property
    def baud(self) -> int | None:
        """Bits per second on the wire, or None where there is no such rate."""
        return None

    def set_baud(self, baud: int) -> None:
        """Changes the rate, after what was written has left; raises ``TransportError``."""
        raise TransportError(f"{self.name} has no baud rate")

    def seconds(self, count: int) -> float:
        """How long ``count`` bytes take on the wire."""
        return count * BITS_PER_BYTE / self.baud if self.baud else 0.0


class SerialTransport(Transport):
    """A serial port by its device path, opened for this process alone.

    Raises ``TransportError`` for a port that is absent (lists those that are there), busy, not
    permitted, or no serial port.
    """

    def __init__(self, path: str, baud: int, patience: float = 0.5):
        self.name, self.patience = path, patience
        try:
            self._serial = serial.Serial(
                path, baud, timeout=POLL_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except (OSError, ValueError, OverflowError) as error:
            raise TransportError(_why_not_open(path, baud, error)) from None
        except Exception as error:  # termios.error is no OSError
            raise TransportError(
                f"{path} is no serial port ({error}); ports here: {ports.names()}"
            ) from None

    def write(self, data):
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise TransportError(
                f"{self.name} took no bytes for {WRITE_TIMEOUT_S:g} s: the board or its USB "
                "adapter hangs; plug it out and in again"
            ) from None
        except (OSError, TypeError) as error:
            raise self._gone(error) from None

    def read(self, timeout):
        end = time.monotonic() + timeout
        while True:
            try:
                data = self._serial.read(1)
                if data:
                    return data + self._serial.read(self._serial.in_waiting)
            except (OSError, TypeError) as error:
                raise self._gone(error) from None
            if time.monotonic() >= end:
                return b""

    def flush_input(self):
        try:
            self._serial.reset_input_buffer()
        except Exception as error:  # termios.error is no OSError
            raise self._gone(error) from None

    def drain(self):
        try:
            self._serial.flush()
        except Exception as error:  # termios.error is no OSError
            raise self._gone(error) from None

    @property
    def baud(self):
        return self._serial.baudrate

    def set_baud(self, baud):
        try:
            self._serial.flush()
            self._serial.baudrate = baud
        except Exception as error:  # termios.error is no OSError
            raise TransportError(f"{self.name} cannot be set to {baud} baud: {error}") from None

    def close(self):
        try:
            self._serial.close()
        except Exception:  # an unplugged port need not close well
            pass

    def _gone(self, error):
        return TransportError(
            f"{self.name} went away ({error}): unplugged, or its program ended; "
            "plug the board in and start again"
        )


def _why_not_open(path, baud, error):
    """The message for a port that did not open."""
    number, text = getattr(error, "errno", None), str(error)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFoundError" in text:
        return f"no such port: {path}; ports here: {ports.names()}; sim is the simulated board"
    if number == errno.EACCES or "PermissionError" in text:
        return (
            f"{path}: no permission; on Linux add yourself to the group that owns it "
            "(often dialout) and log in again"
        )
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "exclusively lock" in text:
        return f"{path} is busy: another program has it open; end that program first"
    if isinstance(error, (ValueError, OverflowError)):
        return f"{path} cannot be set to {baud} baud: {error}"
    if "Could not configure port" in text:  # pyserial's words for what is no terminal
        return f"{path} is no serial port; ports here: {ports.names()}"
    return f"{path} cannot be opened: {error}; ports here: {ports.names()}"
