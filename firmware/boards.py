"""Boards: one data file each, fpga/boards/NAME.toml.

Keys that everything needs: ``title``, ``clock_hz`` (of the accelerator), ``baud`` (after reset),
``top_baud`` and the table ``[design]`` with the parameters of ``firmware.design.Design``. The rest
of a file is for fpga/build.py.
"""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import NamedTuple

from volley.firmware import frames
from volley.firmware.design import Design
from volley.firmware.files import PACKAGE
from volley.firmware.lines import Line, PcieLine, UartLine

FOLDER = PACKAGE / "fpga" / "boards"


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
        raise BoardError(f"{key} is {value!r}, allowed is a whole number from 1 to {(1 << 32) - 1}")
    if value != int(value):
        raise BoardError(f"{key} is {value!r}, a whole number is wanted")
    return int(value)


def _title(data: dict) -> str:
    value = data["title"]
    if not isinstance(value, str) or not value.isprintable():
        raise BoardError(f"title is {value!r}, a text of one line is wanted")
    return value


def names() -> list[str]:
    """The names of all boards."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str, settings: dict[str, int] | None = None) -> Board:
    """The board of that name, with design parameters replaced by ``settings``.

    name: of a file in fpga/boards/, or the path of a user's own board file: it ends in .toml.
    Raises ``BoardError`` that lists the known boards or says which key is wrong.
    """
    path = _path(name)
    try:
        data = tomllib.loads(path.read_text())
        return Board(
            name=path.stem,
            title=_title(data),
            clock_hz=_whole(data, "clock_hz"),
            baud=_whole(data, "baud"),
            top_baud=_whole(data, "top_baud"),
            design=Design(**{**data["design"], **(settings or {})}),
            data=data,
        )
    except OSError as error:
        raise BoardError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
            f"no board {name!r}; there are {', '.join(names())}, or the path of a board file (.toml)"
        )
    return path
