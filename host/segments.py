"""Pictures through a program of segments: the host streams weights and keeps spilled maps.

See firmware/stream.py for what a segment asks of the host.
"""

from __future__ import annotations

import time

import numpy as np

from volley.firmware import segment_loop
from volley.firmware.results import counter_spans, end_of
from volley.firmware.stream import Segment, spike_address
from volley.host import maps
from volley.host.results import Result
from volley.host.runner import Runner, spike_counts


class SegmentRun:
    """One picture, uint8 [C, H, W], on its way through the program of a ``Runner``.

    kept: {number of a map: its words, uint32 [rows, words of a row, columns]} that the host keeps.
    """

    def __init__(self, runner: Runner, picture: np.ndarray):
        self.runner, self.link, self.program = runner, runner.link, runner.program
        self.parts = self.program.input.pack(picture[None])[0]
        self.kept: dict[int, np.ndarray] = {}

    def write(self, segment: Segment) -> None:
        """Writes what has to be there before a segment runs; the device is idle."""
        # a frame carries whole words of the spike memory: MAX_WORDS is a multiple of their columns
        self.link.write_all(segment_loop.sections(self.program, segment, self.kept, self.parts))

    def run(self, entry: int, ahead=()) -> None:
        """Runs from a word of program memory on and writes sections meanwhile."""
        self.runner.start(entry)
        self.link.write_all([self.program.streamed[number] for number in ahead])
        self.runner.wait_idle()

    def read(self, segment: Segment) -> None:
        """Reads the rows that the host keeps."""
        columns = self.program.design.spike_columns

        def read(step: segment_loop.Download) -> np.ndarray:
            start = spike_address(step.bank, step.word, columns)
            words = self.link.read(start, step.length * columns)
            return np.array(words, "<u4").reshape(step.length, columns)

        segment_loop.read_behind(self.program, segment, self.kept, read)


def infer(runner: Runner, picture: np.ndarray) -> Result:
    """The result of one picture, uint8 [C, H, W]; waits for it.

    Counters of a program of segments are of all segments together.
    """
    began = time.perf_counter()
    program = runner.program
    if program.segments:
        return _infer_segments(runner, picture, began)
    runner.upload_and_wait(picture)
    runner.start(program.entries[0])
    runner.wait_idle()
    return runner.result(runner.read_results(), began)


def _infer_segments(runner, picture, began):
    runner.check_picture(picture)
    program, run = runner.program, SegmentRun(runner, picture)
    spans = counter_spans(program)
    count = end_of(spans)
    totals = np.zeros(count, np.int64)
    for segment in program.segments:
        run.write(segment)
        run.run(segment.entry, segment.ahead)
        run.read(segment)
        words = runner.link.results(spans)
        runner.check_run(words)
        totals += words
    words = runner.read_results()
    runner.check_run(words)
    words[:count] = [int(total) for total in totals]
    counts = None
    if not program.layers[-1].readout:
        number = len(program.layers)
        counts = spike_counts(
            maps.pixels(program.layers[-1], run.kept[number])
            if number in run.kept
            else maps.read_map(runner.link, program, number - 1)
        )
        runner.link.confirm_session()
    return runner.parse(words, counts, began)


def trace_map(runner: Runner, picture: np.ndarray, layer: int) -> np.ndarray:
    """The output map of a layer, uint8 [C, H, W], of any program, run up to it and no further.

    Where the chip keeps only some rows of the map, the program stops behind each instruction that
    makes some, and goes on from there.
    """
    runner.check_picture(picture)
    program, run = runner.program, SegmentRun(runner, picture)
    segments = program.segments or [Segment(program.entries[0])]
    if not program.segments:
        runner.upload_and_wait(picture)
    parts, missing = [], maps.stops(program, segments, layer)
    for number, segment in enumerate(segments):
        run.write(segment)
        word, ahead = segment.entry, list(segment.ahead)
        stops = missing[number]
        for stop, first, count in stops:
            halt, restore = maps.halt_at(program, segment, stop)
            runner.link.write_all([halt])
            try:
                run.run(word, ahead)
                parts.append(maps.read_rows(runner.link, program, layer, first, count))
            finally:
                runner.link.write_all([restore])
            word, ahead = stop, []
        if stops and not any(missing[number + 1 :]):
            runner.link.confirm_session()
            return np.concatenate(parts, axis=-2)
        run.run(word, ahead)
        run.read(segment)
    runner.link.confirm_session()
    return maps.pixels(program.layers[layer], run.kept[layer + 1])
