"""Seeded mutations of bytes, texts and JSON values; each is a function of a ``random.Random``."""

import copy
import json

ODD = [
    None, True, False, -1, 0, 1, 2, 3, 7, 255, 256, 1023, 1025, 65535, 65536, 1 << 24, 1 << 31, 1 << 40,
    1 << 70, 2.0, 3.5, -0.0, float("nan"), float("inf"), 1e308, "", "x", "\x1b[31m", "a\nb", "\ud800", "\u202e",
    "é" * 40, "x" * 5000, [], {}, [1], {"a": 1}, [[[[]]]], "NaN", "soft", "mean", "spikes", "conv", "dense",
]  # fmt: skip
BYTES = [b"", b"\0", b"\xff" * 8, b"\0" * 40, b"\x80", b"\n", b"\x1b[2J", b"9" * 5000, b"{" * 300]


def some(rng, items):
    """One of some items, as a copy."""
    return copy.deepcopy(rng.choice(items))


def raw(rng, data):
    """Bytes with a few bits, runs or ends changed."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(6)
        if what == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[at : at + rng.choice((1, 4, 8))] = rng.choice(BYTES)
        elif what == 2:
            data[at:at] = rng.choice(BYTES)
        elif what == 3:
            del data[at:]
        elif what == 4:
            end = at + rng.choice((1, 4, 16, 200))
            data[at:at] = data[at:end] * rng.choice((1, 3))
        else:
            data[at : at + 4] = rng.randrange(1 << 32).to_bytes(4, rng.choice(("little", "big")))
    return bytes(data)


def places(value, path=()):
    """The paths of everything in a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def value(rng, given):
    """A JSON value with a few places replaced, removed, doubled, nudged or exchanged."""
    given = copy.deepcopy(given)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        paths = list(places(given)) if isinstance(given, dict | list) else []
        if not paths:
            return given
        path = rng.choice(paths)
        owner = given
        for key in path[:-1]:
            owner = owner[key]
        what = rng.randrange(6)
        if what == 0:
            del owner[path[-1]]
        elif what == 1 and isinstance(owner, list):
            owner.insert(path[-1], copy.deepcopy(owner[path[-1]]))
        elif what == 2 and isinstance(owner[path[-1]], int):
            owner[path[-1]] += rng.choice((-1, 1, 2, 64))
        elif what == 3 and isinstance(owner, dict):
            owner[rng.choice(("stride", "leak", "votes", "colour", "map", ""))] = some(rng, ODD)
        else:
            owner[path[-1]] = some(rng, ODD)
    return given


def text(rng, given):
    """The JSON text of a value; now and then no longer JSON, or with a key twice."""
    found = json.dumps(given)
    what = rng.randrange(12)
    if what == 0:
        found = found.replace('": ', '": 1, "ticks": ', 1)
    elif what == 1:
        at = rng.randrange(len(found))
        found = (
            found[:at] + rng.choice(("9" * 5000, "\\ud800", "[" * 2000, "1e999", "}")) + found[at:]
        )
    elif what == 2:
        found = found[: rng.randrange(len(found))]
    return found
