"""Serial ports of this machine, and the boards that their USB identities belong to."""

from __future__ import annotations

from serial.tools import list_ports

from volley.host.pcie import port as pcie

# (vendor, product, text in the USB description or None): name. The first match counts.
KNOWN = (
    (0x0403, 0x6010, "Digilent", "Digilent board (FT2232H), e.g. Arty A7"),
    (0x0403, 0x6010, "SIPEED", "Sipeed board (FT2232 emulation), e.g. Tang Nano 20K"),
    (0x0403, 0x6010, None, "FTDI FT2232H, e.g. Digilent Arty A7 or Sipeed Tang Nano"),
    (0x0403, 0x6014, None, "FTDI FT232H"),
    (0x0403, 0x6015, "ULX3S", "Radiona ULX3S"),
    (0x0403, 0x6015, None, "FTDI FT231X, e.g. Radiona ULX3S"),
    (0x0403, 0x6001, None, "FTDI FT232R"),
    (0x0403, 0x6011, None, "FTDI FT4232H"),
    (0x10C4, 0xEA60, None, "Silicon Labs CP210x"),
    (0x1A86, 0x7523, None, "WCH CH340"),
    (0x359F, 0x3101, None, "Sipeed Tang Nano debugger"),
    (0x33AA, 0x0120, None, "Sipeed Tang debugger"),
)


def identity(vendor: int | None, product: int | None, description: str = "") -> str:
    """Name of a USB device from its vendor and product numbers and its description, or ""."""
    for known_vendor, known_product, text, name in KNOWN:
        if (vendor, product) == (known_vendor, known_product):
            if text is None or text.lower() in description.lower():
                return name
    return ""


def ports() -> list[tuple[str, str]]:
    """(device path, description) of every serial port, USB ones first."""
    rows = []
    for port in list_ports.comports():
        about = " ".join(filter(None, (port.manufacturer, port.product, port.description)))
        name = identity(port.vid, port.pid, about)
        usb = f"USB {port.vid:04x}:{port.pid:04x}" if port.vid is not None else ""
        serial = f"serial number {port.serial_number}" if port.serial_number else ""
        text = ", ".join(filter(None, (name or port.description, usb, serial)))
        rows.append((port.vid is None, port.device, text))
    return [(device, text) for _, device, text in sorted(rows)]


def names() -> str:
    """The ports as one phrase for an error message."""
    found = [device for device, _ in ports()]
    return ", ".join(found) if found else "none"


def listing() -> str:
    """The text of ``infer.py --list``: ports, then boards."""
    from volley.firmware import boards

    lines = ["Ports (for --port):"]
    rows = (
        ports()
        + pcie.listing()
        + [
            ("sim", "simulated board, built and started when used"),
            ("golden", "no board: the integer golden model on this CPU"),
        ]
    )
    width = max(len(device) for device, _ in rows)
    lines += [f"  {device:{width}}  {text}" for device, text in rows]
    lines += ["", "Boards (fpga/boards/):"]
    for name in boards.names():
        try:
            board = boards.load(name)
        except boards.BoardError as error:
            lines.append(f"  {name:{width}}  not usable: {error}")
            continue
        design = board.design
        lines.append(
            f"  {name:{width}}  {board.title}: {board.clock_hz / 1e6:g} MHz, CI {design.ci}, "
            f"CO {design.co}, {design.pes} PE, {board.baud} to {board.top_baud} baud"
            f"{', PCIe' if board.has_pcie else ''}"
        )
    return "\n".join(lines)
