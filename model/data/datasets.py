"""MNIST, Fashion-MNIST and CIFAR-10 from their canonical files, checked and fetched when absent.

A data folder holds one folder per set, with the files as their authors publish them; each file may
be gzip-compressed or not:

    mnist/, fashion-mnist/    train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz],
                              t10k-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz]
    cifar-10-batches-bin/     data_batch_1.bin ... data_batch_5.bin, test_batch.bin

Formats: IDX (LeCun, "The MNIST database"), CIFAR-10 binary version (Krizhevsky 2009).
"""

import gzip
import hashlib
import os
import tarfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from volley.firmware import idx
from volley.firmware.files import write_whole
from volley.model.data import events


class DataError(ValueError):
    """A data set that cannot be had or is damaged; says what was found and what to do."""


@dataclass(frozen=True)
class DataSet:
    """One set: how to recognise its files, where they come from, and what its classes are called.

    content_hashes: hash of each file's uncompressed content. archive_hashes: hash of the
    published .gz file, for a set whose content hash is not known here.
    """

    name: str
    title: str
    folder: str
    shape: tuple  # (C, H, W)
    classes: tuple
    train: tuple  # file names: (images, labels) pairs, or batches
    test: tuple
    url: str
    content_hashes: dict
    archive_hashes: dict
    archive: str = ""  # one archive with all files, instead of a .gz for each
    kind: str = "picture"  # or "spikes": event frames, simulated from the pictures of these files


_IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CIFAR = tuple(f"data_batch_{i}.bin" for i in range(1, 6)) + ("test_batch.bin",)

SETS = {
    s.name: s
    for s in (
        DataSet(
            "mnist",
            "MNIST",
            "mnist",
            (1, 28, 28),
            tuple("0123456789"),
            _IDX[:2],
            _IDX[2:],
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            dict(
                zip(
                    _IDX,
                    (
                        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                    ),
                )
            ),
            {},
        ),
        # The hashes of Fashion-MNIST's uncompressed content are not known here: its published
        # archives are checked instead, by the MD5 sums that its authors give, so for this set the
        # files must be the .gz files as published.
        DataSet(
            "fashion",
            "Fashion-MNIST",
            "fashion-mnist",
            (1, 28, 28),
            (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            _IDX[:2],
            _IDX[2:],
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            {},
            dict(
                zip(
                    _IDX,
                    (
                        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                        "md5:25c81989df183df01b3e8a0aad5dffbe",
                        "md5:bef4ecab320f06d8554ea6380940ec79",
                        "md5:bb300cfdad3c16e7a12a480ee83cd310",
                    ),
                )
            ),
        ),
        DataSet(
            "cifar10",
            "CIFAR-10",
            "cifar-10-batches-bin",
            (3, 32, 32),
            (
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            _CIFAR[:5],
            _CIFAR[5:],
            "https://www.cs.toronto.edu/~kriz/",
            dict(
                zip(
                    _CIFAR,
                    (
                        "sha256:cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                        "sha256:a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                        "sha256:bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                        "sha256:014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                        "sha256:755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                        "sha256:8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
                    ),
                )
            ),
            {},
            archive="cifar-10-binary.tar.gz",
        ),
    )
}

SETS["mnist-events"] = replace(
    SETS["mnist"],
    name="mnist-events",
    title="MNIST as simulated events",
    shape=(2, events.SIZE, events.SIZE),
    kind="spikes",
)


def default_folder():
    """The folder that holds the data sets: $VOLLEY_DATA, or ./data."""
    return Path(os.environ.get("VOLLEY_DATA") or "data")


def _find(folder, file):
    """The file or its .gz in `folder`, or None."""
    for path in (folder / file, folder / (file + ".gz")):
        if path.is_file():
            return path
    return None


def _digest(rule, content):
    kind, wanted = rule.split(":")
    return hashlib.new(kind, content).hexdigest() == wanted


def _content(data, path, file):
    """The checked, uncompressed bytes of one file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    remedy = "delete it to have it downloaded again, or copy the published file there"
    archive_rule = data.archive_hashes.get(file)
    if archive_rule and not _digest(archive_rule, raw):
        raise DataError(
            f"{path}: not {data.title}'s published archive {file}.gz (its "
            f"{archive_rule.partition(':')[0]} differs); {remedy}"
        )
    try:
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error):
        raise DataError(f"{path}: damaged gzip file of {len(raw)} bytes; {remedy}") from None
    rule = data.content_hashes.get(file)
    if rule and not _digest(rule, content):
        raise DataError(
            f"{path}: content is not {data.title}'s {file} (SHA-256 differs, "
            f"{len(content)} bytes); {remedy}"
        )
    return content


def _download(data, folder, file):
    """Fetch one file (or the archive that holds it) into `folder`; returns its path."""
    import pooch

    name = data.archive or file + ".gz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(
            pooch.retrieve(
                data.url + name,
                known_hash=data.archive_hashes.get(file),
                fname=name,
                path=folder,
                progressbar=True,
            )
        )
        if data.archive:
            with tarfile.open(path) as archive:
                for member in archive.getmembers():
                    base = Path(member.name).name
                    if member.isfile() and base in data.train + data.test:
                        write_whole(folder / base, archive.extractfile(member).read())
            path.unlink()
    except Exception as error:  # whatever the network or the disk says, told in one line
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{data.title}: {folder / file}[.gz] is not there, and {data.url + name} could not be "
            f"downloaded ({reason[:200]}). Copy the published files into {folder}, or name the "
            "folder above it with --data-dir or VOLLEY_DATA"
        ) from None
    return _find(folder, file)


def _idx(content, name):
    try:
        return idx.parse(content, str(name))
    except idx.IdxError as error:
        raise DataError(str(error)) from None


def load(name, split, folder=None, download=True, ticks=8, limit=None):
    """Pictures and labels of one split of a data set.

    name: of SETS; ticks: frames of event sets, whose pictures are spikes [N,T,C,H,W]; limit: the
    first so many of those; split: 'train' or 'test'; folder: holds the sets'
    folders (default_folder() when None). Returns (pictures uint8 [N,C,H,W], labels uint8 [N]).
    Raises DataError when a file is absent and cannot be downloaded, or is not the published one.
    """
    if name not in SETS:
        raise DataError(f"data set {name!r} is not known; allowed: {', '.join(SETS)}")
    if split not in ("train", "test"):
        raise DataError(f"split {split!r} is not known; allowed: 'train', 'test'")
    data = SETS[name]
    home = Path(folder or default_folder()) / data.folder
    contents = []
    for file in data.train if split == "train" else data.test:
        path = _find(home, file)
        if path is None:
            if not download:
                raise DataError(f"{data.title}: {home / file}[.gz] is not there")
            path = _download(data, home, file)
        contents.append(_content(data, path, file))
    if data.archive:
        size = int(np.prod(data.shape))
        records = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, 1 + size)
        return records[:, 1:].reshape(-1, *data.shape).copy(), records[:, 0].copy()
    pictures, labels = (
        _idx(c, home / f) for c, f in zip(contents, data.train if split == "train" else data.test)
    )
    if data.kind == "spikes":
        pictures = pictures[:limit, None]
        return events.simulate(pictures, ticks, seed=split == "test"), labels[:limit].copy()
    return pictures.reshape(-1, *data.shape).copy(), labels.copy()
