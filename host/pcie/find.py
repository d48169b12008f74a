"""PCIe boards of this machine, as Linux shows them under /sys/bus/pci/devices."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from volley.firmware.pcie import DEVICE_ID, VENDOR_ID
from volley.host.errors import TransportError

PCIE = "pcie"
FORMS = "pcie, the only board, or pcie:0000:03:00.0"
ROOT = Path("/")  # of the file system that has sys/ and dev/
IDS = f"{VENDOR_ID:04x}:{DEVICE_ID:04x}"
ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.I)


@dataclasses.dataclass(frozen=True)
class PciDevice:
    """A function of a PCI device.

    address: 0000:03:00.0. folder: in sysfs. ids: vendor and device, four hexadecimal digits each.
    driver: its name, or "". root: of the file system.
    """

    address: str
    folder: Path
    ids: str
    driver: str
    root: Path

    @property
    def port(self) -> str:
        """As --port takes it."""
        return f"{PCIE}:{self.address}"


def is_pcie(port: str) -> bool:
    """Whether a port names a PCIe board."""
    return port == PCIE or port.startswith(PCIE + ":")


def devices(root: Path = ROOT) -> list[PciDevice]:
    """Every PCI device, in the order of the addresses."""
    found = []
    for folder in sorted((root / "sys/bus/pci/devices").glob("*:*:*.*")):
        try:
            ids = [int((folder / name).read_text(), 16) for name in ("vendor", "device")]
        except (OSError, ValueError):  # gone in between
            continue
        link = folder / "driver"
        driver = link.resolve().name if link.exists() else ""
        found.append(
            PciDevice(
                folder.name, folder, ":".join(f"{number:04x}" for number in ids), driver, root
            )
        )
    return found


def boards(root: Path = ROOT) -> list[PciDevice]:
    """The devices that have the IDs of a Volley board."""
    return [device for device in devices(root) if device.ids == IDS]


def choose(port: str, root: Path = ROOT) -> PciDevice:
    """The board that a port names; raises ``TransportError`` that lists the boards."""
    found = boards(root)
    here = ", ".join(device.port for device in found)
    if port in (PCIE, PCIE + ":"):
        if len(found) == 1:
            return found[0]
        if found:
            raise TransportError(f"--port {port}: {len(found)} PCIe boards; choose one of {here}")
        raise TransportError(
            f"--port {port}: no PCIe board here (vendor and device {IDS}); is its bitstream "
            "loaded, and the bus scanned since? docs/pcie.md has both; sim:BOARD simulates one"
        )
    match = ADDRESS.fullmatch(port.partition(":")[2])
    if not match:
        raise TransportError(f"--port {port}: no PCI address; allowed: {FORMS}")
    wanted = f"{match[1] or '0000'}:{match[2]}".lower()
    for device in devices(root):
        if device.address == wanted:
            if device.ids != IDS:
                raise TransportError(
                    f"--port {port}: is {device.ids}, a Volley board is {IDS}; PCIe boards here: "
                    f"{here or 'none'}"
                )
            return device
    raise TransportError(f"--port {port}: no such device; PCIe boards here: {here or 'none'}")
