"""BAR0 through vfio-pci, for machines that lock sysfs: linux/vfio.h by ioctl, no library."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from volley.firmware.pcie import BAR_BYTES
from volley.host.errors import TransportError
from volley.host.pcie.bar import MappedBar
from volley.host.pcie.find import PciDevice
from volley.host.pcie.sysfs import lock

DRIVER = "vfio-pci"

# linux/vfio.h: _IO(';', 100 + n)
BASE = ord(";") << 8 | 100
GET_API_VERSION, SET_IOMMU = BASE, BASE + 2
GROUP_GET_STATUS, GROUP_SET_CONTAINER, GROUP_GET_DEVICE_FD = BASE + 3, BASE + 4, BASE + 6
DEVICE_GET_REGION_INFO = BASE + 8
API_VERSION = 0
TYPE1_IOMMU = 1
GROUP_STATUS = struct.Struct("=2I")  # argsz, flags
VIABLE = 1
REGION_INFO = struct.Struct("=4I2Q")  # argsz, flags, index, cap_offset, size, offset
CAN_MAP = 4
BAR0_REGION, CONFIG_REGION = 0, 7

# PCI's configuration space
COMMAND = struct.Struct("<H")
COMMAND_OFFSET, COMMAND_MEMORY = 4, 2


class VfioBar(MappedBar):
    """BAR0 of a device that vfio-pci holds; keeps the files that hold it."""

    def __init__(self, name, descriptor, offset, holders):
        self._holders = holders
        super().__init__(name, descriptor, offset)

    def close(self):
        super().close()
        while self._holders:
            os.close(self._holders.pop())


def open_bar(device: PciDevice) -> VfioBar:
    """Opens the device's group and maps BAR0; raises ``TransportError`` that says what to do."""
    folder = device.root / "dev/vfio"
    link = device.folder / "iommu_group"
    if not link.exists():
        raise TransportError(
            f"{device.port}: is with vfio-pci, but in no IOMMU group: switch the IOMMU on in the "
            "firmware's setup and on the kernel's command line (docs/pcie.md)"
        )
    group = folder / link.resolve().name
    opened: list[int] = []
    try:
        for path in (folder / "vfio", group):
            opened.append(_open(device, path))
        container, holder = opened
        lock(holder, device.port)
        return _bar(device, group, container, holder, opened)
    except OSError as error:
        _close(opened)
        raise TransportError(f"{device.port}: {group}: {error.strerror}") from None
    except BaseException:
        _close(opened)
        raise


def _close(descriptors):
    while descriptors:
        os.close(descriptors.pop())


def _open(device, path):
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        reasons = {
            errno.ENOENT: "is not there; load the module: modprobe vfio-pci",
            errno.ENODEV: "is not there; load the module: modprobe vfio-pci",
            errno.EACCES: "no permission; make it yours or your group's (docs/pcie.md)",
            errno.EBUSY: "is busy: another program uses the board; end that program first",
        }
        reason = reasons.get(error.errno or 0, error.strerror)
        raise TransportError(f"{device.port}: {path}: {reason}") from None


def _bar(device, group, container, holder, opened):
    if fcntl.ioctl(container, GET_API_VERSION) != API_VERSION:
        raise TransportError(f"{device.port}: the kernel's VFIO is of another version")
    status = bytearray(GROUP_STATUS.pack(GROUP_STATUS.size, 0))
    fcntl.ioctl(holder, GROUP_GET_STATUS, status)
    if not GROUP_STATUS.unpack(status)[1] & VIABLE:
        raise TransportError(
            f"{device.port}: {group} has other devices that are not with vfio-pci; give them to it "
            "too, or put the board into another slot"
        )
    fcntl.ioctl(holder, GROUP_SET_CONTAINER, struct.pack("i", container))
    try:
        fcntl.ioctl(container, SET_IOMMU, TYPE1_IOMMU)
    except PermissionError:
        raise TransportError(
            f"{device.port}: the kernel refuses this IOMMU (no interrupt remapping): see docs/pcie.md"
        ) from None
    name = bytearray(device.address.encode() + b"\0")  # of bytes, ioctl would return a copy
    descriptor = fcntl.ioctl(holder, GROUP_GET_DEVICE_FD, name)
    opened.append(descriptor)
    flags, size, offset = _region(descriptor, BAR0_REGION)
    if size != BAR_BYTES or not flags & CAN_MAP:
        raise TransportError(
            f"{device.port}: BAR0 has {size} bytes, that of a Volley board {BAR_BYTES}, to be mapped"
        )
    _, _, config = _region(descriptor, CONFIG_REGION)
    at = config + COMMAND_OFFSET
    (command,) = COMMAND.unpack(os.pread(descriptor, COMMAND.size, at))
    os.pwrite(descriptor, COMMAND.pack(command | COMMAND_MEMORY), at)
    opened.pop()
    try:
        return VfioBar(device.port, descriptor, offset, opened)
    except BaseException:
        opened.append(descriptor)
        raise


def _region(descriptor, index):
    """(flags, size, offset) of a region of the device."""
    info = bytearray(REGION_INFO.pack(REGION_INFO.size, 0, index, 0, 0, 0))
    fcntl.ioctl(descriptor, DEVICE_GET_REGION_INFO, info)
    _, flags, _, _, size, offset = REGION_INFO.unpack(info)
    return flags, size, offset
