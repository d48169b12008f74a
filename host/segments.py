"""Pictures through a program of segments: the host streams weights and keeps spilled maps.

See firmware/stream.py for what a segment asks of the host.
"""

from __future__ import annotations

import time

import numpy as np

from volley.firmware import registers
from volley.firmware.fields import pack
from volley.firmware.registers import Region, Register, address
from volley.firmware.results import counter_words
from volley.firmware.stream import PICTURE, Rows, Segment, spike_address
from volley.host import maps
from volley.host.results import Result
from volley.host.runner import STATUS_ADDRESS, Runner, picture_words, spike_counts


class SegmentRun:
    """One picture, uint8 [C, H, W], on its way through the program of a ``Runner``.

    kept: {number of a map: its words, uint32 [rows, words of a row, columns]} that the host keeps.
    """

    def __init__(self, runner: Runner, picture: np.ndarray):
        self.runner, self.link, self.program = runner, runner.link, runner.program
        self.picture = picture
        self.kept: dict[int, np.ndarray] = {}

    def write(self, segment: Segment) -> None:
        """Writes what has to be there before a segment runs; the device is idle."""
        sections = [self.program.streamed[number] for number in segment.loads]
        for rows in segment.ups:
            if rows.map == PICTURE:
                sections += self._strip(rows)
                continue
            for row, first, bank, word, count in rows.pieces():
                words = self.kept[rows.map][row, first : first + count].reshape(-1)
                # a frame carries whole words: MAX_WORDS is a multiple of their columns
                place = spike_address(bank, word, self.program.design.spike_columns)
                sections.append((place, words))
        self.link.write_all(sections)

    def run(self, entry: int, ahead=()) -> None:
        """Runs from a word of program memory on and writes sections meanwhile."""
        self.runner.start(entry)
        self.link.write_all([self.program.streamed[number] for number in ahead])
        self.runner.wait_idle()

    def read(self, segment: Segment) -> None:
        """Reads the rows that the host keeps."""
        columns = self.program.design.spike_columns
        for rows in segment.downs:
            height = self.program.layers[rows.map - 1].shape[1]
            kept = self.kept.setdefault(rows.map, np.zeros((height, rows.stride, columns), "<u4"))
            for row, first, bank, word, count in rows.pieces():
                words = self.link.read(spike_address(bank, word, columns), count * columns)
                kept[row, first : first + count] = np.array(words, "<u4").reshape(count, columns)

    def _strip(self, rows: Rows):
        """Sections that put rows of the picture into region IMAGE."""
        channels, _, width = self.program.input_shape
        shape = {"width": width, "height": rows.rows, "channels": channels}
        setup = {
            Register.IMAGE_BASE_0: rows.strip_base,
            Register.IMAGE_SHAPE: pack(registers.IMAGE_SHAPE, shape, 1, "strip")[0],
        }
        words = picture_words(self.picture[:, rows.row : rows.row + rows.rows])
        return [(address(Region.REGISTERS, k), [value]) for k, value in setup.items()] + [
            (address(Region.IMAGE), words)
        ]


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
    count = counter_words(program)
    totals = np.zeros(count, np.int64)
    for segment in program.segments:
        run.write(segment)
        run.run(segment.entry, segment.ahead)
        run.read(segment)
        words = runner.link.read(STATUS_ADDRESS, count)
        runner.check_run(words[Register.RUNS - Register.STATUS])
        totals += words
    words = runner.read_results()
    words[:count] = [int(total) for total in totals]
    counts = None
    if not program.layers[-1].readout:
        number = len(program.layers)
        counts = spike_counts(
            maps.pixels(program.layers[-1], run.kept[number])
            if number in run.kept
            else maps.read_map(runner.link, program, number - 1)
        )
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
        word, ahead = segment.entry, segment.ahead
        stops = missing[number]
        for stop, first, count in stops:
            halt, restore = maps.halt_at(program, segment, stop)
            runner.link.write_all([halt])
            try:
                run.run(word, ahead)
                parts.append(maps.read_rows(runner.link, program, layer, first, count))
            finally:
                runner.link.write_all([restore])
            word, ahead = stop, ()
        if stops and not any(missing[number + 1 :]):
            return np.concatenate(parts, axis=-2)
        run.run(word, ahead)
        run.read(segment)
    return maps.pixels(program.layers[layer], run.kept[layer + 1])
