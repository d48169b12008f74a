"""The shipped MNIST model keeps its accuracy, and runs the same in PyTorch and the golden model."""

from pathlib import Path

import numpy as np
import pytest

from tests.model.data.test_datasets import SHARED
from volley.firmware import modelfile
from volley.model import golden, reference
from volley.model.data import datasets

FILE = Path(golden.__file__).parent / "pretrained" / "mnist.safetensors"


def mnist(count):
    """The first test pictures and labels, or a skip."""
    if not (SHARED / "mnist").is_dir():
        pytest.skip(f"MNIST's files are not in {SHARED.name}/; set VOLLEY_DATA")
    return [a[:count] for a in datasets.load("mnist", "test", SHARED, download=False)]


def test_first_pictures():
    pictures, labels = mnist(20)
    model = modelfile.load(FILE)
    result = golden.run(model, pictures)
    _, _, scores = reference.run(model, pictures)
    np.testing.assert_array_equal(result.scores, scores.numpy())
    assert (result.labels == labels).sum() >= 19


@pytest.mark.slow
def test_accuracy():
    """At least 99.4 % of the 10,000 test pictures, by the integer golden model."""
    pictures, labels = mnist(10000)
    result = golden.run(modelfile.load(FILE), pictures, layers=False)
    assert (result.labels == labels).sum() >= 9940
