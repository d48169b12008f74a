"""Model files made to do harm end in one line that names the file."""

import json
import os

import pytest

from tests.support.small_model import small_model
from volley.firmware import modelfile
from volley.firmware.modelfile import ModelError

HOSTILE = [
    ('"ticks": 8', '"ticks": ' + "9" * 5000, "a whole number of 5000 digits"),
    ('"ticks": 8', '"ticks": 8, "ticks": 8', "key 'ticks' comes twice"),
    ('"ticks": 8', '"ticks": NaN', "NaN is no number"),
    ('"ticks": 8', '"ticks": 99999999999999999999', "found 99999999999999999999"),
    ('"kernel": 3', '"kernel": 3.0', "found 3.0; allowed: a whole number"),
    ('"pool": 2', '"pool": 2.0', "found 2.0; allowed: a whole number"),
    ('"padding": 1', '"padding": 1.0', "found 1.0; allowed: a whole number"),
    ('"padding": 1', '"padding": true', "found True; allowed: a whole number"),
    ('"in": 30', '"in": 3e1', "found 30.0; allowed: a whole number"),
    ('"a", "b", "c"', '"a", "b", "\\ud800"', "half of a surrogate pair"),
    ('"a", "b", "c"', '"a", "b", 3', r"classes\[2\]': found 3"),
    ('"height": 6, "width": 4', '"height": 65535, "width": 65535', "values in each of 8 ticks"),
    ('"name": "fc1"', '"name": "fc1\\n"', r"found 'fc1\\n'; allowed: letters"),
    ('"name": "small"', '"name": "' + "x" * 1001 + '"', "1001 characters; allowed: 1000"),
]


@pytest.mark.parametrize("old, new, told", HOSTILE, ids=[new[:24] for _, new, _ in HOSTILE])
def test_hostile_metadata_ends_in_one_line_that_names_the_file(written, old, new, told):
    tensors, top, write = written
    text = json.dumps(top)
    assert old in text
    path = write(tensors, text.replace(old, new, 1))
    with pytest.raises(ModelError, match=told) as error:
        modelfile.load(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_the_format_is_named_before_what_it_brings(written):
    tensors, top, write = written
    with pytest.raises(ModelError, match="found 9; allowed: 1, 2; the file is of another version"):
        modelfile.load(write(tensors, {"format": 9, "names": []}))


def test_weights_have_a_limit():
    model = small_model()
    model.layers[1].outputs = 60000
    model.layers[2].inputs = model.layers[2].outputs = 60000
    model.classes = ["x"] * 60000
    with pytest.raises(ModelError, match="weights; allowed: 134217728 in all layers together"):
        modelfile.validate(model)


def test_a_long_header_is_not_read(tmp_path):
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write((1 << 40).to_bytes(8, "little"))
        file.truncate(1 << 41)  # sparse
    with pytest.raises(ModelError, match="a header of 1099511627776 bytes; allowed: 16777216"):
        modelfile.load(path)


def test_neither_a_device_nor_a_pipe_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (tmp_path / "pipe.safetensors", "/dev/null"):
        with pytest.raises(ModelError, match="is no regular file"):
            modelfile.load(path)
