"""The chart of ``fpga/explore.py``: images/s end to end against LUTs, around a board's size."""

from __future__ import annotations

import io
from pathlib import Path

from volley.firmware.boards import Board
from volley.firmware.files import write_whole
from volley.firmware.texts import drawn
from volley.fpga.search import Point
from volley.fpga.target import capacity

AROUND = (0.1, 2.5)
"""LUTs that are shown, of those of the device."""

COLOURS = {"lut": "tab:red", "ff": "tab:pink", "bram": "tab:orange", "dsp": "tab:brown",
           "wires": "tab:purple", "model": "tab:gray"}  # fmt: skip


def draw(path: Path, points: list[Point], board: Board, model_name: str, fill: float) -> int:
    """Writes the PNG, whole or not at all; returns how many designs lie beyond its edges."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter

    there = board.data["device"]["lut"]
    low, high = (share * there for share in AROUND)
    shown = [point for point in points if point.rates and low <= point.used["lut"] <= high]
    figure, axis = pyplot.subplots(figsize=(8, 5), layout="constrained")
    reasons = dict.fromkeys(next(iter(point.why), "") for point in shown)
    for reason in sorted(reasons):
        some = [point for point in shown if next(iter(point.why), "") == reason]
        label = f"not: {capacity.NAMES.get(reason, reason)}" if reason else "fits"
        axis.scatter(
            [point.used["lut"] for point in some],
            [point.rates.end_to_end for point in some if point.rates],
            c=COLOURS.get(reason, "tab:blue"), marker="x" if reason else "o", label=label,
        )  # fmt: skip
    # where the link sets the pace many designs are on one line: names go up and down in turn
    for number, point in enumerate(sorted(shown, key=lambda point: point.used["lut"])):
        assert point.rates
        axis.annotate(
            f"{point.design.ci}x{point.design.co}", (point.used["lut"], point.rates.end_to_end),
            fontsize=7, xytext=(0, (8, -10, 18, -20)[number % 4]), textcoords="offset points",
            ha="center", va="center",
        )  # fmt: skip
    axis.axvline(
        fill * there, color="tab:red", linewidth=1, label=f"{fill:.0%} of {there:,} LUT"
    )  # fmt: skip
    axis.set(
        xscale="log", yscale="log", xlim=(low, high),
        xlabel="LUTs, by the cost model",
        ylabel=f"images/s end to end, link at {board.rates.line.text}",
        title=f"{drawn(board.title)}: {drawn(model_name)} at {board.clock_hz / 1e6:g} MHz, CI x CO",
    )  # fmt: skip
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter(plain)
        each.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    rates = [point.rates.end_to_end for point in shown if point.rates]
    if rates:
        axis.set_ylim(min(rates) / 2, max(rates) * 2)
        steps = [n * 10**k for k in range(-3, 6) for n in (1, 2, 5)]
        axis.set_yticks([y for y in steps if min(rates) / 2 <= y <= max(rates) * 2])
    axis.set_xticks([share * there for share in (0.1, 0.25, 0.5, 1, 2)])
    axis.grid(True, which="major", alpha=0.2)
    axis.legend(fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    pyplot.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data.getvalue())
    return len(points) - len(shown)
