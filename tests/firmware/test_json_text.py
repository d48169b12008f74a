"""JSON that is parsed strictly, and taken apart by types."""

import dataclasses

import pytest

from volley.firmware.json_text import JsonError, decode, parse


@dataclasses.dataclass
class Inner:
    size: int
    name: str = "none"

    def __post_init__(self):
        if self.size > 9:
            raise ValueError(f"size is {self.size}, allowed is 9")


@dataclasses.dataclass
class Outer:
    inner: Inner
    pairs: list[tuple[int, str]]
    numbers: dict[int, bool]
    maybe: Inner | None


GOOD = '{"inner": {"size": 3}, "pairs": [[1, "a"]], "numbers": {"7": true}, "maybe": null}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1, "a": 2}', "key 'a' comes twice"),
        ('{"a": {"b": [{"c": 1, "c": 1}]}}', "key 'c' comes twice"),
        ("1" * 5000, "5000 digits"),
        ("[-" + "9" * 21 + "]", "digits"),
        ("NaN", "NaN is no number"), ("[-Infinity]", "no number"),
        (r'"\ud800"', "surrogate"), (r'{"\udfff": 1}', "surrogate"),
        ("1e999", "beyond what a float64 holds"), ("[" * 33 + "]" * 33, "more than 32 lists"),
        ("[" * 100_000, "not JSON"), ("{", "not JSON"), ("", "not JSON"), (b"\xff", "not JSON"),
    ],
)  # fmt: skip
def test_what_is_refused(text, told):
    with pytest.raises(JsonError, match=told):
        parse(text)


def test_what_is_read():
    assert parse(r'{"a": [1, 2.5, "\ud83d\ude00", null, true]}') == {
        "a": [1, 2.5, "\U0001f600", None, True]
    }
    found = decode(Outer, parse(GOOD), "top")
    assert found == Outer(Inner(3), [(1, "a")], {7: True}, None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"size": 3', '"size": 3.0', r"key 'top.inner.size': found 3.0; allowed: a whole number"),
        ('"size": 3', '"size": true', "found True"), ('"size": 3', '"size": -1', "found -1"),
        ('"size": 3', '"size": 10', "key 'top.inner': size is 10, allowed is 9"),
        ('"size": 3', '"sise": 3', "key 'top.inner.sise': unknown; allowed: size, name"),
        ('"size": 3', "", "key 'top.inner.size': missing"),
        ('[[1, "a"]]', '[[1, "a", 2]]', r"key 'top.pairs\[0\]'.*an array of 2"),
        ('[[1, "a"]]', '{"0": 1}', "key 'top.pairs'.*an array"),
        ('{"7": true}', '{"seven": true}', "whole numbers"),
        ('{"7": true}', '{"7": 1}', r"key 'top.numbers.7': found 1; allowed: true, false"),
        ("null", "[]", "key 'top.maybe'.*an object"), ('{"inner"', '["inner"]+{"inner"', "not JSON"),
    ],
)  # fmt: skip
def test_what_has_another_shape(old, new, told):
    with pytest.raises(JsonError, match=told):
        decode(Outer, parse(GOOD.replace(old, new)), "top")
