"""Opens the PCIe board that --port names, and describes those that are there."""

from __future__ import annotations

from pathlib import Path

from volley.firmware.registers import IDENTITY_WORDS
from volley.host import identity
from volley.host.errors import HostError, TransportError
from volley.host.pcie import find, sysfs, vfio
from volley.host.pcie.bar import Bar
from volley.host.pcie.bar_link import BarLink
from volley.host.pcie.find import PciDevice


def open_bar(device: PciDevice) -> Bar:
    """BAR0 through vfio-pci where that driver has the device, else through sysfs."""
    if device.driver == vfio.DRIVER:
        return vfio.open_bar(device)
    if device.driver:
        raise TransportError(
            f"{device.port}: the driver {device.driver} has the device; unbind it: "
            f"echo {device.address} > {device.folder}/driver/unbind"
        )
    return sysfs.open_bar(device)


def open_link(port: str, root: Path | None = None) -> BarLink:
    """The way to the board that a port names; raises ``TransportError``."""
    return BarLink(open_bar(find.choose(port, root or find.ROOT)))


def listing(root: Path | None = None) -> list[tuple[str, str]]:
    """(port, what it is) of every PCIe board, by its identity words or why they cannot be read."""
    return [(device.port, _describe(device)) for device in find.boards(root or find.ROOT)]


def _describe(device):
    kind = f"PCIe {device.ids}"
    try:
        link = BarLink(open_bar(device))
        try:
            found = identity.parse(link.identify(IDENTITY_WORDS), device.port)
        finally:
            link.close()
    except HostError as error:
        return f"{kind}, {str(error).removeprefix(device.port).lstrip(': ')}"
    design = found.design
    return (
        f"{found.board}, {kind}, {found.clock_hz / 1e6:g} MHz, CI {design.ci}, CO {design.co}, "
        f"{design.pes} PE"
    )
