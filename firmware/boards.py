"""Boards: one data file each, fpga/boards/NAME.toml.

Keys that everything needs: ``title``, ``clock_hz`` (of the accelerator), ``baud`` (after reset),
``top_baud`` and the table ``[design]`` with the parameters of ``firmware.design.Design``. The rest
of a file is for fpga/build.py, and its types are checked here. ``format`` is 1 where it is absent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from volley.firmware import frames
from volley.firmware.design import Design
from volley.firmware.files import PACKAGE
from volley.firmware.lines import Line, PcieLine, UartLine
from volley.firmware.texts import short, shown

FOLDER = PACKAGE / "fpga" / "boards"
FORMAT = 1
LARGEST = 1 << 20  # bytes of a board file
DEVICE = ("lut", "ff", "bram", "dsp")  # what a real board's table [device] counts
TABLES = ("design", "device", "usb", "nextpnr", "pack", "pins")
_NAME = re.compile(r"[A-Za-z]\w*([.-]\w+)*")


class BoardError(ValueError):
    """No such board, or a board file that breaks a rule."""


class Rates(NamedTuple):
    """The core's clock in Hz, and the line that is in use."""

    clock_hz: float
    line: Line


@dataclasses.dataclass(frozen=True)
class Board:
    """One board. ``data`` is the whole board file as a dictionary."""

    name: str
    title: str
    clock_hz: int
    baud: int
    top_baud: int
    design: Design
    data: dict = dataclasses.field(hash=False, repr=False)

    @property
    def line_baud(self) -> int:
        """The rate in use once the driver has raised it (host.device.Device.raise_baud)."""
        return max(self.baud, frames.fastest_baud(self.clock_hz, self.top_baud))

    @property
    def rates(self) -> Rates:
        """Clock and line: PCIe where the board has it."""
        return Rates(self.clock_hz, PcieLine() if self.has_pcie else UartLine(self.line_baud))

    @property
    def has_pcie(self) -> bool:
        """Whether the design has an endpoint of PCIe beside the UART."""
        return bool(getattr(self.design, "pcie", 0))

    @property
    def divisor(self) -> int:
        """Clock cycles of a UART bit after reset."""
        return round(self.clock_hz / self.baud)


def _whole(data: dict, key: str) -> int:
    """A positive whole number of a board file; raises ``BoardError`` that names the key."""
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1 << 32:
        raise BoardError(
            f"{key} is {short(value)}, allowed is a whole number from 1 to {(1 << 32) - 1}"
        )
    if value != int(value):
        raise BoardError(f"{key} is {short(value)}, a whole number is wanted")
    return int(value)


def _design(data: dict, settings: dict[str, int]) -> Design:
    known = [field.name for field in dataclasses.fields(Design)]
    for name in data["design"]:
        if name not in known:
            raise BoardError(f"[design]: no parameter {short(name)}; there are {', '.join(known)}")
    return Design(**{**data["design"], **settings})


def _check_types(data: dict) -> None:
    """Raises ``BoardError`` for a table that is none, and for numbers where texts are wanted."""
    found = data.get("format", FORMAT)
    if type(found) is not int or found != FORMAT:
        raise BoardError(f"format is {short(found)}, this version of Volley reads format {FORMAT}")
    for name in TABLES:
        if not isinstance(data.get(name, {}), dict):
            raise BoardError(f"{name} is {short(data[name])}, a table is wanted")
    for key in ("flow", "part", "openfpgaloader"):
        if not isinstance(data.get(key, ""), str):
            raise BoardError(f"{key} is {short(data[key])}, a text is wanted")
    if data.get("flow", "sim") != "sim":
        for key in DEVICE:
            if key not in data.get("device", {}):
                raise BoardError(f"[device] has no {key}")
            if type(data["device"][key]) is not int or data["device"][key] < 1:
                raise BoardError(
                    f"[device]: {key} is {short(data['device'][key])}, a positive whole number is "
                    "wanted"
                )
    for port, entry in data.get("pins", {}).items():
        if not isinstance(entry, dict):
            raise BoardError(
                f"pin {shown(port)} is {short(entry)}, wanted is {{ site = .., type = .. }}"
            )
        for key in ("site", "type"):
            if not isinstance(entry.get(key, ""), str):
                raise BoardError(
                    f"pin {shown(port)}: {key} is {short(entry[key])}, a text is wanted"
                )


def _title(data: dict) -> str:
    value = data["title"]
    if not isinstance(value, str) or not value.isprintable():
        raise BoardError(f"title is {short(value)}, a text of one line is wanted")
    return value


def names() -> list[str]:
    """The names of all boards, also of those whose file is not usable."""
    return sorted(p.stem for p in FOLDER.glob("*.toml") if _NAME.fullmatch(p.stem) and p.is_file())


def usable() -> list[Board]:
    """All boards whose files are good: one that is broken stops nobody else's."""
    found = []
    for name in names():
        with contextlib.suppress(BoardError):
            found.append(load(name))
    return found


def load(name: str, settings: dict[str, int] | None = None) -> Board:
    """The board of that name, with design parameters replaced by ``settings``.

    name: of a file in fpga/boards/, or the path of a user's own board file: it ends in .toml.
    Raises ``BoardError`` that lists the known boards or says which key is wrong.
    """
    path = _path(name)
    try:
        if path.stat().st_size > LARGEST:
            raise BoardError(f"{path.stat().st_size} bytes, allowed are {LARGEST}")
        data = tomllib.loads(path.read_text("utf-8"))
        _check_types(data)
        return Board(
            name=path.stem,
            title=_title(data),
            clock_hz=_whole(data, "clock_hz"),
            baud=_whole(data, "baud"),
            top_baud=_whole(data, "top_baud"),
            design=_design(data, settings or {}),
            data=data,
        )
    except OSError as error:
        raise BoardError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BoardError(f"{path.name}: not TOML: {error}") from None
    except KeyError as error:
        raise BoardError(f"{path.name}: key {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise BoardError(f"{path.name}: {error}") from None


def _path(name: str) -> Path:
    """The file of a board that is named or whose path is given; raises ``BoardError``."""
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise BoardError(f"no board file {name}; a board file is a .toml as in fpga/boards/")
        return path
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise BoardError(
            f"no board {short(name)}; there are {', '.join(names())}, or the path of a board file (.toml)"
        )
    return path
