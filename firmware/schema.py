"""Checks of values from files: a format is a table of keys, each with what its value may be.

A check is called with the key's place in the file and the value, and raises ``SchemaError``, which
says both, and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from volley.firmware.json_text import JsonError
from volley.firmware.texts import short

Check = Callable[[str, Any], None]


class SchemaError(JsonError):
    """A value that breaks a rule; says which key, what was found, what is allowed."""


def refuse(where: str, found: str, allowed: str) -> None:
    """Raises ``SchemaError``."""
    raise SchemaError(f"key '{where}': found {found}; allowed: {allowed}")


@dataclass(frozen=True)
class Whole:
    """A whole number; not 3.0, nor true."""

    low: int
    high: int

    def __call__(self, where: str, value: Any) -> None:
        """Raises ``SchemaError``."""
        if type(value) is not int or not self.low <= value <= self.high:
            refuse(where, short(value), f"a whole number {self.low} to {self.high}")


@dataclass(frozen=True)
class Choice:
    """One of some values, also of their type."""

    values: tuple

    def __call__(self, where: str, value: Any) -> None:
        """Raises ``SchemaError``."""
        if not any(type(value) is type(each) and value == each for each in self.values):
            refuse(where, short(value), ", ".join(map(repr, self.values)))


def flag(where: str, value: Any) -> None:
    """A check: true or false."""
    if not isinstance(value, bool):
        refuse(where, short(value), "true, false")


@dataclass(frozen=True)
class Text:
    """A text of least to most characters."""

    most: int
    least: int = 1

    def __call__(self, where: str, value: Any) -> None:
        """Raises ``SchemaError``."""
        if not isinstance(value, str) or len(value) < self.least:
            refuse(where, short(value), "a text that is not empty" if self.least else "a text")
        if len(value) > self.most:
            refuse(where, f"a text of {len(value)} characters", f"{self.most} characters")


@dataclass(frozen=True)
class Each:
    """A list of least to most values that pass a check. what: of the values, for messages."""

    check: Check
    least: int
    most: int
    what: str = "values"

    def __call__(self, where: str, value: Any) -> None:
        """Raises ``SchemaError``."""
        if not isinstance(value, list):
            refuse(where, short(value), f"a list of {self.what}")
        if not self.least <= len(value) <= self.most:
            found = "none" if not value else f"{len(value)} {self.what}"
            count = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
            refuse(where, found, f"{count} {self.what}")
        for number, each in enumerate(value):
            self.check(f"{where}[{number}]", each)


@dataclass(frozen=True)
class Either:
    """null, or a value that passes a check."""

    check: Check

    def __call__(self, where: str, value: Any) -> None:
        """Raises ``SchemaError``."""
        if value is not None:
            self.check(where, value)


@dataclass(frozen=True)
class Record:
    """A JSON object with just these keys."""

    keys: Mapping[str, Check]

    def __call__(self, where: str, value: Any) -> None:
        """Raises ``SchemaError``."""
        check_keys(where, value, self.keys, self.keys)
        for key, check in self.keys.items():
            check(f"{where}.{key}" if where else key, value[key])


def anything(where: str, value: Any) -> None:
    """A check that takes whatever comes: of what is passed on as it is."""


def check_keys(where: str, found: Any, allowed, needed) -> None:
    """Raises ``SchemaError`` unless ``found`` is an object with the needed keys and none beyond the allowed."""
    if not isinstance(found, dict):
        refuse(where, short(found), "a JSON object")
    dot = f"{where}." if where else ""
    for key in needed:
        if key not in found:
            raise SchemaError(f"key '{dot}{key}': missing")
    for key in found:
        if key not in allowed:
            name = short(key)[1:-1]
            raise SchemaError(f"key '{dot}{name}': unknown; allowed: {', '.join(sorted(allowed))}")
