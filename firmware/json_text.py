"""JSON from a file that nobody vouches for: parsed strictly, then taken apart by the types that are wanted."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from typing import Any

from volley.firmware.texts import short, shown

MAX_INTEGER_DIGITS = 20
MAX_TEXT = 1 << 24
"""Characters of a text that is parsed at all."""
MAX_DEPTH = 32
"""Lists and objects in each other."""
LARGEST = (1 << 63) - 1


class JsonError(ValueError):
    """A text that is no JSON, or JSON of another shape; says the key, what was found, what is allowed."""


def parse(text: str | bytes, most: int = MAX_TEXT) -> Any:
    """The value of a JSON text of at most so many characters; raises JsonError.

    Stricter than ``json.loads``: a key must not come twice, whole numbers have at most
    MAX_INTEGER_DIGITS digits, other numbers are finite as float64, NaN and Infinity are none, texts
    have no half of a surrogate pair, and at most MAX_DEPTH lists and objects are in each other.
    """
    if len(text) > most:
        raise JsonError(f"{len(text)} characters, allowed are {most}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except JsonError:
        raise
    except UnicodeEncodeError:
        raise JsonError(
            "a text in it has half of a surrogate pair, which is no character"
        ) from None
    except (ValueError, RecursionError) as error:
        raise JsonError(f"not JSON ({error})") from None
    if _depth(value) > MAX_DEPTH:
        raise JsonError(f"more than {MAX_DEPTH} lists and objects in each other")
    return value


def _depth(value):
    """Lists and objects that are in each other."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [x for each in level for x in (each.values() if isinstance(each, dict) else each)]
    return depth


def _object(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise JsonError(f"key {short(twice)} comes twice; allowed: once")
    return found


def _integer(digits):
    if len(digits) > MAX_INTEGER_DIGITS:
        raise JsonError(f"a whole number of {len(digits)} digits; allowed are {MAX_INTEGER_DIGITS}")
    return int(digits)


def _real(digits):
    value = float(digits)
    if not math.isfinite(value):
        raise JsonError(f"the number {digits:.24} is beyond what a float64 holds")
    return value


def _constant(name):
    raise JsonError(f"{name} is no number of JSON")


def decode(kind: Any, value: Any, where: str) -> Any:
    """``value`` of a parsed JSON text as ``kind``; raises JsonError with ``where`` in it.

    kind: int (0 to LARGEST), str, bool, dict or Any; a dataclass, from an object of its fields (those with a
    default may be missing); list[T], dict[K, T] with texts or whole numbers as keys, tuple[T, ...] or
    tuple[T, U] from arrays; T | None.
    """
    if kind is Any:
        return value
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in parts:
            return None
        (kind,) = [part for part in parts if part is not type(None)]
        return decode(kind, value, where)
    if kind is int:
        if type(value) is not int or not 0 <= value <= LARGEST:
            raise _wrong(where, value, f"a whole number 0 to {LARGEST}")
        return value
    if kind in (str, bool, dict):
        if type(value) is not kind:
            raise _wrong(
                where, value, {str: "a text", bool: "true, false", dict: "an object"}[kind]
            )
        return value
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin is list:
        items = _array(value, where)
        return [decode(parts[0], item, f"{where}[{k}]") for k, item in enumerate(items)]
    if origin is tuple:
        items = _array(value, where)
        wanted = [parts[0]] * len(items) if parts[1:] == (...,) else parts
        if len(items) != len(wanted):
            raise _wrong(where, value, f"an array of {len(wanted)}")
        return tuple(
            decode(part, item, f"{where}[{k}]") for k, (part, item) in enumerate(zip(wanted, items))
        )
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, value, "an object")
        return {
            _key(parts[0], key, where): decode(parts[1], item, f"{where}.{key}")
            for key, item in value.items()
        }
    raise TypeError(f"{where}: no rule for {kind}")


def _dataclass(kind, value, where):
    if not isinstance(value, dict):
        raise _wrong(where, value, "an object")
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    for key in value.keys() - {field.name for field in fields}:
        allowed = ", ".join(field.name for field in fields)
        raise JsonError(f"key '{where}.{shown(key[:80])}': unknown; allowed: {allowed}")
    found = {}
    for field in fields:
        if field.name in value:
            found[field.name] = decode(
                hints[field.name], value[field.name], f"{where}.{field.name}"
            )
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise JsonError(f"key '{where}.{field.name}': missing")
    try:
        return kind(**found)
    except ValueError as error:
        raise JsonError(f"key '{where}': {error}") from None


def _array(value, where):
    if not isinstance(value, list):
        raise _wrong(where, value, "an array")
    return value


def _key(kind, key, where):
    if kind is not int:
        return key
    if not key.isascii() or not key.isdigit() or len(key) > MAX_INTEGER_DIGITS:
        raise JsonError(f"key '{where}': {short(key)} in it; allowed: whole numbers")
    return int(key)


def _wrong(where, value, allowed):
    return JsonError(f"key '{where}': found {short(value)}; allowed: {allowed}")
