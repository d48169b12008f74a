"""Programs with a right CRC and wrong content: one line that names the key, and nothing else happens."""

import copy
import json
import random
import struct
import zlib

import numpy as np
import pytest

from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.network_text import network
from volley.firmware.program import MAGIC, Program, ProgramFileError, from_bytes

DESIGN = Design(ci=4, co=2, weight_words=32, param_words=12)
ROUNDS = 400
ODD = [None, True, -1, 0, 1, 3.5, 1 << 40, 1 << 70, "", "x", [], {}, [1], {"a": 1}, "NaN", 65536]


@pytest.fixture(scope="module")
def data():
    return compile_model(network("12C3-10C3-P2-10", (1, 12, 12)), DESIGN).to_bytes()


def taken_apart(data):
    """(JSON object, payload) of a program's file."""
    text, words = struct.unpack_from("<II", data, 12)
    return json.loads(data[20 : 20 + text]), data[20 + text : 20 + text + 4 * words]


def put_together(meta, payload):
    """A file with this content and a right CRC."""
    text = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    body = struct.pack("<II", len(text), len(payload) // 4) + text + payload
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["design", "ci"], 5, "key 'program.design': ci is 5, allowed is a power of two"),
        (["design", "size"], 5, "key 'program.design.size': unknown"),
        (["design", "co"], 4, "by another version of Volley"),
        (["sections", 0, 1], 1 << 30, "sections of .* words together"),
        (["layers", 0, "shape"], [1, 2], r"key 'program.layers\[0\].shape': .* an array of 3"),
        (["layers", 0, "map", "base"], 1 << 20, "map.base': found .* allowed: 1 to"),
        (["layers", 0, "map"], None, r"layers\[0\].map': allowed: null on a readout"),
        (["layers", 0, "kind"], "pool", "allowed: conv, dense"),
        (["entries"], [1 << 20], r"entries\[0\]"), (["ticks"], 33, "ticks': found 33; allowed: 1 to 32"),
        (["classes"], ["a"] * 1000, "key 'classes': found 1000"),
        (["segments", 0, "loads"], [99], r"segments\[0\]': found 99"),
        (["reset"], "medium", "allowed: soft, hard"), (["name"], 5, "program.name': found 5"),
        (["registers"], {"x": 1}, "whole numbers"), (["registers"], {"33": 1 << 32}, "registers.33"),
        (["registers", "32"], 1, r"registers': found .*32"),
        (["classes"], ["a"], "'classes': found 1 for 10 outputs"),
        (["sections", 0, 0], 0, r"sections\[0\]': found region 0"),
        (["sections", 0, 0], (1 << 28) + 250, "words 250 to 306 of bank 0"),
        (["sections", 2, 0], (3 << 28) + (9 << 20), "of bank 9"),
        (["input", "width"], 13, "registers.35': found"),
        (["input", "ticks"], 4, "input.ticks': found 4"),
        (["segments", 0, "entry"], 255, "without HALT"),
        (["segments", 0, "ups", 0, "rows"], 13, "rows to 13 of map 0"),
        (["segments", 0, "ups", 0, "map"], 1, "found map 1; allowed: one"),
        (["segments", 0, "ups", 0, "ring_rows"], 4, "a ring of 4 rows"),
        (["report", "cycles"], float("inf"), "Infinity is no number"),
        (["report", "layers"], [], r"report.layers': found \[\]"),
    ],
)  # fmt: skip
def test_wrong_content_is_named(data, path, value, told):
    meta, payload = taken_apart(data)
    at = meta
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(ProgramFileError, match=told) as caught:
        from_bytes(put_together(meta, payload), "p.program")
    assert str(caught.value).startswith("p.program: ") and "\n" not in str(caught.value)


def test_instructions_are_followed(data):
    meta, payload = taken_apart(data)
    words = np.frombuffer(payload, "<u4").copy()
    words[0] = 0xFFFFFFFF
    with pytest.raises(ProgramFileError, match="opcode 15, layer .*; allowed: ROWS"):
        from_bytes(put_together(meta, words.tobytes()), "p.program")


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"\xff\xfe", b'{"name": "a", "name": "a"}'])
def test_a_text_that_is_no_header(data, text):
    _, payload = taken_apart(data)
    with pytest.raises(ProgramFileError, match="p.program"):
        from_bytes(put_together(text, payload), "p.program")


def places(value, path=()):
    """The paths of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def test_anything_anywhere(data):
    """Each reads as a Program or is refused; ``report`` alone may be any object."""
    meta, payload = taken_apart(data)
    rng, paths, refused = random.Random(1), list(places(meta)), 0
    for _ in range(ROUNDS):
        changed = copy.deepcopy(meta)
        path = rng.choice(paths)
        at = changed
        for key in path[:-1]:
            at = at[key]
        if rng.random() < 0.2:
            del at[path[-1]]
        else:
            at[path[-1]] = copy.deepcopy(rng.choice(ODD))
        try:
            found = from_bytes(put_together(changed, payload), "p")
        except ProgramFileError:
            refused += 1
        else:
            assert isinstance(found, Program)
            assert from_bytes(found.to_bytes()).name == found.name
    assert refused > ROUNDS // 3
