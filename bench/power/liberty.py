"""Reads what energies need of a Liberty file: functions, pins, capacitances, power tables, leakage."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

TOKEN = re.compile(r'"(?:[^"\\]|\\.|\\\n)*"|[{}();:,]|[^\s{}();:,"]+')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
UNITS = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}


class LibertyError(ValueError):
    """A file that is no Liberty library, or one without what energies need."""


class Group:
    """``kind (name) { attributes, groups }``."""

    def __init__(self, kind, name):
        self.kind, self.name = kind, name
        self.attributes: dict[str, str] = {}
        self.groups: list[Group] = []

    def all(self, kind):
        """The groups of a kind that lie directly in this one."""
        return [group for group in self.groups if group.kind == kind]

    def number(self, name, default=0.0):
        """An attribute as a float."""
        return float(self.attributes.get(name, default))


def parse(text: str) -> Group:
    """The tree of groups of a Liberty text; raises LibertyError."""
    tokens = TOKEN.findall(COMMENT.sub(" ", text).replace("\\\n", " "))
    top = Group("file", "")
    stack, index = [top], 0
    try:
        while index < len(tokens):
            token = tokens[index]
            if token == "}":
                stack.pop()
                index += 1
            elif token == ";":
                index += 1
            elif tokens[index + 1] == ":":
                end = index + 2
                while tokens[end] not in (";", "}") and tokens[end + 1] != ":":
                    end += 1
                stack[-1].attributes[token] = " ".join(tokens[index + 2 : end]).strip('"')
                index = end
            elif tokens[index + 1] == "(":
                end = tokens.index(")", index)
                values = " ".join(part for part in tokens[index + 2 : end] if part != ",")
                index = end + 1
                if index < len(tokens) and tokens[index] == "{":
                    group = Group(token, values.strip('"'))
                    stack[-1].groups.append(group)
                    stack.append(group)
                    index += 1
                else:
                    stack[-1].attributes[token] = values
            else:
                raise LibertyError(f"{token!r} is neither an attribute nor a group")
    except (IndexError, ValueError) as error:
        raise LibertyError(f"broken off: {error}") from None
    if len(stack) != 1 or not top.groups:
        raise LibertyError("no library, or a brace is missing")
    return top.groups[0]


def numbers(text: str) -> np.ndarray:
    """The floats of ``values`` or ``index``."""
    return np.array([float(n) for n in re.split(r"[\s,\"]+", text) if n])


@dataclasses.dataclass
class Power:
    """An ``internal_power`` group: joules of a rise and of a fall of the pin.

    related: the pin that causes it, or "". when: the condition, a Liberty expression, or "".
    """

    related: str
    when: str
    rise: float
    fall: float

    @property
    def toggle(self) -> float:
        """Mean of rise and fall."""
        return (self.rise + self.fall) / 2


@dataclasses.dataclass
class Pin:
    """capacitance: farads. function: of an output, a Liberty expression."""

    name: str
    output: bool
    capacitance: float
    function: str
    clock: bool
    power: list[Power]


@dataclasses.dataclass
class Cell:
    """leakage: watts. state: the name of the flip-flop's or latch's state in functions, or "".

    gating: of a clock gate for rising edges, its pins clock, enable and output. latch: of a latch that is open
    while a pin is 1, its pins data and enable.
    """

    name: str
    area: float
    leakage: float
    pins: dict[str, Pin]
    state: str
    next_state: str
    clocked_on: str
    gating: dict[str, str] = dataclasses.field(default_factory=dict)
    latch: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def inputs(self) -> list[Pin]:
        """Input pins, by name."""
        return [pin for pin in self.pins.values() if not pin.output]

    @property
    def outputs(self) -> list[Pin]:
        """Output pins, by name."""
        return [pin for pin in self.pins.values() if pin.output]


@dataclasses.dataclass
class Library:
    """name, volts, cells by name. slew: seconds, at which the tables were read; load: farads."""

    name: str
    volts: float
    cells: dict[str, Cell]
    slew: float
    load: float


def unit(text: str, default: float) -> float:
    """A unit such as ``1ns`` or ``(1,pf)`` as a number of SI units."""
    found = re.match(
        r"([\d.]*)\s*,?\s*([fpnum]?)[a-z]*$", text.strip('" ()').lower().replace(" ", ",")
    )
    if not found:
        return default
    return float(found.group(1) or 1) * UNITS[found.group(2)]


def interpolated(table: Group, templates, slew: float, load: float) -> float:
    """A power table at a slew and a load, linear between its points, held beyond them."""
    values = numbers(table.attributes["values"])
    if table.name == "scalar" or len(values) == 1:
        return float(values[0])
    template = templates.get(table.name)
    axes = []
    for number in (1, 2):
        text = table.attributes.get(f"index_{number}")
        kind = template.attributes.get(f"variable_{number}", "") if template else ""
        if text is None and template is not None and kind:
            text = template.attributes.get(f"index_{number}")
        if text is not None:
            axes.append((numbers(text), load if "capacitance" in kind else slew))
    grid = values.reshape([len(points) for points, _ in axes])
    for points, at in axes:
        if len(points) > 1:
            grid = np.apply_along_axis(lambda row, p=points, x=at: np.interp(x, p, row), 0, grid)
        else:
            grid = grid[0]
    return float(grid)


def read(path: Path, slew: float = 0.1e-9, load: float = 10e-15) -> Library:
    """A library, its power tables read at a slew (seconds) and a load (farads).

    Raises LibertyError, with the file's name, and ``OSError``.
    """
    try:
        tree = parse(Path(path).read_text(errors="replace"))
    except LibertyError as error:
        raise LibertyError(f"{path}: {error}") from None
    if tree.kind != "library":
        raise LibertyError(f"{path}: a library is wanted, found is {tree.kind}")
    volts = tree.number("nom_voltage")
    farad = unit(tree.attributes.get("capacitive_load_unit", "1 pf"), 1e-12)
    second = unit(tree.attributes.get("time_unit", "1ns"), 1e-9)
    watt = unit(tree.attributes.get("leakage_power_unit", "1nW"), 1e-9)
    joule = farad  # volts are the unit of voltage
    templates = {group.name: group for group in tree.all("power_lut_template")}
    at = slew / second, load / farad

    def power(group):
        found = {}
        for kind in ("rise_power", "fall_power", "power"):
            for table in group.all(kind):
                found[kind] = joule * interpolated(table, templates, *at)
        both = found.get("power", 0.0)
        return Power(
            group.attributes.get("related_pin", "").strip('"'),
            group.attributes.get("when", "").strip('"'),
            found.get("rise_power", both), found.get("fall_power", both),
        )  # fmt: skip

    def pin(group):
        return Pin(
            group.name, group.attributes.get("direction", "") == "output",
            farad * group.number("capacitance"), group.attributes.get("function", ""),
            group.attributes.get("clock", "") == "true",
            [power(part) for part in group.all("internal_power")],
        )  # fmt: skip

    def gating(group):
        if not group.attributes.get("clock_gating_integrated_cell", "").startswith("latch_posedge"):
            return {}
        marks = {
            "clock": "clock_gate_clock_pin",
            "enable": "clock_gate_enable_pin",
            "output": "clock_gate_out_pin",
        }
        found = {
            name: part.name for name, mark in marks.items() for part in group.all("pin")
            if part.attributes.get(mark) == "true"
        }  # fmt: skip
        return found if len(found) == len(marks) else {}

    def latch(group):
        names = {part.name for part in group.all("pin")}
        for part in group.all("latch"):
            pins = {
                "data": part.attributes.get("data_in", ""),
                "enable": part.attributes.get("enable", ""),
            }
            if set(pins.values()) <= names:
                return pins
        return {}

    def cell(group):
        states = group.all("ff") + group.all("latch")
        state = states[0].name.split()[0].strip('",') if states else ""
        attributes = states[0].attributes if states else {}
        return Cell(
            group.name, group.number("area"), watt * group.number("cell_leakage_power"),
            {part.name: pin(part) for part in group.all("pin")}, state.split(",")[0],
            attributes.get("next_state", ""), attributes.get("clocked_on", ""), gating(group),
            latch(group),
        )  # fmt: skip

    cells = {group.name: cell(group) for group in tree.all("cell")}
    if not cells or not volts:
        raise LibertyError(f"{path}: no cells, or no nom_voltage")
    return Library(tree.name, volts, cells, slew, load)


def expression(text: str, names: dict[str, str]) -> str:
    """A Liberty function as an expression of C or Python over words of bits, in parentheses throughout.

    names: of the pins in that language. ``!`` before or ``'`` behind is NOT; then bind ``^`` XOR,
    juxtaposition, ``*`` or ``&`` AND, and ``+`` or ``|`` OR. Raises LibertyError.
    """
    tokens = re.findall(r"[A-Za-z_]\w*(?:\[\d+\])?|[01]|[()!'*&+|^]", text)

    def binary(signs, operand, symbol, juxtaposed=False):
        found = operand()
        while tokens and (tokens[0] in signs or (juxtaposed and tokens[0] not in "')*&+|^")):
            if tokens[0] in signs:
                tokens.pop(0)
            found = f"({found} {symbol} {operand()})"
        return found

    def any_of():
        return binary("+|", all_of, "|")

    def all_of():
        return binary("*&", parity, "&", juxtaposed=True)

    def parity():
        return binary("^", operand, "^")

    def operand():
        token = tokens.pop(0)
        if token == "!":
            return f"~{operand()}"
        if token == "(":
            found = any_of()
            tokens.pop(0)
        elif token in "01":
            found = "0" if token == "0" else "~0"
        else:
            found = names[token]
        while tokens and tokens[0] == "'":
            tokens.pop(0)
            found = f"~{found}"
        return found

    try:
        return any_of()
    except (IndexError, KeyError) as error:
        raise LibertyError(f"function {text!r}: {error}") from None
