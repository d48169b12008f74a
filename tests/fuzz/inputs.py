"""Bases of the files that are mutated, made once in each process."""

import functools
import gzip
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image
from safetensors.numpy import save as to_bytes

from tests.fuzz import mutate
from tests.support.random_models import random_model
from volley.firmware import boards
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.network_text import network
from volley.firmware.program import MAGIC

SHAPE = (1, 6, 8)  # of the pictures
CLASSES = ["a", "1", "0", "cat"]


@functools.cache
def models():
    """(JSON object, tensors) of some small models."""
    found = [random_model(seed, layers=1 + seed % 4) for seed in range(24)]
    return [(model.meta, model.tensors) for model in found]


def model(rng):
    """A model file's bytes."""
    meta, tensors = rng.choice(models())
    tensors = dict(tensors)
    what = rng.randrange(8)
    if what == 0:
        return mutate.raw(rng, to_bytes(tensors, {"volley": json.dumps(meta)}))
    if what in (2, 3):  # a good one
        return _good(rng)
    if what == 1:
        name = rng.choice(sorted(tensors))
        array = tensors.pop(name)
        change = rng.randrange(5)
        if change == 0:
            tensors[name] = array.astype(rng.choice((np.int64, np.float32, np.int8, np.uint8)))
        elif change == 1:
            tensors[name] = array[None]
        elif change == 2:
            tensors[name] = np.concatenate([array, array])
        elif change == 3:
            tensors[name + rng.choice(("", "2", "\n", "\x1b"))] = array
            array.reshape(-1)[: rng.randrange(3)] = rng.choice((0, 1, 127))
        return to_bytes(tensors, {"volley": json.dumps(meta)})
    try:
        return to_bytes(tensors, {"volley": mutate.text(rng, mutate.value(rng, meta))})
    except UnicodeEncodeError:  # pragma: no cover
        return b""


def _good(rng):
    model = random_model(rng.randrange(1 << 30), size=rng.choice((4, 9, 20)))
    return to_bytes(model.tensors, {"volley": json.dumps(model.meta)})


@functools.cache
def programs():
    """(JSON object, section words) of some programs: one run, streamed, of four ticks."""
    small = Design(ci=4, co=2, weight_words=32, param_words=12)
    roomy = Design(ci=8, co=4, spike_words=256, weight_words=256)
    found = []
    for spec, shape, ticks, design in (
        ("12C3-10C3-P2-10", (1, 12, 12), 8, small),
        ("8C3-P2-12-10", (1, 8, 8), 8, roomy),
        ("5C3-7", (3, 5, 6), 16, roomy),
    ):
        program = compile_model(network(spec, shape, ticks), design)
        data = program.to_bytes()
        size = struct.unpack_from("<I", data, 12)[0]
        found.append((json.loads(data[20 : 20 + size]), data[20 + size :]))
    return found


def sealed(text, payload):
    """A program file with a right length and CRC."""
    body = struct.pack("<II", len(text), len(payload) // 4) + text + payload
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def program(rng):
    """A program file's bytes, most with a right CRC."""
    meta, payload = rng.choice(programs())
    what = rng.randrange(6)
    if what == 0:
        return mutate.raw(rng, sealed(json.dumps(meta).encode(), payload))
    if what in (1, 2):
        words = np.frombuffer(payload, "<u4").copy()
        for _ in range(rng.choice((1, 3))):
            at = rng.randrange(len(words) if rng.random() < 0.3 else 60)
            words[at] = rng.choice((0, 0xFFFFFFFF, int(words[at]) ^ (1 << rng.randrange(32))))
        payload = words.tobytes()
    else:
        meta = mutate.value(rng, meta)
    return sealed(mutate.text(rng, meta).encode("utf-8", "surrogatepass"), payload)


@functools.cache
def board_texts():
    """The shipped board files."""
    return [(boards.FOLDER / f"{name}.toml").read_text() for name in boards.names()]


TOML = [
    "inf", "nan", "-1", "0", "1.5", "true", '""', '"\\u001b"', '"a\\nb"', '"; puts x"', '"$(x)"', "[]", "{}",
    "[1]", "9" * 4400, "0x10", "1979-05-27", '"\\ud800"', "{ site = 5 }", "1e999", "[" * 400 + "]" * 400,
]  # fmt: skip


def board(rng):
    """A board file's bytes."""
    lines = rng.choice(board_texts()).split("\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        what = rng.randrange(6)
        if what == 0:
            del lines[at]
            lines = lines or [""]
        elif what == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif what == 2:
            lines.insert(rng.randrange(len(lines)), f"format = {rng.choice(TOML)}")
        elif "=" in lines[at]:
            lines[at] = f"{lines[at].split('=')[0]}= {rng.choice(TOML)}"
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return mutate.raw(rng, data) if rng.random() < 0.2 else data


@functools.cache
def picture_files():
    """(ending, bytes) of pictures and arrays."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (6, 8), dtype=np.uint8)
    found = []
    for ending, mode in (
        ("png", "L"), ("png", "RGBA"), ("png", "P"), ("jpg", "RGB"), ("bmp", "L"), ("gif", "P"),
        ("tif", "L"), ("webp", "RGB"),
    ):  # fmt: skip
        data = io.BytesIO()
        Image.fromarray(grey).convert(mode).save(
            data, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending)
        )
        found.append((ending, data.getvalue()))
    for array in (grey[None].repeat(3, 0), np.zeros((2, 1, 6, 8), np.uint8)):
        data = io.BytesIO()
        np.save(data, array)
        idx = (
            bytes([0, 0, 8, array.ndim])
            + struct.pack(f">{array.ndim}I", *array.shape)
            + array.tobytes()
        )
        found += [
            ("npy", data.getvalue()),
            ("idx", idx),
            ("npy.gz", gzip.compress(data.getvalue())),
        ]
        found.append(("idx.gz", gzip.compress(idx)))
    return found


def picture(rng):
    """(ending, bytes) of a picture or an array."""
    ending, data = rng.choice(picture_files())
    what = rng.randrange(5)
    if what == 0 and ending == "png":
        data = _png(rng, data)
    elif what == 1 and ending.endswith("gz"):
        data = gzip.compress(mutate.raw(rng, gzip.decompress(data)))
    elif what == 2 and ending == "npy":
        shape = rng.choice(
            (b"(99999999999, 6, 8)", b"(0, 6, 8)", b"(6,)", b"()", b"(-1, 6, 8)", b"(1,2,3,4,5)")
        )
        data = data.replace(b"(3, 6, 8)", shape)
    elif what == 3:
        ending = rng.choice(picture_files())[0]
    else:
        data = mutate.raw(rng, data)
    return ending, data


def _png(rng, data):
    """A chunk changed, its CRC right: sizes, depths, compressed texts."""
    size = struct.pack(">II", rng.choice((0, 1, 8, 65535, 1 << 31)), rng.choice((1, 6, 60000)))
    body = rng.choice((size + data[24:29], mutate.raw(rng, data[16:29])))
    chunk = b"IHDR" + body
    head = data[:8] + struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    if rng.random() < 0.3:
        bomb = b"zTXta\0\0" + zlib.compress(bytes(3 << 20))
        head += struct.pack(">I", len(bomb) - 4) + bomb + struct.pack(">I", zlib.crc32(bomb))
    return head + data[33:]


LABELS = [b"a\n1\n0\ncat\n", b"0\n1\n2\n3\n", b"\xef\xbb\xbfcat\n", b"00000000000000000001\n"]


def label(rng):
    """A label file's bytes."""
    if rng.random() < 0.3:
        data = io.BytesIO()
        kind = rng.choice((np.int64, np.uint8, np.float32, np.int8, np.uint64, bool, "<U3"))
        np.save(data, np.array([rng.choice((0, 1, 3, -1, 200)) for _ in range(4)]).astype(kind))
        return data.getvalue() if rng.random() < 0.5 else mutate.raw(rng, data.getvalue())
    return mutate.raw(rng, rng.choice(LABELS))
