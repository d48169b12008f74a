"""Bit fields of words, declared as data; everything that packs or slices derives from them."""

from __future__ import annotations

from typing import NamedTuple

WORD_BITS = 32  # of a word of records, frames, programs and the memory map


class Field(NamedTuple):
    """Bits ``lsb .. lsb + width - 1`` of 32-bit word ``word`` of a record."""

    word: int
    lsb: int
    width: int

    @property
    def msb(self) -> int:
        """One above the highest bit: the upper bound of a MyHDL slice ``word[msb:lsb]``."""
        return self.lsb + self.width

    @property
    def largest(self) -> int:
        """The largest unsigned value that fits."""
        return (1 << self.width) - 1


def pack(fields: dict[str, Field], values: dict[str, int], words: int, what: str) -> list[int]:
    """Packs unsigned ``values`` into ``words`` 32-bit words; fields that are not named are 0.

    Raises ``ValueError`` that names ``what``, the field, the value and the allowed range.
    """
    record = [0] * words
    for name, value in values.items():
        if name not in fields:
            raise ValueError(f"{what}: no field {name!r}; there are {', '.join(fields)}")
        field = fields[name]
        if not 0 <= value <= field.largest:
            raise ValueError(f"{what}: {name} is {value}, allowed is 0..{field.largest}")
        record[field.word] |= int(value) << field.lsb
    return record


def unpack(fields: dict[str, Field], record: list[int]) -> dict[str, int]:
    """The unsigned value of every field of a record of 32-bit words."""
    return {
        name: (int(record[field.word]) >> field.lsb) & field.largest
        for name, field in fields.items()
    }


def signed(value: int, width: int) -> int:
    """The two's complement reading of the low ``width`` bits of ``value``."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value
