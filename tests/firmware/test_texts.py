"""Texts as a terminal may see them, and values in messages."""

from volley.firmware import texts


def test_a_value_in_a_message_is_short_whatever_it_is():
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    for value in (10**6000, -(10**6000), "x\n" * 5000, [1] * 10**6, nested, {"a": nested}, "\x1b"):
        text = texts.short(value)
        assert len(text) < 130 and text.isprintable()
    assert texts.short(3.0) == "3.0" and texts.short("a") == "'a'"


def test_lines_of_tools_keep_their_breaks():
    assert texts.shown_lines("a\tb\x1b[0m\nc\r") == "a\tb\\x1b[0m\nc\\r"
    assert texts.drawn("a$b$\n") == r"a\$b\$\n"
