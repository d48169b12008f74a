"""``infer.py --plot``: a picture, the spike raster of each layer, and the scores."""

from __future__ import annotations

import io

import numpy as np

from volley.firmware.files import write_whole
from volley.host import maps

ROWS_MAX = 400  # trains of a raster; larger maps show every n-th


def raster(spikes: np.ndarray, ticks: int) -> tuple[np.ndarray, int]:
    """bool [neurons, ticks] of a map of ``Device.read_map``, and the step between neurons shown."""
    trains = maps.trains(spikes).reshape(-1)
    step = max(1, -(-len(trains) // ROWS_MAX))
    return (trains[::step, None] >> np.arange(ticks) & 1).astype(bool), step


def plot(path, session, image, layer_maps, result, title: str) -> None:
    """Writes a PNG, whole or not at all; raises ``OSError``.

    image: uint8 [C, H, W]. layer_maps: of ``Device.read_map``, for each firing layer. result: a Result.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name, neurons in session.layers if neurons]
    figure, axes = pyplot.subplots(
        1, len(names) + 2, figsize=(2.6 * (len(names) + 2), 3.6), layout="constrained"
    )
    picture = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    axes[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
    axes[0].set(title=title, xticks=[], yticks=[])
    for axis, name, spikes in zip(axes[1:], names, layer_maps):
        fired, step = raster(spikes, session.ticks)
        axis.imshow(fired, cmap="binary", aspect="auto", interpolation="nearest", vmin=0, vmax=1)
        every = f", 1 of {step}" if step > 1 else ""
        axis.set(
            title=f"{name}{every}",
            xlabel="tick",
            yticks=[],
            xticks=range(0, session.ticks, 1 + session.ticks // 9),
        )
    colours = ["tab:orange" if n == result.label else "tab:blue" for n in range(len(result.scores))]
    axes[-1].barh(range(len(result.scores)), result.scores, color=colours)
    axes[-1].set(title=f"class {session.classes[result.label]}", xlabel="score")
    if len(session.classes) <= 20:
        axes[-1].set_yticks(range(len(session.classes)), session.classes)
    axes[-1].invert_yaxis()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    pyplot.close(figure)
    write_whole(path, data.getvalue())
