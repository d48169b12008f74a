"""Finds comparisons in converted Verilog that lose a bit of a sum which MyHDL keeps.

MyHDL computes a sum exactly. In Verilog all that a comparison is made of has the bits of its widest
operand: of ``a + b >= c`` with eight bits each the carry is lost, and a difference below zero is a
large number. A variable that is wide enough for the sum, assigned first, is the same in both.

Ranges come from declared widths: each name may hold every value that its bits can.
"""

from __future__ import annotations

import re
from typing import NamedTuple

BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
INTEGER = 32  # bits of an unsized number, and of ``integer``
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
PRECEDENCE = (
    ("?",), ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<=", ">=", "<", ">"),
    ("<<", ">>", "<<<", ">>>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
TOKENS = re.compile(
    r"\s*(\d*'[sS]?[bdohBDOH][0-9a-fA-F_]+|\d+|\$?[A-Za-z_]\w*|<<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||.)"
)
DECLARED = re.compile(
    r"^\s*(?:(?:input|output|inout)\s+)?(reg|wire|input|output|inout|integer)\s+(signed\s+)?"
    r"(?:\[(\d+(?:-1)?):0\]\s*)?(\w+)\s*(\[[^\]]*\])?\s*(?:=.*)?;"
)
STATEMENT = re.compile(
    r"^\s*(?:(?:else )?if \((?P<condition>.*)\) begin"
    r"|(?:assign )?\w+(?:\[[^=]*?\])? (?:<=|=) (?P<value>.*);)\s*$"
)


class Name(NamedTuple):
    """A declared name; is_memory: an index selects a word."""

    bits: int
    signed: bool
    is_memory: bool


UNKNOWN = Name(1 << 10, False, False)  # wide enough for anything


class Value(NamedTuple):
    """What an expression can be: its bits in Verilog, its exact range, and whether it is a sum."""

    bits: int
    signed: bool
    low: int
    high: int
    is_sum: bool = False


def lost_carries(text: str) -> list[tuple[int, str]]:
    """(line number, reason) of each comparison of a sum that needs more bits than it gets."""
    found, names, own = [], {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("module"):
            names = {}
        if line and not line[0].isspace():
            own = {}  # names of a process
        declared = DECLARED.match(line)
        if declared:
            kind, signed, high, name, words = declared.groups()
            bits = (
                INTEGER if kind == "integer" else Reader(high, {}).ternary().high + 1 if high else 1
            )
            scope = own if line[0].isspace() else names
            scope[name] = Name(bits, bool(signed) or kind == "integer", bool(words))
            continue
        statement = STATEMENT.match(line)
        if statement:
            expression = statement["condition"] or statement["value"]
            reader = Reader(expression, names | own)
            reader.ternary()
            found += [(number, reason) for reason in reader.traps]
    return found


def of_bits(bits: int, signed: bool = False) -> Value:
    """Anything that so many bits can hold."""
    if signed:
        return Value(bits, True, -(1 << bits - 1), (1 << bits - 1) - 1)
    return Value(bits, False, 0, (1 << bits) - 1)


class Reader:
    """Reads one expression as MyHDL writes them; ``traps`` collects what it compares wrongly.

    names: what is declared; of a name that is not there nothing is said.
    """

    def __init__(self, text: str, names: dict[str, Name]):
        self.tokens = TOKENS.findall(text)
        self.names = names
        self.at = 0
        self.traps: list[str] = []

    def next(self) -> str:
        """Takes a token, "" at the end."""
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def peek(self) -> str:
        """The token that follows."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def ternary(self) -> Value:
        """A whole expression."""
        value = self.binary(1)
        if self.peek() != "?":
            return value
        self.next()
        one = self.ternary()
        self.next()
        other = self.ternary()
        return Value(
            max(one.bits, other.bits), one.signed and other.signed, min(one.low, other.low),
            max(one.high, other.high), one.is_sum or other.is_sum,
        )  # fmt: skip

    def binary(self, level: int) -> Value:
        """Operators of a precedence and all that bind tighter."""
        if level == len(PRECEDENCE):
            return self.unary()
        value = self.binary(level + 1)
        while self.peek() in PRECEDENCE[level]:
            start = self.at
            operator = self.next()
            value = self.combine(operator, value, self.binary(level + 1), start)
        return value

    def combine(self, operator: str, left: Value, right: Value, at: int) -> Value:
        """The value of two operands with an operator, which is token ``at``."""
        if operator in COMPARISONS:
            for side, other in ((left, right), (right, left)):
                why = lost(operator, side, other)
                if why:
                    around = " ".join(self.tokens[max(0, at - 8) : at + 8])
                    self.traps.append(f"{why}: .. {around} ..; give it a variable of its own")
            return of_bits(1)
        if operator in ("&&", "||"):
            return of_bits(1)
        bits, signed = max(left.bits, right.bits), left.signed and right.signed
        if operator in ("+", "-", "*"):
            ends = [
                {"+": a + b, "-": a - b, "*": a * b}[operator]
                for a in (left.low, left.high)
                for b in (right.low, right.high)
            ]
            return Value(bits, signed, min(ends), max(ends), True)
        if operator in ("<<", ">>", "<<<", ">>>"):
            if operator[0] == "<" and right.low == right.high < 64:
                return left._replace(low=left.low << right.low, high=left.high << right.low)
            return left
        return of_bits(bits, signed)

    def unary(self) -> Value:
        """An operand with its signs."""
        token = self.peek()
        if token == "!":
            self.next()
            self.unary()
            return of_bits(1)
        if token == "~":
            self.next()
            value = self.unary()
            return of_bits(value.bits, value.signed)
        if token == "-":
            self.next()
            value = self.unary()
            return value._replace(low=-value.high, high=-value.low)
        return self.operand()

    def operand(self) -> Value:
        """A name, number, concatenation, call, or what stands in brackets."""
        token = self.next()
        if token == "(":
            value = self.ternary()
            self.next()
            return value
        if token == "{":
            return self.concatenation()
        if token in ("$signed", "$unsigned"):
            self.next()
            value = self.ternary()
            self.next()
            return taken_as(value, token == "$signed")
        if re.fullmatch(r"\d+", token):
            return Value(INTEGER, True, int(token), int(token))
        if "'" in token:
            size, _, digits = token.partition("'")
            signed = digits[0] in "sS"
            base, digits = digits[signed], digits[signed + 1 :].replace("_", "")
            number = int(digits, BASES[base.lower()])
            bits = int(size or INTEGER)
            return taken_as(Value(bits, False, number, number), signed)
        return self.selected(token)

    def concatenation(self) -> Value:
        """``{a, b}`` or ``{4{a}}``, behind its first bracket; a leading zero bit keeps a value's range."""
        first = self.ternary()
        if self.peek() == "{":
            times = first.high if first.low == first.high else UNKNOWN.bits
            self.next()
            value = self.concatenation()
            self.next()
            return of_bits(times * value.bits)
        parts = [first]
        while self.next() == ",":
            parts.append(self.ternary())
        bits = sum(part.bits for part in parts)
        if len(parts) == 2 and parts[0] == Value(1, False, 0, 0):
            return Value(bits, False, 0, (1 << parts[1].bits) - 1)
        return of_bits(bits)

    def selected(self, name: str) -> Value:
        """A name, with the bits that are selected of it."""
        bits, signed, is_memory = self.names.get(name, UNKNOWN)
        while self.peek() == "[":
            self.next()
            high = self.ternary()
            if self.peek() == ":":
                self.next()
                low = self.ternary()
                known = high.low == high.high and low.low == low.high
                bits, signed = high.high - low.low + 1 if known else UNKNOWN.bits, False
            elif is_memory:
                is_memory = False
            else:
                bits, signed = 1, False
            self.next()
        return of_bits(bits, signed)


def taken_as(value: Value, signed: bool) -> Value:
    """What ``$signed`` or ``$unsigned`` makes of a value: the same bits."""
    same = of_bits(value.bits, signed)
    if same.low <= value.low and value.high <= same.high:
        return Value(value.bits, signed, value.low, value.high)
    return same


def lost(operator: str, side: Value, other: Value) -> str | None:
    """How a side of a comparison can be another value in Verilog, so that the result differs."""
    if not side.is_sum:
        return None
    bits = max(side.bits, other.bits)
    if bits >= UNKNOWN.bits:
        return None
    there = of_bits(bits, side.signed and other.signed)
    if there.low <= side.low and side.high <= there.high:
        return None
    if operator in ("==", "!="):  # a wrapped value must also meet one of the other side
        size = 1 << bits
        over = (side.low + size, there.high), (there.low, side.high - size)
        if not any(max(a, other.low) <= min(b, other.high) for a, b in over):
            return None
    return f"a sum of {side.low} to {side.high} has {bits} bits in this comparison"
