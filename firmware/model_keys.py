"""The keys of a model file's JSON text, and a ``Model`` from and to it.

A key is one line of a table: its name, what it may be, the attribute of ``Model`` or ``Layer`` that
has it, what it is where it is absent, and the format that brought it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from volley.firmware import layers
from volley.firmware.isa import MAX_LEAK, MAX_TICKS
from volley.firmware.layers import (
    INPUTS,
    KINDS,
    MAX_COUNT,
    MAX_FRACTION_BITS,
    MAX_KERNEL,
    MAX_LAYERS,
    MAX_SIZE,
    MAX_TEXT,
    POOLS,
    RESETS,
    Layer,
    Model,
)
from volley.firmware.schema import (
    Check,
    Choice,
    Each,
    SchemaError,
    Text,
    Whole,
    anything,
    check_keys,
    flag,
    refuse,
)
from volley.firmware.texts import short

FORMATS = (1, 2)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NEEDED = object()  # the default of a key that must be there


class Key(NamedTuple):
    """A key. input_kind: of the inputs that have it, or all of them."""

    name: str
    check: Check
    attribute: str
    default: Any = NEEDED
    since: int = 1
    input_kind: str = ""


def layer_name(where: str, value: Any) -> None:
    """A check: the name of a layer, which names its tensors."""
    Text(MAX_TEXT)(where, value)
    if not _NAME.fullmatch(value):
        refuse(where, short(value), "letters, digits, '_', '.', '-'")


TOP = (
    Key("name", Text(MAX_TEXT), "name"),
    Key("ticks", Whole(1, MAX_TICKS), "ticks"),
    Key("fraction_bits", Whole(0, MAX_FRACTION_BITS), "fraction_bits"),
    Key("reset", Choice(RESETS), "reset"),
    Key("classes", Each(Text(MAX_TEXT, least=0), 1, MAX_SIZE, "texts"), "classes"),
    Key("votes", Whole(1, MAX_SIZE), "votes", 1, since=2),
)
INPUT = (
    Key("kind", Choice(INPUTS), "kind", "picture", since=2),
    Key("channels", Whole(1, MAX_SIZE), "channels"),
    Key("height", Whole(1, MAX_SIZE), "height"),
    Key("width", Whole(1, MAX_SIZE), "width"),
    Key("bits", Whole(1, 8), "bits", input_kind="picture"),
    Key("fit", flag, "fit", False, since=2, input_kind="picture"),
    Key("most", Whole(1, MAX_COUNT), "most", 1, since=2, input_kind="spikes"),
)
LAYER = (
    Key("name", layer_name, "name"),
    Key("kind", Choice(KINDS), "kind"),
    Key("in", Whole(1, MAX_SIZE * MAX_SIZE), "inputs"),
    Key("out", Whole(1, MAX_SIZE), "outputs"),
    Key("kernel", Whole(1, MAX_KERNEL), "kernel", 1),
    Key("padding", Whole(0, MAX_KERNEL), "padding", lambda entry: entry.get("kernel", 1) // 2),
    Key("encode", flag, "encode", False),
    Key("pool", Whole(1, MAX_SIZE), "pool", 1),
    Key("readout", flag, "readout", False),
    Key("fraction_bits", Whole(0, MAX_FRACTION_BITS), "fraction_bits", None, since=2),
    Key("leak", Whole(0, MAX_LEAK), "leak", 0, since=2),
    Key("leak_first", flag, "leak_first", False, since=2),
    Key("stride", Whole(1, MAX_KERNEL), "stride", 1, since=2),
    Key("pool_kind", Choice(POOLS), "pool_kind", "or", since=2),
)
_OF_CONVOLUTIONS = ("kernel", "padding")  # written in each of them, and nowhere else


def from_json(top: Any) -> tuple[Model, int]:
    """(Model without arrays, its format), each value checked by itself; raises ``SchemaError``."""
    if not isinstance(top, dict):
        refuse("volley", short(top), "a JSON object")
    version = top.get("format")
    if type(version) is not int or version not in FORMATS:
        raise SchemaError(
            f"key 'format': found {short(version)}; allowed: {', '.join(map(str, FORMATS))}; the "
            "file is of another version of the format"
        )
    given = {key.name for key in TOP if key.since <= version}
    needed = ["format", "input", "layers", *(key.name for key in TOP if key.default is NEEDED)]
    check_keys("volley", top, given | set(needed), needed)
    found = _read("", {key: top[key] for key in given & top.keys()}, TOP, version, "")
    found |= _input(top["input"], version)
    Each(anything, 1, MAX_LAYERS, "layers")("layers", top["layers"])
    found["layers"] = [
        Layer(**_read(f"layers[{index}]", entry, LAYER, version, ""))
        for index, entry in enumerate(top["layers"])
    ]
    return Model(**found), version


def _input(given, version):
    """The attributes of the input."""
    kind = INPUT[0].default
    if version >= INPUT[0].since and isinstance(given, dict) and "kind" in given:
        kind = given["kind"]
        INPUT[0].check("input.kind", kind)
    return {"bits": 1, **_read("input", given, INPUT, version, kind)}


def _read(where, given, keys, version, kind):
    """{attribute: value} of a JSON object."""
    allowed = [k for k in keys if k.since <= version and k.input_kind in ("", kind)]
    needed = [k.name for k in allowed if k.default is NEEDED]
    check_keys(where, given, [k.name for k in allowed], needed)
    found = {}
    for key in allowed:
        if key.name in given:
            key.check(f"{where}.{key.name}" if where else key.name, given[key.name])
            found[key.attribute] = given[key.name]
        else:
            found[key.attribute] = key.default(given) if callable(key.default) else key.default
    return found


def check_values(where: str, owner: Model | Layer, keys: tuple[Key, ...]) -> None:
    """Raises ``SchemaError`` for an attribute that its key's check does not pass."""
    for key in keys:
        value = getattr(owner, key.attribute)
        if value is not None or key.default is not None:
            key.check(f"{where}{key.name}", value)


def news_of(model: Model) -> list[str]:
    """What a valid model has that format 1 has not, in words."""
    found = [
        f"key '{where}{key.name}'"
        for where, keys in (("", TOP), ("input.", INPUT))
        for key in keys
        if key.since > 1 and getattr(model, key.attribute) != key.default
    ]
    for layer in model.layers:
        found += [
            f"key {key.name!r} of layer {layer.name!r}"
            for key in LAYER
            if key.since > 1 and getattr(layer, key.attribute) != key.default
        ]
        if not layer.plain:
            found.append(f"kernel {layer.kernel}, padding {layer.padding} of layer {layer.name!r}")
        if _cropped(layer):
            found.append(f"pool 2 on a map of odd size of layer {layer.name!r}")
    return found


def _cropped(layer):
    """Whether pooling leaves out a row or a column."""
    sizes = [(n + 2 * layer.padding - layer.kernel) // layer.stride + 1 for n in layer.in_shape[1:]]
    return layer.kind == "conv" and any(n % layer.pool for n in sizes)


def to_json(model: Model) -> dict:
    """The metadata object of a valid model, of the first format that has its keys."""
    top = _written(model, TOP, model.kind)
    votes = {key: top.pop(key) for key in [k.name for k in TOP if k.since > 1] if key in top}
    classes = top.pop("classes")
    described = {
        "format": 2 if news_of(model) else 1,
        **top,
        "input": _written(model, INPUT, model.kind),
        "classes": classes,
        "layers": [_written(layer, LAYER, "") for layer in model.layers],
        **votes,
    }
    for entry, layer in zip(described["layers"], model.layers):
        for name in _OF_CONVOLUTIONS:
            entry.pop(name, None)
        if layer.kind == layers.KINDS[0]:
            entry |= {name: getattr(layer, name) for name in _OF_CONVOLUTIONS}
    return described


def _written(owner, keys, kind):
    """The keys of an object that are not at their default."""
    found = {}
    for key in keys:
        value = getattr(owner, key.attribute)
        if key.input_kind in ("", kind) and (key.default is NEEDED or value != key.default):
            found[key.name] = value
    return found
