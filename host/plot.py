"""``infer.py --plot``: a picture, the spike raster of each layer, and the scores."""

from __future__ import annotations

import io

import numpy as np

from volley.firmware import texts
from volley.firmware.files import write_whole
from volley.host import maps

ROWS_MAX = 400  # trains of a raster; larger maps show every n-th
CLASSES_MAX = 20  # bars of scores; of more classes the largest
NAME_MAX = 18  # characters of a class's name


def raster(spikes: np.ndarray, ticks: int) -> tuple[np.ndarray, int]:
    """bool [neurons, ticks] of a map of ``Device.read_map``, and the step between neurons shown."""
    trains = maps.trains(spikes).reshape(-1)
    step = max(1, -(-len(trains) // ROWS_MAX))
    return (trains[::step, None] >> np.arange(ticks) & 1).astype(bool), step


def plot(path, session, picture, layer_maps, result, title: str) -> None:
    """Writes a PNG, whole or not at all; raises ``OSError``.

    picture: uint8 [C, H, W], or spike trains [T, C, H, W]. layer_maps: of ``Device.read_map``, for each firing layer. result: a Result.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name, neurons in session.layers if neurons]
    figure, axes = pyplot.subplots(
        1, len(names) + 2, figsize=(2.6 * (len(names) + 2), 3.6), layout="constrained"
    )
    if picture.ndim == 4:  # spike trains: all ticks and channels together
        drawn = picture.sum((0, 1), dtype=np.int64)
        top = max(1, int(drawn.max()))
    else:
        drawn, top = picture.transpose(1, 2, 0) if len(picture) == 3 else picture[0], 255
    axes[0].imshow(drawn, cmap="gray", vmin=0, vmax=top)
    axes[0].set(title=texts.drawn(title), xticks=[], yticks=[])
    for axis, name, spikes in zip(axes[1:], names, layer_maps):
        _draw_raster(axis, name, spikes, session.ticks)
    _draw_scores(axes[-1], session.classes, result)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    pyplot.close(figure)
    write_whole(path, data.getvalue())


def _draw_raster(axis, name, spikes, ticks):
    """Spikes of a layer: a row for each neuron shown, a column for each tick."""
    fired, step = raster(spikes, ticks)
    axis.imshow(fired, cmap="binary", aspect="auto", interpolation="nearest", vmin=0, vmax=1)
    count = maps.trains(spikes).size
    label = f"{count} neurons" if step == 1 else f"{len(fired)} of {count} neurons shown"
    axis.set(title=texts.drawn(name), xlabel="tick", ylabel=label)
    axis.set_xticks(range(0, ticks, 1 + ticks // 9))
    last = len(fired) - 1
    axis.set_yticks(sorted({0, last}), [str(row * step) for row in sorted({0, last})])
    axis.yaxis.labelpad = -8


def _draw_scores(axis, classes, result):
    """Bars of the scores: of all classes, or of the largest, with names that do not collide."""
    count = len(result.scores)
    order = np.arange(count)
    if count > CLASSES_MAX:
        order = np.argsort(-result.scores, kind="stable")[:CLASSES_MAX]
    colours = ["tab:orange" if n == result.label else "tab:blue" for n in order]
    names = [texts.drawn(classes[n]) for n in order]
    names = [name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…" for name in names]
    axis.barh(range(len(order)), result.scores[order], color=colours)
    axis.set_yticks(range(len(order)), names, fontsize=9)
    axis.axvline(0, color="black", linewidth=0.6)
    axis.invert_yaxis()
    largest = "" if count <= CLASSES_MAX else f", the {CLASSES_MAX} largest of {count}"
    axis.set(
        title=f"class {texts.drawn(classes[result.label])[:NAME_MAX]}", xlabel=f"score{largest}"
    )
    axis.locator_params(axis="x", nbins=4)
