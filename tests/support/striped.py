"""A data folder where MNIST is a few hundred easy pictures, and a network that learns them in seconds."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from tests.model.data.test_datasets import idx, sha
from volley.model.data import datasets

NET = "6C3-P2-8C1-12-10"


def striped(count, seed):
    """Easy pictures: class k is a bright stripe over rows 2k and 2k+1, on noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    pictures = rng.integers(0, 60, (count, 1, 28, 28)).astype(np.uint8)
    for i, label in enumerate(labels):
        pictures[i, 0, 2 * label : 2 * label + 2] += 150
    return pictures, labels


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder where MNIST is a few hundred striped pictures."""
    return write_data(tmp_path / "data", monkeypatch)


def write_data(folder, monkeypatch):
    """Makes ``folder`` a data folder with the striped pictures as MNIST, and returns it."""
    (folder / "mnist").mkdir(parents=True)
    rules = {}
    for files, count, seed in (
        (datasets.SETS["mnist"].train, 300, 1),
        (datasets.SETS["mnist"].test, 100, 2),
    ):
        pictures, labels = striped(count, seed)
        for file, array in zip(files, (pictures[:, 0], labels)):
            content = idx(array)
            rules[file] = sha(content)
            (folder / "mnist" / (file + ".gz")).write_bytes(gzip.compress(content))
    changed = replace(datasets.SETS["mnist"], content_hashes=rules)
    monkeypatch.setitem(datasets.SETS, "mnist", changed)
    return folder


def command(data, out, *more):
    """A command line that trains a tiny network in a second."""
    return [
        "--net",
        NET,
        "--data",
        "mnist",
        "--data-dir",
        str(data),
        "--out",
        str(out),
        "--ticks",
        "4",
        "--rate-epochs",
        "2",
        "--epochs",
        "2",
        "--batch",
        "20",
        "--threads",
        "1",
        "--kernels",
        "torch",
        "--augment",
        "none",
        *more,
    ]
