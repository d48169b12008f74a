"""Format 2 of the model file: what it brings, its errors, and where format 1 is written still."""

import json

import numpy as np
import pytest

from tests.support.small_model import set_key, small_model
from volley.firmware import modelfile
from volley.firmware.modelfile import Layer, ModelError

NEWS = [
    # (path of the key, new value, what the message must hold), in a file of format 2
    (("input", "kind"), "sound", ["input.kind", "'sound'", "'picture', 'spikes'"]),
    (("input", "kind"), "spikes", ["input.bits", "unknown", "most"]),
    (("input", "most"), 2, ["input.most", "unknown"]),
    (("input", "fit"), 1, ["input.fit", "found 1", "true, false"]),
    (("votes",), 0, ["votes", "found 0"]),
    (("votes",), 2, ["classes", "3 classes", "votes"]),
    (("layers", 0, "fraction_bits"), 9, ["fraction_bits", "found 9", "0 to 8"]),
    (("layers", 0, "leak"), 5, ["leak", "found 5", "0 to 4"]),
    (("layers", 2, "leak"), 1, ["leak", "found 1", "0 to 0"]),
    (("layers", 0, "leak_first"), 1, ["leak_first", "found 1", "true, false"]),
    (("layers", 0, "stride"), 0, ["stride", "found 0"]),
    (("layers", 0, "kernel"), 9, ["kernel", "found 9", "6x4", "room"]),
    (("layers", 0, "padding"), 3, ["padding", "found 3", "0 to 2"]),
    (("layers", 1, "stride"), 2, ["fc1).stride", "found 2"]),
    (("layers", 0, "pool_kind"), "max", ["pool_kind", "'max'", "'or', 'mean'"]),
    (("layers", 2, "pool_kind"), "mean", ["fc2).pool", "mean of 1", "not on the last layer"]),
]


@pytest.mark.parametrize("keys, value, words", NEWS, ids=[f"{k[-1]}={v}" for k, v, _ in NEWS])
def test_errors_of_format_2(written, keys, value, words):
    tensors, text, write = written
    text["format"] = 2
    set_key(text, keys, value)
    with pytest.raises(ModelError) as error:
        modelfile.load(write(tensors, text))
    for word in words:
        assert word in str(error.value)


def test_format_1_is_written_where_it_suffices(tmp_path):
    path, model = tmp_path / "m.safetensors", small_model()

    def format_of():
        modelfile.save(model, path)
        with modelfile.safe_open(path, framework="numpy") as file:
            return json.loads(file.metadata()["volley"])["format"]

    assert format_of() == 1
    for key, value in (("fraction_bits", 4), ("leak", 1), ("leak_first", True)):
        setattr(model.layers[0], key, value)
        assert format_of() == 2, key
        setattr(model.layers[0], key, getattr(Layer("", "", 1, 1), key))
    assert format_of() == 1


def test_a_mean_leaves_room_for_its_spikes(written):
    """Behind a mean of n spikes, thresholds and biases are n times as large in the hardware."""
    tensors, text, write = written
    text["format"] = 2
    text["layers"][0]["pool_kind"] = "mean"
    assert modelfile.load(write(tensors, text)).layers[1].mean_of == 4
    tensors["fc1.threshold"] = np.full(7, 2**21, np.int32)
    with pytest.raises(ModelError, match="2097152 at output 0; allowed: 1 to 2097151"):
        modelfile.load(write(tensors, text))
