"""Labels from files: .npy, IDX, or a text with a class a line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from volley.firmware.texts import short
from volley.host.array_files import is_array, read_array, read_bytes
from volley.host.errors import PictureError


def load_labels(path, classes: list[str]) -> np.ndarray:
    """Labels as int64 [N]: from .npy, IDX (.gz too), or a text, a class name or number a line.

    A text that is both is a name. Raises ``PictureError`` for a file that is none of these and for
    labels that are no class.
    """
    path = Path(path)
    if is_array(read_bytes(path)[:8]):
        labels = read_array(path)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise PictureError(
                f"{path}: {labels.dtype} of shape {list(labels.shape)}, labels are whole numbers "
                "of shape [N]"
            )
    else:
        labels = _text_labels(path, classes)
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        raise PictureError(
            f"{path}: label {labels[wrong[0]]} at index {wrong[0]}, the model has the classes 0 to "
            f"{len(classes) - 1}"
        )
    return labels.astype(np.int64)


def match_labels(labels: np.ndarray, path, count: int, whole: bool) -> np.ndarray:
    """The first ``count`` labels; ``whole``: there must be just as many as pictures."""
    if len(labels) < count or (whole and len(labels) != count):
        raise PictureError(
            f"{path}: {len(labels)} labels for {count} pictures; one for each is needed"
        )
    return labels[:count]


def _text_labels(path, classes):
    try:
        lines = read_bytes(path).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise PictureError(f"{path}: neither .npy, IDX nor text; labels are one of these") from None
    names = {name: number for number, name in enumerate(classes)}
    twice = {name for name in names if classes.count(name) > 1}
    labels = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line:
            continue
        if line in twice:
            same = [str(number) for number, name in enumerate(classes) if name == line]
            raise PictureError(
                f"{path}, line {number}: {short(line)} is the name of classes {' and '.join(same[:4])}; "
                "give numbers, or the classes of the model names of their own"
            )
        if line in names:
            labels.append(names[line])
        elif re.fullmatch(r"[0-9]{1,9}", line):
            labels.append(int(line))
        else:
            raise PictureError(
                f"{path}, line {number}: {line[:40]!r} is no class; allowed: 0 to "
                f"{len(classes) - 1}, or one of {', '.join(map(ascii, classes[:12]))}"
            )
    return np.array(labels, np.int64)
