"""Texts from files as a terminal may see them: escapes are shown, not obeyed."""

from __future__ import annotations

LONGEST = 80  # characters of a value in a message


def shown(text: object) -> str:
    """A text on one line; what cannot be printed is escaped, as in Python."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in str(text)
    )


def shown_lines(text: object) -> str:
    """The same, but line breaks and tabs are kept."""
    return "\n".join("\t".join(map(shown, line.split("\t"))) for line in str(text).split("\n"))


def drawn(text: object) -> str:
    """The same for a plot of Matplotlib, which takes what stands between dollars for a formula."""
    return shown(text).replace("$", r"\$")


def short(value: object, most: int = LONGEST) -> str:
    """A value as in Python, for a message; cut where it is long. Whatever its size, it takes little."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str) and len(value) > most:
        return repr(value[:most]) + "..."
    if isinstance(value, (list, tuple)) and len(value) > 8:
        return f"a list of {len(value)}"
    if isinstance(value, dict) and len(value) > 8:
        return f"an object of {len(value)} keys"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number too long for decimals, lists in lists in lists
        return f"a {type(value).__name__}"
    return shown(text if len(text) <= most else text[: most - 3] + "...")
