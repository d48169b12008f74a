"""``infer.py --trace``: every layer's spikes as the board has them, against the golden model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from volley.firmware.files import write_whole
from volley.host.errors import DeviceError
from volley.host.maps import trains

AXES = ("channel", "row", "column")


def first_difference(name: str, board: np.ndarray, golden: np.ndarray) -> str | None:
    """Where two maps of ``Device.read_map`` first differ, in words; None where they are equal.

    First is in the order channel, row, column, tick.
    """
    board, golden = trains(board), trains(golden)
    differences = np.argwhere(board != golden)
    if not len(differences):
        return None
    first = tuple(int(n) for n in differences[0])
    differ = int(board[first]) ^ int(golden[first])
    tick = (differ & -differ).bit_length() - 1
    has = int(board[first]) >> tick & 1
    where = ", ".join(f"{word} {n}" for word, n in zip(AXES, first))
    return (
        f"layer {name}, {where}, tick {tick}: the board has {has}, the golden model {1 - has} "
        f"({len(differences)} of {board.size} spike trains of this map differ)"
    )


def check(model) -> None:
    """Raises ``DeviceError`` without a model to compare with: of a compiled program it is None."""
    if model is None:
        raise DeviceError(
            "--trace compares with the golden model: give --model the model file (.safetensors), "
            "not a compiled program"
        )


def trace(session, images, results, folder, say=print) -> bool:
    """Reads the map of every firing layer for every picture, saves it and compares it.

    session: a ``host.sessions.BoardSession`` with a model. images: uint8 [N, C, H, W]. results: a
    Result for each. folder: gets IMAGE-LAYER.npy, as ``Device.read_map`` gives it, after
    pooling.
    Says where the first difference is, in the order image, layer, or that there is none; returns
    whether all is equal. Raises ``DeviceError``, ``OSError`` and what the link raises.
    """
    check(session.model)
    from volley.model import golden

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name, neurons in session.layers if neurons]
    found = None
    for index, (image, result) in enumerate(zip(images, results)):
        wanted = golden.run(session.model, image[None])
        for name, board, ours in zip(names, session.maps(image), wanted.maps):
            _save(folder / f"{index:04d}-{name}.npy", board)
            found = found or _of(index, first_difference(name, board, ours[0]))
        found = found or _of(index, _other_result(session, result, wanted))
    count = f"{len(images)} images, {len(names)} layers, {session.ticks} ticks"
    if found:
        say(f"trace: first difference: {found}")
    else:
        say(f"trace: no difference from the golden model in {count}; maps in {folder}")
    return found is None


def _of(index, difference):
    return difference and f"image {index}, {difference}"


def _other_result(session, result, wanted):
    """A difference in scores or spike counts, which no map shows."""
    wrong = np.flatnonzero(result.scores != wanted.scores[0])
    if len(wrong):
        at = int(wrong[0])
        return (
            f"score of class {session.classes[at]}: the board has {int(result.scores[at])}, the "
            f"golden model {int(wanted.scores[0][at])}"
        )
    counts = wanted.spike_counts[0].tolist()
    if result.spikes != counts:
        return f"spike counts: the board has {result.spikes}, the golden model {counts}"
    return None


def _save(path, array):
    data = io.BytesIO()
    np.save(data, array)
    write_whole(path, data.getvalue())
