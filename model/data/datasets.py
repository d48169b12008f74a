"""The sets of sets.py from their canonical files, checked and fetched when absent.

A data folder holds one folder per set, with the files as their authors publish them; each file may
be gzip-compressed or not:

    mnist/, fashion-mnist/    train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz],
                              t10k-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz]
    cifar-10-batches-bin/     data_batch_1.bin ... data_batch_5.bin, test_batch.bin
    cifar-100-binary/         train.bin, test.bin
    svhn/                     train_32x32.mat, test_32x32.mat

Formats: IDX (LeCun, "The MNIST database"), CIFAR's binary versions (Krizhevsky 2009), MATLAB arrays
(Netzer et al. 2011, "Reading digits in natural images"), for which scipy is needed.
"""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np

from volley.firmware import idx
from volley.firmware.files import write_whole
from volley.model.data import events
from volley.model.data.sets import SETS


class DataError(ValueError):
    """A data set that cannot be had or is damaged; says what was found and what to do."""


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
    archive_rule = data.archive_hashes.get(file)  # of an archive of several: when it is fetched
    if archive_rule and not _digest(archive_rule, raw):
        raise DataError(
            f"{path}: not {data.title}'s published file {file}{data.suffix} (its "
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

    name = data.archive or file + data.suffix
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(
            pooch.retrieve(
                data.url + name,
                known_hash=data.archive_hashes.get(data.archive or file),
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
            f"{data.title}: {folder / file}{optional(data)} is not there, and {data.url + name} could not be "
            f"downloaded ({reason[:200]}). Copy the published files into {folder}, or name the "
            "folder above it with --data-dir or VOLLEY_DATA"
        ) from None
    return _find(folder, file)


def _idx(content, name):
    try:
        return idx.parse(content, str(name))
    except idx.IdxError as error:
        raise DataError(str(error)) from None


def optional(data):
    """The ending that the files of a set may have, for messages."""
    return f"[{data.suffix}]" if data.suffix else ""


def _records(data, contents):
    """Pictures and labels of CIFAR's records; raises DataError for half a record, or a label too many."""
    size = data.label_bytes + int(np.prod(data.shape))
    if any(not content or len(content) % size for content in contents):
        raise DataError(
            f"{data.title}: files of {', '.join(str(len(c)) for c in contents)} bytes; records have "
            f"{size} bytes each"
        )
    records = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, size)
    labels = records[:, data.label_bytes - 1].copy()
    if labels.max() >= len(data.classes):
        raise DataError(
            f"{data.title}: label {labels.max()}; allowed: 0 to {len(data.classes) - 1}"
        )
    return records[:, data.label_bytes :].reshape(-1, *data.shape).copy(), labels


def _matlab(data, content, path):
    """Pictures and labels of a file of MATLAB's."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DataError(f"{path}: reading it needs scipy; pip install scipy") from None
    try:
        arrays = loadmat(io.BytesIO(content))
        pictures = np.ascontiguousarray(arrays["X"].transpose(3, 2, 0, 1))
        labels = arrays["y"].reshape(-1)
    except Exception as error:  # scipy raises many kinds on damaged files
        raise DataError(f"{path}: not arrays X and y of MATLAB ({error!r})") from None
    fits = pictures.shape == (len(labels), *data.shape) and pictures.dtype == np.uint8
    if not fits or not 1 <= labels.min() <= labels.max() <= len(data.classes):
        raise DataError(
            f"{path}: X is {arrays['X'].dtype} {list(arrays['X'].shape)} for {len(labels)} labels; "
            f"allowed: uint8 [height, width, channels, N] of {data.shape}, labels 1 to "
            f"{len(data.classes)}"
        )
    return pictures, (labels % len(data.classes)).astype(np.uint8)


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
                raise DataError(f"{data.title}: {home / file}{optional(data)} is not there")
            path = _download(data, home, file)
        contents.append(_content(data, path, file))
    files = data.train if split == "train" else data.test
    if data.form == "records":
        return _records(data, contents)
    if data.form == "mat":
        return _matlab(data, contents[0], home / files[0])
    pictures, labels = (_idx(c, home / f) for c, f in zip(contents, files))
    if data.kind == "spikes":
        pictures = pictures[:limit, None]
        return events.simulate(pictures, ticks, seed=split == "test"), labels[:limit].copy()
    return pictures.reshape(-1, *data.shape).copy(), labels.copy()
