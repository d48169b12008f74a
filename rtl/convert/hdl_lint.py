"""Checks of converted HDL text for constructs that MyHDL writes and tools misread or reject.

The traps were each seen with MyHDL 0.11.52; tests/rtl/convert/test_hdl_lint.py shows every one of them:

- A shadow slice ``w(8, 4)`` that a process then indexes becomes ``w[8-1:4][i]``. Some tools reject
  it, Verilator does what was meant, and Yosys 0.70 silently reads ``w[i]``.
- ``a[4*i+4:4*i]`` with a variable becomes a part select with variable bounds: not Verilog.
- A sum that is compared loses its carry where all operands are narrow: rtl/convert/hdl_width.py.
- ``ConcatSignal`` of signed signals becomes VHDL that assigns signed to a slice of unsigned.
"""

from __future__ import annotations

import re

from volley.rtl.convert.hdl_width import lost_carries


class TrapError(Exception):
    """Converted text with a trap in it; the message quotes each line and says what to do."""


def check(text: str, language: str, name: str) -> None:
    """Raises ``TrapError`` if ``text``, "verilog" or "vhdl" and called ``name``, has a trap in it."""
    finders = {"verilog": verilog_traps, "vhdl": vhdl_traps}
    if language not in finders:
        raise ValueError(f"language is {language!r}, allowed is {' or '.join(finders)}")
    found = finders[language](text)
    if found:
        lines = text.splitlines()
        raise TrapError(
            "\n".join(
                f"{name}:{number}: {why}\n    {lines[number - 1].strip()}" for number, why in found
            )
        )


def verilog_traps(text: str) -> list[tuple[int, str]]:
    """(line number, reason) of each trap in Verilog text."""
    text = _blank(text, r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"")
    memories = set(re.findall(r"\breg\b[^;\n]*?\b(\w+)\s*\[[^\]]*\]\s*(?:=[^;]*)?;", text))
    found = lost_carries(text)
    for number, line in enumerate(text.splitlines(), 1):
        for base, selects in _select_chains(line):
            whole = 2 if base in memories else 1
            if len(selects) > whole or len(selects) > 1 and ":" in _flat(selects[0]):
                found.append(
                    (number, f"{base!r}: a slice is indexed; copy the slice to a signal first")
                )
            for select in selects:
                if _variable_bounds(select):
                    found.append(
                        (
                            number,
                            f"{base!r}: a slice has variable bounds; shift it, or index bit by bit",
                        )
                    )
    return sorted(found)


def vhdl_traps(text: str) -> list[tuple[int, str]]:
    """(line number, reason) of each trap in VHDL text."""
    text = _blank(text, r"--[^\n]*|\"[^\"\n]*\"")
    signed = set(re.findall(r"^\s*(?:signal\s+)?(\w+)\s*:\s*(?:inout\s|in\s|out\s)?\s*signed\b",
                            text, re.M))  # fmt: skip
    unsigned = set(re.findall(r"^\s*(?:signal\s+)?(\w+)\s*:\s*(?:inout\s|in\s|out\s)?\s*unsigned\b",
                              text, re.M))  # fmt: skip
    memories = set(re.findall(r"^\s*(?:signal|variable)\s+(\w+)\s*:\s*t_array", text, re.M))
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        copy = re.match(r"\s*(\w+)\(.*\)\s*<=\s*(\w+)\s*(?:\([^;]*\))?\s*;", line)
        if copy and copy[1] in unsigned and copy[2] in signed - unsigned:
            found.append(
                (number, f"{copy[2]!r} is signed and becomes part of the unsigned {copy[1]!r}; "
                 "copy it to an unsigned signal first")
            )  # fmt: skip
        for base, sliced in re.findall(r"(\w+)\(([^()]*\bdownto\b[^()]*)\)\s*\(", line):
            found.append(
                (number, f"{base!r}: a slice is indexed; copy the slice to a signal first")
            )
        for base in re.findall(
            r"(\w+)\(to_integer\([^()]*\)\)\([^()]*\bdownto\b[^()]*\)\s*\(", line
        ):
            what = "a memory word's" if base in memories else "a"
            found.append(
                (number, f"{base!r}: {what} slice is indexed; copy the slice to a signal first")
            )
    return found


def _blank(text, pattern):
    """``text`` with all matches replaced by blanks, every line where it was."""
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S)


def _select_chains(line):
    """(base, [content of each bracket]) of every ``base[..][..]``, those inside brackets too."""
    for start in re.finditer(r"(\w+)\s*\[", line):
        selects, at = [], start.end() - 1
        while True:
            end = _closing(line, at)
            selects.append(line[at + 1 : end])
            following = re.match(r"\s*\[", line[end + 1 :])
            if end >= len(line) or not following:
                break
            at = end + following.end()
        if start[1] not in ("reg", "wire", "signed", "input", "output", "inout"):
            yield start[1], selects


def _closing(line, at):
    """Where the bracket that opens at ``at`` closes, or the end of the line."""
    depth = 0
    for here in range(at, len(line)):
        depth += {"[": 1, "]": -1}.get(line[here], 0)
        if depth == 0:
            return here
    return len(line)


def _flat(select):
    """``select`` without what stands in brackets inside it."""
    previous = None
    while previous != select:
        previous, select = select, re.sub(r"\[[^\[\]]*\]", "", select)
    return select


def _variable_bounds(select):
    """Whether this is ``high:low`` with a name in one of the bounds."""
    flat = _flat(select)
    if ":" not in flat or "?" in flat or "+:" in flat or "-:" in flat:
        return False
    return bool(re.search(r"[A-Za-z_]\w*", re.sub(r"'[sS]?[bdohBDOH][0-9a-fA-F]+", "", select)))
