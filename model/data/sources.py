"""Where pictures come from: the named data sets, a folder of class folders, an .npz file, a function.

    mnist                     a set of datasets.py, by its name
    FOLDER                    FOLDER/CLASS/*.png ..., or FOLDER/train/CLASS/... and FOLDER/test/CLASS/...
    FILE.npz                  train_images, train_labels, test_images, test_labels, perhaps classes
    module:function           called with 'train' and 'test': (pictures, labels) or (pictures, labels,
                              classes); the module may lie in the current folder

Pictures are uint8 [N,H,W] or [N,C,H,W], labels whole numbers from 0. Pictures that come sorted by
class are mixed, in an order that is always the same. Where there is no part to test on, every sixth
picture of each class is. Pictures of files are scaled as ``volley infer --fit`` does.
"""

import argparse
import functools
import hashlib
import importlib
import os
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from volley.firmware import npy, picture_fit
from volley.firmware.files import regular
from volley.firmware.texts import short
from volley.model.data import datasets
from volley.model.data.datasets import DataError

DEFAULT = (3, 32, 32)
HELP = (
    f"data set: {', '.join(datasets.SETS)}, or one's own: a folder with a sub-folder of pictures for "
    "each class, a FILE.npz, or module:function"
)
MOST = 256  # classes
TEST = 6  # every so manieth picture is for testing where none are set apart


@dataclass(frozen=True)
class Own:
    """Pictures of one's own, as sets.DataSet describes them; parts: (pictures, labels) by split.

    fit: pictures come from files, and were scaled to the shape.
    """

    name: str
    shape: tuple
    classes: tuple
    parts: dict
    kind: str = "picture"
    fit: bool = False


def picture_shape(text):
    """An argparse type: CxHxW as a tuple."""
    found = re.fullmatch(r"([13])x(\d{1,3})x(\d{1,3})", text)
    shape = tuple(map(int, found.groups())) if found else (0, 0, 0)
    if min(shape) < 1 or max(shape) > 256:
        raise argparse.ArgumentTypeError(
            f"{text!r}; allowed: channels x height x width, such as 3x32x32, 1 or 3 channels, sides up "
            "to 256"
        )
    return shape


def data_set(text, shape=None):
    """What is known of a data set: name, shape (C,H,W) and classes.

    text: as --data takes it; shape: of pictures of one's own. Raises DataError.
    """
    if text in datasets.SETS:
        if shape not in (None, datasets.SETS[text].shape):
            raise DataError(f"--picture is for data of one's own; {text} has its size")
        return datasets.SETS[text]
    return _own(text, shape)


def load(text, split, folder=None, shape=None, ticks=8, limit=None):
    """Pictures uint8 [N,C,H,W] and labels uint8 [N] of a split, 'train' or 'test', of a data set.

    ticks and limit are for sets of spike trains, as in datasets.load.
    """
    data = data_set(text, shape)
    if isinstance(data, Own):
        return data.parts[split]
    return datasets.load(text, split, folder, ticks=ticks, limit=limit)


def digest(text, shape=None):
    """The content of a data set of one's own as a text, SHA-256; None for a set known by its name."""
    data = data_set(text, shape)
    if not isinstance(data, Own):
        return None
    found = hashlib.sha256(repr(data.classes).encode())
    for split in ("train", "test"):
        for array in data.parts[split]:
            found.update(np.ascontiguousarray(array))
    return f"sha256 {found.hexdigest()[:16]}"


def check_classes(text, found, path, wanted):
    """Raise DataError unless a data set's classes `found` are those of a model file, `wanted`.

    Numbers stand for any names: a set without names has them up to its largest label.
    """
    ours, theirs = (all(x == str(k) for k, x in enumerate(names)) for names in (found, wanted))
    fits = len(found) <= len(wanted) if ours else theirs and len(found) == len(wanted)
    if not fits and list(found) != list(wanted):
        raise DataError(
            f"--data {text}: its classes are {short(found)}, those of {path} {short(wanted)}; they must "
            "be the same, in the same order"
        )


@functools.lru_cache(maxsize=4)
def _own(text, shape):
    path = Path(text)
    if path.is_dir():
        name, (parts, classes) = path.resolve().name, _from_folder(path, shape or DEFAULT)
    elif path.suffix == ".npz":
        name, (parts, classes) = path.stem, _from_npz(path)
    elif re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", text):
        name, (parts, classes) = text.partition(":")[2], _from_function(text)
    else:
        raise DataError(
            f"--data {text}: no data set of that name ({', '.join(datasets.SETS)}), no folder, no .npz "
            "file and no module:function"
        )
    classes = None if classes is None else _names(text, classes)
    parts = {split: _mixed(*_checked(text, split, *part)) for split, part in parts.items()}
    if len(parts) < 2:
        parts = _divided(parts["train"])
    found = parts["train"][0].shape[1:]
    for split, (pictures, labels) in parts.items():
        if not len(labels):
            raise DataError(
                f"{text}: no picture to {split} on; where none are set apart, every sixth picture of a "
                "class is for testing"
            )
        if pictures.shape[1:] != found or shape not in (None, found):
            raise DataError(
                f"{text}: pictures of {'x'.join(map(str, pictures.shape[1:]))} (CxHxW) to {split} on, "
                f"others of {'x'.join(map(str, shape or found))}; arrays are not scaled"
            )
    most = int(max(labels.max() for _, labels in parts.values()))
    if classes is None:
        classes = tuple(str(k) for k in range(most + 1))
    if not most < len(classes) <= MOST:
        raise DataError(
            f"{text}: label {most} of {len(classes)} classes; allowed: up to {MOST} classes"
        )
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise DataError(
            f"{text}: two classes are called {short(twice)}; give each a name of its own"
        )
    name = re.sub(r"[^\w.-]", "_", name)
    return Own(name, tuple(found), classes, parts, fit=path.is_dir())


def _checked(text, split, pictures, labels):
    """Arrays as uint8 [N,C,H,W] and uint8 [N]; DataError for others."""
    try:
        pictures, labels = np.asarray(pictures), np.asarray(labels)
    except ValueError as error:
        raise DataError(f"{text}: {split} pictures or labels are no array ({error})") from None
    if pictures.ndim == 3:
        pictures = pictures[:, None]
    if pictures.ndim == 4 and pictures.shape[1] not in (1, 3) and pictures.shape[3] in (1, 3):
        pictures = pictures.transpose(0, 3, 1, 2)
    fits = pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[1] in (1, 3)
    if not fits:
        raise DataError(
            f"{text}: {split} pictures are {pictures.dtype} of shape {list(pictures.shape)}; allowed: "
            "uint8 [N,H,W], [N,C,H,W] or [N,H,W,C] of 1 or 3 channels"
        )
    labels = labels.reshape(-1)
    whole = labels.dtype.kind in "iu" and (
        not labels.size or 0 <= labels.min() <= labels.max() < MOST
    )
    if not whole or len(labels) != len(pictures):
        number = labels.dtype.kind in "iuf" and labels.size
        reach = f", {labels.min()} to {labels.max()}," if number else ""
        raise DataError(
            f"{text}: {split} labels are {len(labels)} of {labels.dtype}{reach} for {len(pictures)} "
            f"pictures; allowed: one whole number 0 to {MOST - 1} for each"
        )
    return np.ascontiguousarray(pictures), labels.astype(np.uint8)


def _mixed(pictures, labels):
    """Pictures and labels; where these are sorted, in an order that is the same everywhere.

    Else the last ones, which --validate holds out, or the first, of a limit, would be of one class.
    """
    if (labels[1:] < labels[:-1]).any():
        return pictures, labels
    order = np.random.default_rng(1).permutation(len(labels))
    return pictures[order], labels[order]


def _names(text, classes):
    """Names of classes as a tuple of texts; DataError for what is no list of them."""
    try:
        found = np.asarray(classes)
        if found.ndim != 1 or found.dtype.kind not in "USiu":
            raise ValueError(f"{found.dtype} of shape {list(found.shape)}")
        names = [x.decode() if isinstance(x, bytes) else str(x) for x in found.tolist()]
        "".join(names).encode()
    except UnicodeError:
        raise DataError(
            f"{text}: the name of a class holds bytes that are no UTF-8; rename it"
        ) from None
    except ValueError as error:
        raise DataError(
            f"{text}: classes are {error}; allowed: a list of their names, in the order of the labels"
        ) from None
    return tuple(names)


def _divided(part):
    """The parts 'train' and 'test' of pictures that are not divided, in their order."""
    pictures, labels = part
    place = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        place[mine] = np.arange(len(mine))
    test = place % TEST == TEST - 1
    return {name: (pictures[at], labels[at]) for name, at in (("train", ~test), ("test", test))}


def _from_folder(path, shape):
    """({split: (pictures, labels)}, classes) of a folder of class folders."""
    homes = {split: path / split for split in ("train", "test")}
    if not all(home.is_dir() for home in homes.values()):
        homes = {"train": path}
    classes = sorted(p.name for p in homes["train"].iterdir() if p.is_dir() and p.name[0] != ".")
    if len(classes) < 2:
        raise DataError(
            f"{homes['train']}: {len(classes)} sub-folders; a folder for each class is wanted, two or "
            "more, with its pictures in it"
        )
    if len(classes) > MOST:
        raise DataError(
            f"{homes['train']}: {len(classes)} sub-folders; allowed: up to {MOST} classes"
        )
    there = homes.get("test", homes["train"]).iterdir()
    strange = {p.name for p in there if p.is_dir() and p.name[0] != "."} - set(classes)
    if strange:
        raise DataError(
            f"{homes['test'] / min(strange)}: a class to test on that is not among those to train on, "
            f"in {homes['train']}"
        )
    parts = {}
    for split, home in homes.items():
        pictures, labels = [], []
        for label, name in enumerate(classes):
            files = sorted(
                p for p in (home / name).glob("*") if picture_fit.is_picture(p) and p.is_file()
            )
            if not files:
                raise DataError(
                    f"{home / name}: no picture in this class's folder, where they lie without "
                    f"sub-folders; allowed: {', '.join(picture_fit.SUFFIXES)}, and beside each other "
                    "train/ and test/ with a folder for each class"
                )
            for file in files:
                try:
                    pictures.append(picture_fit.read(file, shape))
                except picture_fit.DepthError as error:
                    raise DataError(f"{file}: {error}; convert it") from None
                except Exception as error:  # Pillow's readers raise many kinds on damaged files
                    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                    raise DataError(f"{file}: no picture, or a damaged one ({reason})") from None
                labels.append(label)
        parts[split] = (np.stack(pictures), np.array(labels))
    return parts, tuple(classes)


def _from_npz(path):
    """({split: (pictures, labels)}, classes or None) of an .npz file."""
    try:
        arrays = npy.read_npz(regular(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; an .npz file is wanted") from None
    except npy.NpyError as error:
        raise DataError(f"{path}: not an .npz file of plain arrays ({error})") from None
    parts = {
        split: (arrays[f"{split}_images"], arrays[f"{split}_labels"])
        for split in ("train", "test")
        if {f"{split}_images", f"{split}_labels"} <= set(arrays)
    }
    if "train" not in parts:
        raise DataError(
            f"{path}: arrays {', '.join(sorted(arrays)) or 'none'}; wanted: train_images, train_labels "
            "and perhaps test_images, test_labels, classes"
        )
    return parts, arrays.get("classes")


def _from_function(text):
    """({split: (pictures, labels)}, classes or None) of module:function."""
    module, _, function = text.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        called = getattr(importlib.import_module(module), function)
        found = {split: tuple(called(split)) for split in ("train", "test")}
    except Exception as error:  # of the user's own code, any kind
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [x for x in frames if x.filename != __file__ and x.filename[0] != "<"]
        where = f"; line {theirs[-1].lineno} of {theirs[-1].filename}" if theirs else ""
        raise DataError(
            f"--data {text}: cannot be called with 'train' and 'test' ({type(error).__name__}: "
            f"{error}{where})"
        ) from None
    if any(len(part) not in (2, 3) for part in found.values()):
        raise DataError(f"--data {text}: gave no (pictures, labels) or (pictures, labels, classes)")
    named = {split: _names(text, part[2]) for split, part in found.items() if len(part) == 3}
    if len(set(named.values())) > 1:
        raise DataError(
            f"--data {text}: gave classes {short(named['train'])} with 'train', {short(named['test'])} "
            "with 'test'; they must be the same"
        )
    classes = next(iter(named.values()), None)
    return {split: part[:2] for split, part in found.items()}, classes
