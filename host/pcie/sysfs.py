"""BAR0 through sysfs: the file resource0, without a driver in the kernel."""

from __future__ import annotations

import errno
import fcntl
import os

from volley.firmware.pcie import BAR_BYTES
from volley.host.errors import TransportError
from volley.host.pcie.bar import MappedBar
from volley.host.pcie.find import PciDevice

RULE = "install the udev rule (docs/pcie.md) and be in its group, or be root"
LOCKED = (
    "the kernel is locked down, as Secure Boot does it, and refuses sysfs even to root; give the "
    "board to vfio-pci instead (docs/pcie.md), --port stays the same"
)


def lock(descriptor: int, name: str) -> None:
    """Takes a file for this process alone; raises ``TransportError`` if another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TransportError(
            f"{name} is busy: another program uses the board; end that program first"
        ) from None


def open_bar(device: PciDevice) -> MappedBar:
    """Enables the device and maps BAR0; raises ``TransportError`` that says what to do."""
    _enable(device)
    path = device.folder / "resource0"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    except OSError as error:
        raise TransportError(_reason(device, path, error)) from None
    try:
        lock(descriptor, device.port)
        size = os.fstat(descriptor).st_size
        if size != BAR_BYTES:
            raise TransportError(
                f"{device.port}: BAR0 has {size} bytes, that of a Volley board {BAR_BYTES}"
            )
        return MappedBar(device.port, descriptor)
    except OSError as error:
        os.close(descriptor)
        raise TransportError(_reason(device, path, error)) from None
    except BaseException:
        os.close(descriptor)
        raise


def _enable(device):
    path = device.folder / "enable"
    try:
        if path.read_text().strip() != "0":
            return
        path.write_text("1")
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM) and os.geteuid() != 0:
            raise TransportError(
                f"{device.port}: the device is not enabled, as after a rescan, and {path} is root's: "
                f"write 1 to it as root, or {RULE}"
            ) from None
        raise TransportError(_reason(device, path, error)) from None


def _reason(device, path, error):
    if error.errno == errno.EPERM:
        return f"{device.port}: {path}: {LOCKED}"
    if error.errno == errno.EACCES:
        return f"{device.port}: no permission for {path}; {RULE}"
    if error.errno in (errno.ENOENT, errno.ENODEV):
        return f"{device.port}: {path} is not there: the board went away; rescan the bus"
    return f"{device.port}: {path}: {error.strerror}"
