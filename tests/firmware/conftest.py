"""A model file that a test writes anew with something wrong in it."""

import json

import pytest
from safetensors.numpy import load_file, save_file

from tests.support.small_model import small_model
from volley.firmware import modelfile


@pytest.fixture
def written(tmp_path):
    """(path, tensors, JSON object) of the small model's file, and a function that writes it anew."""
    path = tmp_path / "small.safetensors"
    modelfile.save(small_model(), path)
    with modelfile.safe_open(path, framework="numpy") as file:
        text = json.loads(file.metadata()["volley"])

    def write(tensors, top):
        top = top if isinstance(top, str) else json.dumps(top)
        save_file(tensors, path, metadata={"volley": top})
        return path

    return load_file(path), text, write
