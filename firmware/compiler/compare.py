"""One model compiled with each kind of fusion, side by side."""

from __future__ import annotations

from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.fusion import FUSE
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import rate_text, throughput

HEADS = (
    "fusion", "spikes", "weights", "parameters", "program", "picture", "weights, link",
    "spikes up", "spikes down", "runs", "cycles", "core/s", "link/s", "end to end/s",
)  # fmt: skip
"""Bytes on chip by kind; for a picture: bytes over the link by kind, runs, cycles; images/s of the
core, of the link at the board's line rate, and of both together."""


def compare(model, board) -> dict[str, dict | None]:
    """{kind of fusion: report of the program for a firmware.boards.Board}, None without a fit.

    The report has one more entry, "rates": a ``Throughput`` on the board.
    """
    found: dict[str, dict | None] = {}
    for fuse in FUSE:
        try:
            program = compile_model(
                model, board.design, explain=False, fuse=fuse, rates=board.rates
            )
            found[fuse] = {**program.report, "rates": throughput(program, *board.rates)}
        except FitError:
            found[fuse] = None
    return found


def rows(reports: dict[str, dict | None]) -> list[list[str]]:
    """The cells of a table under ``HEADS``."""
    table = []
    for fuse, report in reports.items():
        if report is None:
            table.append([fuse, "does not fit"] + [""] * (len(HEADS) - 2))
            continue
        chip = [report["on_chip"][name]["bytes"] for name in report["on_chip"]]
        link = [report["link"][name] for name in ("picture", "weights", "spikes_up", "spikes_down")]
        counts = [str(n) for n in (*chip, *link, report["runs"], report["cycles"])]
        rates = report["rates"]
        shown = [rate_text(rate) for rate in (rates.core, rates.link, rates.end_to_end)]
        table.append([fuse, *counts, *shown])
    return table


def text(reports) -> str:
    """The table as aligned text."""
    cells = [list(HEADS)] + rows(reports)
    widths = [max(len(row[k]) for row in cells) for k in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.rjust(width) if k else cell.ljust(width)
                  for k, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in cells
    )  # fmt: skip


def markdown(reports) -> str:
    """The table as Markdown."""
    lines = [" | ".join(HEADS), " | ".join(["---"] + ["---:"] * (len(HEADS) - 1))]
    lines += [" | ".join(row) for row in rows(reports)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"
