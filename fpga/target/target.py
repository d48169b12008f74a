"""A target: a real board as its data file describes it, with the clock that its PLL makes."""

from __future__ import annotations

import dataclasses
import re

from volley.firmware import boards
from volley.firmware.texts import short
from volley.fpga.target import pll
from volley.fpga.target.grid import GRIDS, LARGEST_SPREAD, grid_of
from volley.fpga.target.pll import Setting
from volley.rtl.link.uart import check_divisor

BAUD_TOLERANCE = 0.02  # of the baud rate; a receiver stands about 4 %, for both ends
INPUTS = ("oscillator", "rx")
OUTPUTS = ("tx", "led_heartbeat", "led_rx", "led_tx")
OPTIONAL = ("button", "oscillator_n", "led_link")
"""Pins that a board may have: a reset, the other half of a differential oscillator, PCIe's link is up."""

GT = "GT"  # the type of a transceiver's pins, which have no I/O standard
PCIE_CLOCK = ("pcie_refclk_p", "pcie_refclk_n")
PCIE_INPUTS = (*PCIE_CLOCK, "pcie_rx_p", "pcie_rx_n", "pcie_perst_n")
PCIE_OUTPUTS = ("pcie_tx_p", "pcie_tx_n")
ALL_INPUTS = (*INPUTS, "button", "oscillator_n", *PCIE_INPUTS)
RESOURCES = ("lut", "ff", "bram", "dsp")
PIN_KEYS = {"site", "type", "pull", "active", "constant"}
PULLS = ("up", "down", "none")
WORDS = {
    "name": re.compile(r"[A-Za-z]\w{0,63}([.-]\w{1,63})*"),
    "port": re.compile(r"[A-Za-z_]\w{0,63}"),
    "site": re.compile(r"\w{1,63}"),
    "type": re.compile(r"\w{1,63}"),
    "part": re.compile(r"\w+([./-]\w+)*"),
    "option": re.compile(r"[\w./=:,+-]+"),
}
"""What texts of a board file may be: they go into Tcl, Makefiles and constraints as they are."""

FAMILIES = {"trellis": "ecp5", "apicula": "gowin", "vivado": "xc7"}


@dataclasses.dataclass(frozen=True)
class Pin:
    """One port of the top level and its place.

    site: ball or pin of the package. type: I/O standard. pull: "up", "down" or "none".
    active_low: whether the board inverts it. constant: the level that an output keeps, or None.
    """

    port: str
    site: str
    type: str
    pull: str = "none"
    active_low: bool = False
    constant: int | None = None

    @property
    def is_input(self) -> bool:
        """Whether the port is an input of the device."""
        return self.port in ALL_INPUTS


@dataclasses.dataclass(frozen=True)
class Target:
    """A board with everything that a build needs.

    board: its ``clock_hz`` is the actual clock, rounded to 1 Hz. wanted_hz: the clock asked for.
    pll: divider settings, None where the oscillator is the clock. goal: those of the clock that place and
    route aim at, where the clock is set behind them (``goal_hz`` of the board file), else None. capacity: number of "lut", "ff",
    "bram" and "dsp" in the device.
    """

    board: boards.Board
    flow: str
    part: str
    oscillator_hz: int
    wanted_hz: int
    pll: Setting | None
    pins: tuple[Pin, ...]
    capacity: dict[str, int]
    goal: Setting | None = None

    @property
    def goal_mhz(self) -> float:
        """The clock that place and route aim at."""
        return float(self.goal.hz) / 1e6 if self.goal else self.board.clock_hz / 1e6

    @property
    def name(self) -> str:
        """The board's name."""
        return self.board.name

    @property
    def family(self) -> str:
        """The device family, as ``fpga.flows.synth`` calls it."""
        return FAMILIES[self.flow]

    @property
    def ports(self) -> set[str]:
        """The names of its pins."""
        return {pin.port for pin in self.pins}

    @property
    def seed(self) -> int:
        """The seed of place and route with which the board's design was seen to meet its clock."""
        return self.board.data.get("nextpnr", {}).get("seed", 1)

    @property
    def spread(self) -> float:
        """The share of the device's logic tiles that stay empty, see ``fpga.flows.spread``."""
        return self.board.data.get("nextpnr", {}).get("spread", 0.0)

    @property
    def anneal(self) -> int:
        """Moves that ``fpga.anneal`` tries for each cell of the placed design; 0: it is routed as it was placed."""
        return self.board.data.get("nextpnr", {}).get("anneal", 0)

    def options(self, tool: str) -> list[str]:
        """The board file's own options of a tool's table, e.g. "nextpnr"."""
        return list(self.board.data.get(tool, {}).get("options", []))


def load(name: str, settings: dict[str, int] | None = None, clock_hz: int | None = None) -> Target:
    """The target of that board with other design parameters and another clock, if given.

    Raises ``firmware.boards.BoardError`` and ``volley.fpga.target.pll.PllError`` (both ``ValueError``).
    """
    board = boards.load(name, settings)
    data = board.data
    try:
        flow, oscillator_hz = data["flow"], whole(data, "oscillator_hz")
        if flow not in FAMILIES:
            raise boards.BoardError(f"flow is {short(flow)}, allowed is {', '.join(FAMILIES)}")
        check_texts(board)
        wanted_hz = clock_hz or board.clock_hz
        setting = pll.find(flow, oscillator_hz, wanted_hz, "goal_hz" in data)
        actual = round(setting.hz) if setting else oscillator_hz
        target = Target(
            board=dataclasses.replace(board, clock_hz=actual),
            flow=flow,
            part=data["part"],
            oscillator_hz=oscillator_hz,
            wanted_hz=wanted_hz,
            pll=setting,
            pins=tuple(read_pin(port, entry) for port, entry in table(data, "pins", dict).items()),
            capacity={name: whole(data["device"], name) for name in RESOURCES},
            goal=goal_of(data, flow, oscillator_hz),
        )
    except KeyError as error:
        raise boards.BoardError(f"{board.name}.toml: key {error} is missing") from None
    except boards.BoardError as error:
        raise boards.BoardError(f"{board.name}.toml: {error}") from None
    check_pins(target)
    check_baud(target.board)
    return target


def goal_of(data: dict, flow: str, oscillator_hz: int) -> Setting | None:
    """The PLL's setting for ``goal_hz``, None where there is none; raises ``BoardError``."""
    if "goal_hz" not in data:
        return None
    if flow != "trellis":
        raise boards.BoardError(f"goal_hz is for flow 'trellis', not for {flow!r}")
    return pll.find(flow, oscillator_hz, whole(data, "goal_hz"), True)


def word(kind: str, key: str, value) -> str:
    """A text that the tools take as it is; raises ``BoardError`` that names the key."""
    if not isinstance(value, str) or not WORDS[kind].fullmatch(value):
        raise boards.BoardError(
            f"{key} is {short(value)}, a text like {WORDS[kind].pattern} is wanted"
        )
    return value


def whole(data: dict, key: str) -> int:
    """A positive whole number; raises ``BoardError`` that names the key."""
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise boards.BoardError(f"{key} is {short(value)}, a positive whole number is wanted")
    return value


def table(data: dict, key: str, kind: type):
    """A part of a board file; raises ``BoardError`` unless it is of that kind."""
    if not isinstance(data[key], kind):
        name = "table" if kind is dict else "list"
        raise boards.BoardError(f"{key} is {short(data[key])}, a {name} is wanted")
    return data[key]


def check_texts(board: boards.Board) -> None:
    """Raises ``BoardError`` that names a text of the board file that the tools would not take."""
    data = board.data
    word("name", "the name of the file", board.name)
    word("part", "part", data["part"])
    if "openfpgaloader" in data:
        word("part", "openfpgaloader", data["openfpgaloader"])
    if board.has_pcie:
        word("site", "channel of [pcie]", table(data, "pcie", dict)["channel"])
        if data["flow"] != "vivado":
            raise boards.BoardError(f"flow is {short(data['flow'])}, with PCIe allowed is 'vivado'")
    table(data, "device", dict)
    for tool in ("nextpnr", "pack"):
        if tool in data:
            for option in table(table(data, tool, dict), "options", list):
                word("option", f"an option of [{tool}]", option)
    for key in ("seed", "anneal"):
        if key in data.get("nextpnr", {}):
            whole(data["nextpnr"], key)
    for key in ("spread", "anneal"):
        check_tiles_known(board, key)
    check_spread(board)


def check_tiles_known(board: boards.Board, key: str) -> None:
    """Raises ``BoardError`` where [nextpnr] has a key that needs the device's tiles, and they are not known."""
    table = board.data.get("nextpnr", {})
    if key in table and (board.data["flow"] != "trellis" or grid_of(table["options"]) is None):
        raise boards.BoardError(
            f"{key} is for flow 'trellis' and a device of {', '.join(GRIDS)}, "
            f"not for flow {short(board.data['flow'])} with {short(' '.join(table['options']))}"
        )


def check_spread(board: boards.Board) -> None:
    """Raises ``BoardError`` unless ``spread`` of [nextpnr], where it is, is a share."""
    table = board.data.get("nextpnr", {})
    if "spread" not in table:
        return
    share = table["spread"]
    if isinstance(share, bool) or not isinstance(share, float) or not 0 <= share <= LARGEST_SPREAD:
        raise boards.BoardError(f"spread is {short(share)}, allowed is 0.0 to {LARGEST_SPREAD}")


def read_pin(port: str, entry: dict) -> Pin:
    """A ``Pin`` from its table; raises ``BoardError`` on a key or level that is not known."""
    word("port", "the name of a pin", port)
    if not isinstance(entry, dict):
        raise boards.BoardError(
            f"pin {port} is {short(entry)}, wanted is {{ site = .., type = .. }}"
        )
    unknown = set(entry) - PIN_KEYS
    if unknown:
        raise boards.BoardError(
            f"pin {port}: no key {short(sorted(unknown)[0])}; there are {', '.join(sorted(PIN_KEYS))}"
        )
    active = entry.get("active", "high")
    if active not in ("high", "low"):
        raise boards.BoardError(f"pin {port}: active is {short(active)}, allowed is high or low")
    pull, constant = entry.get("pull", "none"), entry.get("constant")
    if pull not in PULLS:
        raise boards.BoardError(f"pin {port}: pull is {short(pull)}, allowed is {', '.join(PULLS)}")
    if constant is not None and (isinstance(constant, bool) or constant not in (0, 1)):
        raise boards.BoardError(f"pin {port}: constant is {short(constant)}, allowed is 0 or 1")
    for key in ("site", "type"):
        if key not in entry:
            raise boards.BoardError(f"pin {port}: key {key!r} is missing")
    return Pin(
        port,
        word("site", f"pin {port}: site", entry["site"]),
        word("type", f"pin {port}: type", entry["type"]),
        pull, active == "low", constant,
    )  # fmt: skip


def check_pins(target: Target) -> None:
    """Raises ``BoardError`` unless every port has a pin and every pin one port."""
    ports = {pin.port for pin in target.pins}
    wanted = set(INPUTS + OUTPUTS)
    if target.board.has_pcie:
        wanted |= set(PCIE_INPUTS + PCIE_OUTPUTS)
    constants = {pin.port for pin in target.pins if pin.constant is not None}
    for port in sorted(wanted - ports):
        raise boards.BoardError(f"{target.name}.toml: [pins] has no {port}")
    for port in sorted(ports - wanted - constants - set(OPTIONAL)):
        raise boards.BoardError(f"{target.name}.toml: pin {port} is no port and has no constant")
    sites = [pin.site for pin in target.pins]
    for site in sites:
        if sites.count(site) > 1:
            raise boards.BoardError(f"{target.name}.toml: site {site} has two ports")


def check_baud(board: boards.Board) -> None:
    """Raises ``BoardError`` unless the clock makes the baud rate after reset."""
    check_divisor(board.divisor)
    made = board.clock_hz / board.divisor
    if abs(made / board.baud - 1) > BAUD_TOLERANCE:
        raise boards.BoardError(
            f"{board.clock_hz / 1e6:g} MHz makes {made:.0f} baud, not {board.baud}: "
            f"more than {BAUD_TOLERANCE:.0%} off"
        )
