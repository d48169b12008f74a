"""The package nir, where it is installed; files of it read and written in one line's error."""

from __future__ import annotations

import io
from pathlib import Path

from volley.firmware.files import write_whole
from volley.model.interchange.chain import InterchangeError


def nir():
    """The module nir; InterchangeError where it is missing."""
    try:
        import nir as library
    except ModuleNotFoundError as error:
        raise InterchangeError(
            f"the package {error.name} is missing; install volley's extra interchange, or: "
            "python -m pip install nir"
        ) from None
    return library


def read(path):
    """The NIRGraph of a file; InterchangeError for what is none."""
    library = nir()
    if not Path(path).is_file():
        raise InterchangeError(f"{path}: no such file; a NIR file (HDF5, .nir) is needed")
    try:
        graph = library.read(path, type_check=False)
    except Exception as error:  # h5py and nir raise what the content happens to
        said = str(error).replace("\n", " ")[:200]
        raise InterchangeError(
            f"{path}: not a NIR file that nir {library.version} reads "
            f"({type(error).__name__}: {said})"
        ) from None
    if not isinstance(graph, library.NIRGraph):
        raise InterchangeError(f"{path}: holds one {type(graph).__name__}, not a graph")
    return graph


def write(graph, path) -> None:
    """Writes a graph, whole or not at all."""
    buffer = io.BytesIO()
    nir().write(buffer, graph)
    write_whole(path, buffer.getvalue())
