"""Data sets: canonical files are read and checked; absent and damaged ones are told apart."""

import gzip
import hashlib
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from volley.model.data import datasets
from volley.model.data.datasets import SETS, DataError

SHARED = Path(
    os.environ.get("VOLLEY_DATA") or Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
)


def idx(array):
    """An IDX file's bytes of a uint8 array."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def sha(content):
    """A hash rule for exactly this content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """MNIST replaced by a set of 3 pictures whose hashes are known; returns (folder, contents)."""
    rng = np.random.default_rng(0)
    contents = {}
    for pictures, labels in (SETS["mnist"].train, SETS["mnist"].test):
        contents[pictures] = idx(rng.integers(0, 256, (3, 28, 28), dtype=np.uint8))
        contents[labels] = idx(rng.integers(0, 10, 3, dtype=np.uint8))
    rules = {file: sha(content) for file, content in contents.items()}
    monkeypatch.setitem(SETS, "mnist", replace(SETS["mnist"], content_hashes=rules))
    (tmp_path / "mnist").mkdir()
    return tmp_path, contents


@pytest.mark.parametrize(
    "name, split, count",
    [("mnist", "train", 60000), ("mnist", "test", 10000), ("cifar10", "test", 10000)],
)
def test_real_files(name, split, count):
    if not (SHARED / SETS[name].folder).is_dir():
        pytest.skip(f"{SETS[name].title}'s files are not in {SHARED.name}/; set VOLLEY_DATA")
    pictures, labels = datasets.load(name, split, SHARED, download=False)
    assert pictures.shape == (count, *SETS[name].shape) and pictures.dtype == np.uint8
    assert labels.shape == (count,) and set(labels) == set(range(10))


@pytest.mark.parametrize("packed", [False, True])
def test_plain_and_gzip(tiny, packed):
    folder, contents = tiny
    for file, content in contents.items():
        name = file + ".gz" if packed else file
        (folder / "mnist" / name).write_bytes(gzip.compress(content) if packed else content)
    pictures, labels = datasets.load("mnist", "test", folder, download=False)
    assert pictures.shape == (3, 1, 28, 28) and labels.shape == (3,)
    assert pictures.tobytes() == contents["t10k-images-idx3-ubyte"][16:]


def test_changed_content(tiny):
    folder, contents = tiny
    for file, content in contents.items():
        (folder / "mnist" / file).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="t10k-images.*SHA-256 differs.*download"):
        datasets.load("mnist", "test", folder)


def test_damaged_gzip(tiny):
    folder, contents = tiny
    for file, content in contents.items():
        (folder / "mnist" / (file + ".gz")).write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(DataError, match="damaged gzip"):
        datasets.load("mnist", "test", folder)


def test_published_archive_is_checked(tmp_path):
    """Fashion-MNIST is known by the MD5 of its archives."""
    (tmp_path / "fashion-mnist").mkdir()
    for file in SETS["fashion"].test:
        (tmp_path / "fashion-mnist" / (file + ".gz")).write_bytes(gzip.compress(b"other"))
    with pytest.raises(DataError, match="not Fashion-MNIST's published file.*md5"):
        datasets.load("fashion", "test", tmp_path)


def test_download(tiny, monkeypatch):
    """An absent file is fetched; what comes is checked like any other."""
    folder, contents = tiny
    asked = []

    def retrieve(url, known_hash, fname, path, progressbar):
        asked.append(url)
        Path(path, fname).write_bytes(gzip.compress(contents[fname.removesuffix(".gz")]))
        return str(Path(path, fname))

    monkeypatch.setattr("pooch.retrieve", retrieve)
    pictures, _ = datasets.load("mnist", "train", folder)
    assert len(pictures) == 3
    assert asked == [SETS["mnist"].url + f + ".gz" for f in SETS["mnist"].train]
    datasets.load("mnist", "train", folder)
    assert len(asked) == 2


def test_download_of_an_archive(tmp_path, monkeypatch):
    """CIFAR-10 comes as one archive; only its batches are unpacked."""
    record = bytes([7]) + bytes(range(256)) * 12
    source = tmp_path / "source"
    source.mkdir()
    for name in ("test_batch.bin", "readme.html"):
        (source / name).write_bytes(record * 2)
    made = replace(SETS["cifar10"], content_hashes={"test_batch.bin": sha(record * 2)})
    monkeypatch.setitem(SETS, "cifar10", made)

    def retrieve(url, known_hash, fname, path, progressbar):
        with tarfile.open(Path(path, fname), "w:gz") as archive:
            for file in source.iterdir():
                archive.add(file, f"cifar-10-batches-bin/{file.name}")
        return str(Path(path, fname))

    monkeypatch.setattr("pooch.retrieve", retrieve)
    pictures, labels = datasets.load("cifar10", "test", tmp_path / "data")
    assert labels.tolist() == [7, 7] and pictures.shape == (2, 3, 32, 32)
    assert pictures[1, 0, 0, 5] == 5
    assert sorted(p.name for p in (tmp_path / "data/cifar-10-batches-bin").iterdir()) == [
        "test_batch.bin"
    ]


def test_no_files_no_network(tmp_path, monkeypatch):
    def retrieve(*args, **more):
        raise OSError("Name or service not known")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(DataError) as error:
        datasets.load("mnist", "test", tmp_path)
    for word in (
        "MNIST",
        "could not be downloaded",
        "Name or service not known",
        "--data-dir",
        "VOLLEY_DATA",
        str(tmp_path),
    ):
        assert word in str(error.value)


def test_unknown_names(tmp_path):
    with pytest.raises(DataError, match="'emnist'.*mnist, fashion, cifar10"):
        datasets.load("emnist", "test", tmp_path)
    with pytest.raises(DataError, match="'valid'.*'train', 'test'"):
        datasets.load("mnist", "valid", tmp_path)


def test_default_folder(monkeypatch):
    monkeypatch.delenv("VOLLEY_DATA", raising=False)
    assert datasets.default_folder() == Path("data")
    monkeypatch.setenv("VOLLEY_DATA", os.devnull)
    assert datasets.default_folder() == Path(os.devnull)


def test_records_of_two_labels(tmp_path):
    """CIFAR-100: a coarse class before the fine one."""
    home = tmp_path / SETS["cifar100"].folder
    home.mkdir()
    pixels = bytes(range(256)) * 12
    (home / "train.bin").write_bytes(bytes([3, 99]) + pixels + bytes([4, 0]) + pixels[::-1])
    pictures, labels = datasets.load("cifar100", "train", tmp_path, download=False)
    assert labels.tolist() == [99, 0] and pictures.shape == (2, 3, 32, 32)
    assert pictures[0].tobytes() == pixels and pictures[1].tobytes() == pixels[::-1]
    assert len(set(SETS["cifar100"].classes)) == 100
    for content, told in (
        (bytes([3, 100]) + pixels, "label 100; allowed: 0 to 99"),
        (pixels, "files of 3072 bytes; records have 3074"),
        (b"", "files of 0 bytes"),
    ):
        (home / "train.bin").write_bytes(content)
        with pytest.raises(DataError, match=told):
            datasets.load("cifar100", "train", tmp_path, download=False)


def test_an_archive_is_asked_for_by_its_hash(tmp_path, monkeypatch):
    asked = {}

    def retrieve(url, known_hash, **_):
        asked[url] = known_hash
        raise OSError("no network")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    for name in ("cifar100", "svhn"):
        with pytest.raises(DataError, match="could not be downloaded .no network"):
            datasets.load(name, "train", tmp_path)
    assert [url.rsplit("/")[-1] for url in asked] == ["cifar-100-binary.tar.gz", "train_32x32.mat"]
    assert all(rule.startswith("md5:") for rule in asked.values())


def test_matlab(tmp_path, monkeypatch):
    """SVHN: X [height, width, channels, N], and the digit 0 as label 10."""
    io = pytest.importorskip("scipy.io", reason="scipy is not installed")
    rng = np.random.default_rng(0)
    home = tmp_path / "svhn"
    home.mkdir()
    path, known = home / "test_32x32.mat", SETS["svhn"]

    def load(**arrays):
        io.savemat(path, arrays)
        rule = {"test_32x32.mat": sha(path.read_bytes())}
        monkeypatch.setitem(SETS, "svhn", replace(known, archive_hashes=rule))
        return datasets.load("svhn", "test", tmp_path, download=False)

    stored = rng.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    pictures, labels = load(X=stored, y=np.array([[1], [10], [9], [2]], np.uint8))
    assert labels.tolist() == [1, 0, 9, 2] and labels.dtype == np.uint8
    for n in range(4):
        np.testing.assert_array_equal(pictures[n].transpose(1, 2, 0), stored[..., n])
    with pytest.raises(DataError, match="labels 1 to 10"):
        load(X=stored, y=np.array([[1], [11], [9], [2]], np.uint8))
    with pytest.raises(DataError, match="not arrays X and y"):
        load(Z=stored)
