"""Events of real cameras from files, as frames; the files are read by tonic, an optional package.

Kinds of files: .bin of N-MNIST and N-Caltech101, .aedat4, .aedat of the DVS Gesture set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

READERS = {".bin": "read_mnist_file", ".aedat4": "read_aedat4", ".aedat": "read_dvs_ibm"}
MISSING = "event files need tonic: pip install tonic (or pip install volley[events])"


class EventError(ValueError):
    """Event files that cannot be used; says what was found and what to do."""


def read(path) -> np.ndarray:
    """The events of a file: a structured array with fields x, y, t (microseconds), p (0 or 1)."""
    path = Path(path)
    if path.suffix not in READERS:
        raise EventError(f"{path}: not an event file; allowed: {', '.join(READERS)}")
    if not path.is_file():
        raise EventError(f"{path}: no such file")
    try:
        from tonic import io
    except ImportError:
        raise EventError(MISSING) from None
    try:
        if path.suffix == ".bin":
            dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
            return io.read_mnist_file(str(path), dtype=dtype, is_stream=False)
        found = getattr(io, READERS[path.suffix])(str(path))
        return found[-1] if isinstance(found, tuple) else found
    except Exception as error:  # tonic's readers raise many kinds on damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EventError(f"{path}: cannot be read ({reason})") from None


def to_frames(events: np.ndarray, size: tuple[int, int], ticks: int) -> np.ndarray:
    """uint8 [ticks, 2, height, width]: events of each pixel in as many equal parts of the time.

    size: (height, width). Channel 0 is of getting brighter (p = 1), 1 of getting darker. A count beyond
    255 is 255. Raises ``EventError`` for events outside the sensor.
    """
    height, width = size
    if not len(events):
        return np.zeros((ticks, 2, height, width), np.uint8)
    names = events.dtype.names or ()
    x, y, t, on = (
        np.asarray(events[next(n for n in wanted if n in names)]).astype(np.int64)
        for wanted in (("x",), ("y",), ("t", "timestamp"), ("p", "on"))
    )
    if x.min() < 0 or y.min() < 0 or x.max() >= width or y.max() >= height:
        raise EventError(
            f"an event at row {y.max()}, column {x.max()} is outside a sensor of {height} x {width}; "
            "give --size HEIGHT,WIDTH"
        )
    length = max(1, int(t.max() - t.min()) + 1)
    frame = (t - t.min()) * ticks // length
    counts = np.zeros((ticks, 2, height, width), np.int64)
    np.add.at(counts, (frame, 1 - (on > 0), y, x), 1)
    return np.minimum(counts, 255).astype(np.uint8)


def find(path) -> list[tuple[Path, str | None]]:
    """(file, class) of a file or of a folder of them: class is the name of a folder inside it."""
    path = Path(path)
    if not path.is_dir():
        return [(path, None)]
    files = sorted(each for each in path.rglob("*") if each.suffix in READERS and each.is_file()
                   and each.name[0] != ".")  # fmt: skip
    if not files:
        raise EventError(f"{path}: no event file in this folder; allowed: {', '.join(READERS)}")
    return [(each, each.parent.name if each.parent != path else None) for each in files]
