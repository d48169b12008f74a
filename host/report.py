"""What infer.py prints and writes: the table, the summary, the JSON."""

from __future__ import annotations

import json

from volley.firmware.compiler.throughput import rate_text
from volley.firmware.files import write_whole
from volley.firmware.texts import shown
from volley.host.results import Result

COLUMNS = (
    ("image", 6), ("expected", 9), ("class", 9), ("score", 10), ("spikes", 8), ("cycles", 9),
    ("core us", 9), ("round trip ms", 14),
)  # fmt: skip


def header(files: list[str] | None = None) -> str:
    """The table's first line."""
    return "".join(f"{name:>{width}}" for name, width in COLUMNS) + ("  file" if files else "")


def row(
    index: int, expected: str | None, classes: list[str], result: Result, file: str | None = None
) -> str:
    """A line of the table; a star marks a class that is not the expected one. file: the picture's."""
    name = classes[result.label]
    wrong = expected is not None and expected != name
    cells = (
        str(index),
        "-" if expected is None else shown(expected),
        shown(name) + "*" if wrong else shown(name),
        str(int(result.scores[result.label])),
        str(sum(result.spikes)),
        "-" if result.cycles is None else str(result.cycles),
        "-" if result.latency_us is None else f"{result.latency_us:.1f}",
        "-" if result.round_trip_ms is None else f"{result.round_trip_ms:.2f}",
    )
    # a cell that is wider than its column still has a space before it
    line = "".join(f" {cell:>{width - 1}}" for cell, (_, width) in zip(cells, COLUMNS))
    return line if file is None else f"{line}  {shown(file)}"


def accuracy(results: list[Result], labels) -> float | None:
    """The share of right classes, 0..1, or None without labels."""
    if labels is None or not results:
        return None
    return sum(r.label == label for r, label in zip(results, labels)) / len(results)


def layer_rows(session, results: list[Result]) -> list[dict]:
    """name, cycles and firing_rate of each layer, means over the results.

    cycles is None without a board, firing_rate None on a readout. The rate is spikes before
    pooling per neuron and tick, 0..1.
    """
    rows, firing = [], 0
    cycles: float | None
    rate: float | None
    for number, (name, neurons) in enumerate(session.layers):
        cycles = rate = None
        if results and results[0].layer_cycles:
            cycles = sum((r.layer_cycles or [])[number] for r in results) / len(results)
        if neurons:
            if results:
                spikes = sum(r.spikes[firing] for r in results) / len(results)
                rate = spikes / (neurons * session.ticks)
            firing += 1
        rows.append({"name": name, "cycles": cycles, "firing_rate": rate})
    return rows


def summary(session, results, labels, seconds: float) -> str:
    """Accuracy, time, and cycles and firing rate of each layer."""
    lines = []
    share = accuracy(results, labels)
    if share is not None:
        right = round(share * len(results))
        lines.append(f"accuracy {100 * share:.2f} % ({right} of {len(results)} right)")
    rate = f", {len(results) / seconds:.1f} images/s" if seconds > 0 else ""
    lines.append(f"{len(results)} images in {seconds:.2f} s{rate}, host and link included")
    if results and results[0].latency_us:
        mean = sum(r.latency_us for r in results) / len(results)
        lines.append(
            f"core latency {mean:.1f} us mean at {session.clock_hz / 1e6:g} MHz: "
            f"images/s: {_rates_text(session, 1e6 / mean)}"
        )
    rate_counted = counted(session, results)
    if rate_counted:
        lines.append(
            f"end to end, counted: {session.cycles} cycles from the first packet to the last result, "
            f"{rate_text(rate_counted)} images/s of the simulated clock"
        )
    lines.append(f"{'layer':12}{'cycles':>12}{'firing rate':>14}")
    for entry in layer_rows(session, results):
        cycles = "-" if entry["cycles"] is None else f"{entry['cycles']:.0f}"
        fires = "-" if entry["firing_rate"] is None else f"{entry['firing_rate']:.4f}"
        lines.append(f"{shown(entry['name']):12}{cycles:>12}{fires:>14}")
    return "\n".join(lines)


def counted(session, results) -> float | None:
    """Images/s of a simulated board's clock, link and all included; None where nobody counts them."""
    return session.cycles and len(results) * session.clock_hz / session.cycles


def rates(session, results) -> dict | None:
    """Images/s of the core by the counted cycles, of the link by its bytes, and of both; None without a board."""
    if not results or not results[0].latency_us:
        return None
    core = 1e6 * len(results) / sum(result.latency_us for result in results)
    computed = session.throughput
    return {
        "core": core,
        "link": computed and computed.link,
        "end_to_end": computed and computed.end_to_end,
        "counted": counted(session, results),
    }


def _rates_text(session, core: float) -> str:
    text = f"{rate_text(core)} of the core"
    if session.throughput is None:
        return text
    link, both = session.throughput.link, session.throughput.end_to_end
    return f"{text}, {rate_text(link)} of the link, {rate_text(both)} end to end"


def document(session, results, labels, files=None) -> dict:
    """The JSON object of ``--json``. files: the name of each picture's file, if each has one."""
    images = [
        {
            "index": index,
            "file": files[index] if files else None,
            "expected": None if labels is None else int(labels[index]),
            "label": result.label,
            "scores": [int(score) for score in result.scores],
            "spikes": result.spikes,
            "cycles": result.cycles,
            "core_latency_us": result.latency_us,
            "round_trip_ms": result.round_trip_ms,
        }
        for index, result in enumerate(results)
    ]
    return {
        "model": session.model_name,
        "board": session.board,
        "ticks": session.ticks,
        "clock_hz": session.clock_hz,
        "images": images,
        "accuracy": accuracy(results, labels),
        "images_per_s": rates(session, results),
        "layers": layer_rows(session, results),
    }


def write_json(path, content: dict) -> None:
    """Writes a JSON file whole or not at all; raises ``OSError``."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
