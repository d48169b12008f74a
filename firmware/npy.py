"""Arrays of .npy and .npz files, whose headers are checked against their bytes before memory is taken."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

MAGIC = b"\x93NUMPY"
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
LARGEST = 1 << 31
"""Bytes of all arrays of an .npz file together, unpacked."""


class NpyError(ValueError):
    """Bytes that are no usable array; the text says why."""


def parse(content: bytes) -> np.ndarray:
    """The array of a .npy file's content; raises ``NpyError``."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"version {version[0]}.{version[1]}, allowed are 1.0 and 2.0")
        shape, _, dtype = HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError("Python objects, allowed are numbers")
        promised, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
        if promised != there:
            raise ValueError(
                f"its header promises {dtype} of shape {list(shape)}, {promised} bytes, and "
                f"{there} follow"
            )
        file.seek(0)
        return np.load(file, allow_pickle=False)
    except Exception as error:  # numpy's parser of headers raises many kinds
        raise NpyError(_reason(error)) from None


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by their names; raises ``NpyError`` and ``OSError``."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > LARGEST:
                raise ValueError(f"{size} bytes when it is unpacked, allowed are {LARGEST}")
            found = {}
            for member in archive.infolist():
                try:
                    array = parse(archive.read(member))
                except NpyError as error:
                    raise ValueError(f"{member.filename}: {error}") from None
                found[member.filename.removesuffix(".npy")] = array
            return found
    except OSError:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged files
        raise NpyError(_reason(error)) from None


def _reason(error):
    """The first line of an error, or its kind where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
