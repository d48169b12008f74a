"""The model file: what is written is read back, and every broken rule has its own error."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from safetensors.numpy import save_file

from tests.support.random_models import models
from tests.support.small_model import set_key, small_model
from volley.firmware import modelfile
from volley.firmware.modelfile import ModelError


def equal(one, other):
    """Assert that two models are the same in every field and array."""
    for key in vars(one):
        if key != "layers":
            assert getattr(one, key) == getattr(other, key)
    assert len(one.layers) == len(other.layers)
    for a, b in zip(one.layers, other.layers):
        for key, value in vars(a).items():
            if isinstance(value, np.ndarray):
                assert value.dtype == getattr(b, key).dtype
                np.testing.assert_array_equal(value, getattr(b, key))
            else:
                assert value == getattr(b, key)


@settings(max_examples=40, deadline=None)
@given(models(bits=None))
def test_round_trip(tmp_path_factory, random):
    model = random.model()
    path = tmp_path_factory.mktemp("models") / "m.safetensors"
    modelfile.save(model, path)
    equal(model, modelfile.load(path))
    assert [p.name for p in path.parent.iterdir()] == ["m.safetensors"]


def test_layout(written):
    """The bits of a weight byte, checked by hand against the format's description."""
    tensors, text, _ = written
    model = small_model()
    flat = model.layers[0].weight.reshape(5, 18)
    assert tensors["conv1.weight"].shape == (5, 3) and tensors["conv1.weight"].dtype == np.uint8
    for out in range(5):
        for n in range(18):
            bit = tensors["conv1.weight"][out, n // 8] >> (n % 8) & 1
            assert bit == (flat[out, n] == 1)
    assert set(tensors) == {
        f"{a}.{b}" for a in ("conv1", "fc1") for b in ("weight", "bias", "threshold", "v_init")
    } | {"fc2.weight", "fc2.bias"}
    assert text["layers"][0] == {
        "name": "conv1",
        "kind": "conv",
        "in": 2,
        "out": 5,
        "kernel": 3,
        "padding": 1,
        "encode": True,
        "pool": 2,
    }
    assert text["layers"][2] == {"name": "fc2", "kind": "dense", "in": 7, "out": 3, "readout": True}


def test_shapes(written):
    tensors, text, write = written
    conv, fc1, fc2 = modelfile.load(write(tensors, text)).layers
    assert (conv.in_shape, conv.map_shape, conv.out_shape) == ((2, 6, 4), (5, 6, 4), (5, 3, 2))
    assert (fc1.in_shape, fc1.map_shape, fc1.out_shape) == ((5, 3, 2), (7, 1, 1), (7, 1, 1))
    assert fc2.in_shape == (7, 1, 1) and fc2.threshold is None and fc2.v_init is None


JSON_ERRORS = [
    # (path of the key, new value, what the message must hold)
    (("format",), 3, ["format", "3", "allowed: 1, 2"]),
    (("format",), True, ["format", "True", "allowed: 1, 2"]),
    (("votes",), 1, ["votes", "unknown"]),  # of format 2
    (("input", "height"), 7, ["format", "found 1", "pool 2 on a map of odd size", "allowed: 2"]),
    (("ticks",), 0, ["ticks", "found 0", "1 to 32"]),
    (("ticks",), 33, ["ticks", "33", "1 to 32"]),
    (("ticks",), 8.0, ["ticks", "8.0", "whole number"]),
    (("ticks",), True, ["ticks", "True", "whole number"]),
    (("fraction_bits",), 9, ["fraction_bits", "9", "0 to 8"]),
    (("fraction_bits",), -1, ["fraction_bits", "-1", "0 to 8"]),
    (("reset",), "none", ["reset", "none", "'soft', 'hard'"]),
    (("name",), "", ["name", "not empty"]),
    (("input",), 5, ["input", "5", "object"]),
    (("input", "height"), 0, ["input.height", "found 0"]),
    (("input", "bits"), 9, ["input.bits", "9", "1 to 8"]),
    (("input", "channels"), 3, ["layers[0] (conv1).in", "found 2", "3x6x4", "allowed: 3"]),
    (("classes",), ["a", "b"], ["classes", "2 classes", "3 outputs"]),
    (("classes",), "abc", ["classes", "list"]),
    (("layers",), [], ["layers", "none", "1 to 1024 layers"]),
    (("layers",), {}, ["layers", "list"]),
    (("layers", 0, "kind"), "pool", ["kind", "pool", "'conv', 'dense'"]),
    (("layers", 0, "kernel"), 5, ["kernel", "found 5", "1, 3"]),
    (("layers", 0, "kernel"), "3", ["kernel", "'3'"]),
    (("layers", 0, "padding"), 0, ["padding", "found 0", "allowed: 1"]),
    (("layers", 0, "pool"), 3, ["pool", "found 3", "1, 2"]),
    (("layers", 0, "encode"), False, ["encode", "false", "first layer"]),
    (("layers", 1, "encode"), True, ["encode", "true", "first layer"]),
    (("layers", 1, "readout"), True, ["readout", "last layer only"]),
    (("layers", 2, "readout"), 1, ["readout", "found 1", "true, false"]),
    (("layers", 2, "pool"), 2, ["readout", "without pooling"]),
    (("layers", 1, "pool"), 2, ["pool", "found 2", "1x1", "allowed: 1"]),
    (("layers", 1, "in"), 28, ["fc1).in", "found 28", "5x3x2", "allowed: 30"]),
    (("layers", 1, "out"), 10**12, ["out", "1000000000000"]),
    (("layers", 1, "name"), "conv1", ["layers[1].name", "conv1", "twice"]),
    (("layers", 1, "name"), ["fc"], ["layers[1].name", "['fc']"]),
    (("layers", 1, "colour"), "red", ["layers[1].colour", "unknown"]),
    (("volley",), 1, ["volley.volley", "unknown"]),
    (("layers", 1), "fc", ["layers[1]", "object"]),
]


@pytest.mark.parametrize(
    "keys, value, words",
    JSON_ERRORS,
    ids=[f"{'.'.join(map(str, k))}={str(v)[:12]}" for k, v, _ in JSON_ERRORS],
)
def test_json_errors(written, keys, value, words):
    tensors, text, write = written
    set_key(text, keys, value)
    with pytest.raises(ModelError) as error:
        modelfile.load(write(tensors, text))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "ticks",
        "fraction_bits",
        "reset",
        "input",
        "classes",
        "layers",
        "input.bits",
        "layers[0].kind",
        "layers[0].in",
    ],
)
def test_missing_keys(written, key):
    tensors, text, write = written
    where = text
    if key.startswith("input."):
        where = text["input"]
    elif key.startswith("layers["):
        where = text["layers"][0]
    del where[key.split(".")[-1]]
    with pytest.raises(ModelError, match=f"{key.split('.')[-1]}.*missing"):
        modelfile.load(write(tensors, text))


def change(tensor, at, value):
    """A function that sets one value of one tensor."""

    def apply(tensors):
        tensors[tensor][at] = value

    return apply


def replace(tensor, make):
    """A function that replaces one tensor by make(old)."""

    def apply(tensors):
        tensors[tensor] = np.ascontiguousarray(make(tensors[tensor]))

    return apply


TENSOR_ERRORS = {
    "missing weight": (lambda t: t.pop("fc1.weight"), ["fc1.weight", "missing", "uint8", "[7, 4]"]),
    "missing bias": (lambda t: t.pop("fc2.bias"), ["fc2.bias", "missing", "int32", "[3]"]),
    "missing threshold": (lambda t: t.pop("conv1.threshold"), ["conv1.threshold", "missing"]),
    "missing v_init": (lambda t: t.pop("conv1.v_init"), ["conv1.v_init", "missing"]),
    "weight shape": (
        replace("fc1.weight", lambda w: w[:, :3]),
        ["fc1.weight", "[7, 3]", "allowed", "[7, 4]"],
    ),
    "weight rows": (replace("fc1.weight", lambda w: w[:6]), ["fc1.weight", "[6, 4]", "[7, 4]"]),
    "weight dtype": (
        replace("fc1.weight", lambda w: w.astype(np.int8)),
        ["fc1.weight", "I8", "uint8"],
    ),
    "bias dtype": (replace("fc1.bias", lambda b: b.astype(np.int64)), ["fc1.bias", "I64", "int32"]),
    "bias float": (replace("fc1.bias", lambda b: b.astype(np.float32)), ["fc1.bias", "F32"]),
    "bias shape": (replace("fc1.bias", lambda b: b[:, None]), ["fc1.bias", "[7, 1]", "[7]"]),
    "bias range": (change("fc1.bias", 3, 2**23), ["fc1.bias", "8388608", "output 3", "8388607"]),
    "bias low": (change("fc2.bias", 0, -(2**23) - 1), ["fc2.bias", "-8388609", "-8388608"]),
    "threshold zero": (
        change("fc1.threshold", 6, 0),
        ["fc1.threshold", "found 0", "output 6", "1 to 8388607"],
    ),
    "threshold high": (change("fc1.threshold", 0, 2**23), ["fc1.threshold", "8388608"]),
    "v_init high": (change("fc1.v_init", 0, 2**23), ["fc1.v_init", "8388608"]),
    "readout threshold": (
        lambda t: t.update({"fc2.threshold": np.ones(3, np.int32)}),
        ["fc2.threshold", "readout", "absent"],
    ),
    "foreign tensor": (
        lambda t: t.update({"fc9.weight": np.ones(3, np.uint8)}),
        ["fc9.weight", "no layer"],
    ),
}


@pytest.mark.parametrize("case", TENSOR_ERRORS)
def test_tensor_errors(written, case):
    tensors, text, write = written
    apply, words = TENSOR_ERRORS[case]
    apply(tensors)
    with pytest.raises(ModelError) as error:
        modelfile.load(write(tensors, text))
    for word in words:
        assert word in str(error.value)


def test_values_at_both_ends(written):
    tensors, text, write = written
    tensors["fc1.bias"][:2] = -(2**23), 2**23 - 1
    tensors["fc1.threshold"][:2] = 1, 2**23 - 1
    tensors["fc1.v_init"][:2] = -(2**23), 2**23 - 1
    layer = modelfile.load(write(tensors, text)).layers[1]
    assert layer.threshold.tolist()[:2] == [1, 2**23 - 1]


def test_the_last_row_of_an_odd_map_is_not_pooled():
    model = small_model()
    model.height = 7
    modelfile.validate(model)
    conv = model.layers[0]
    assert (conv.in_shape, conv.map_shape, conv.out_shape) == ((2, 7, 4), (5, 6, 4), (5, 3, 2))
    model.height = 1
    with pytest.raises(ModelError, match="pool.*found 2.*1x4.*allowed: 1"):
        modelfile.validate(model)


def test_not_json(written):
    tensors, _, write = written
    with pytest.raises(ModelError, match="not JSON"):
        modelfile.load(write(tensors, "{"))
    with pytest.raises(ModelError, match="object"):
        modelfile.load(write(tensors, "[1]"))


def test_every_truncation(written, tmp_path):
    tensors, text, write = written
    whole = write(tensors, text).read_bytes()
    short = tmp_path / "short.safetensors"
    for size in [*range(0, 64), *range(64, len(whole), 37), len(whole) - 1]:
        short.write_bytes(whole[:size])
        with pytest.raises(ModelError, match="safetensors.*truncated"):
            modelfile.load(short)


def test_other_files(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        modelfile.load(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="folder"):
        modelfile.load(tmp_path)
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"PK\3\4" + bytes(500))
    with pytest.raises(ModelError, match="not a safetensors file"):
        modelfile.load(other)
    save_file({"w": np.zeros(3)}, other, metadata={"author": "x"})
    with pytest.raises(ModelError, match="volley.*missing.*author"):
        modelfile.load(other)


@pytest.mark.parametrize(
    "spoil, word",
    [
        (lambda m: m.layers[0].weight.__setitem__((0, 0, 0, 0), 0), "other than -1"),
        (lambda m: setattr(m.layers[0], "weight", m.layers[0].weight.astype(float)), "float64"),
        (lambda m: setattr(m.layers[1], "threshold", None), "fc1.threshold"),
        (lambda m: setattr(m.layers[1], "name", "a/b"), "a/b"),
        (lambda m: setattr(m.layers[1], "name", "conv1"), "twice"),
    ],
)
def test_save_refuses(tmp_path, spoil, word):
    model = copy.deepcopy(small_model())
    spoil(model)
    with pytest.raises(ModelError, match=word):
        modelfile.save(model, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_others_may_read_it_as_any_new_file(tmp_path):
    modelfile.save(small_model(), tmp_path / "m.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
