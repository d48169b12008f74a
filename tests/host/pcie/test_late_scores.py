"""Scores that are read while the next run is under way: the right ones, or none."""

import numpy as np
import pytest

from tests.support.fake_device import small_program
from tests.support.fake_pcie import FakeBar
from tests.support.random_models import network
from volley.firmware import results
from volley.firmware.lines import PcieLine
from volley.firmware.pcie import CONTROL_PLACE, Control, control
from volley.firmware.registers import Register
from volley.host import Device
from volley.host.pcie.bar_link import BarLink
from volley.model import golden

COUNT = 8


class TimedBar(FakeBar):
    """A run takes the cycles that its layers take, and each load so many of them.

    Until the readout begins the scores are those of the run before; counters are cleared at the start.
    """

    def __init__(self, load_cycles):
        super().__init__()
        self.load_cycles, self.now, self.total = load_cycles, 0, 0

    def load_block(self, place, count):
        self.now += self.load_cycles
        return super().load_block(place, count)

    def _control(self, word, value):
        self.before = self.board.simulator.scores[0].copy()
        super()._control(word, value)
        if word == Control.RUN:
            cycles = self.board.simulator.layer_cycles
            self.now, self.total, self.quiet = (
                0,
                cycles.sum(),
                cycles[: cycles.nonzero()[0][-1]].sum(),
            )

    def _load(self, place):
        if self.now < self.total:
            if place == CONTROL_PLACE + Control.RUN:
                return 1
            if place == Register.CYCLES:
                return self.now
            if Register.LAYERS <= place < Register.SCORES:
                return 0
            if Register.SCORES <= place < CONTROL_PLACE and self.now < self.quiet:
                return int(self.before[place - Register.SCORES])
        return super()._load(place)


@pytest.mark.parametrize("load_cycles, in_time", [(20, True), (90, None), (300, False)])
def test_scores_behind_the_start(monkeypatch, load_cycles, in_time):
    """In time they come while the next run works; else every picture is computed again, and right."""
    monkeypatch.setattr(results, "LATE_CYCLES", 1)
    model = network("8C3-P2-10", (1, 12, 12))
    program, loaded = small_program(model)
    pictures = model.images(COUNT)
    wanted = golden.run(loaded, pictures)
    bar = TimedBar(load_cycles)
    with Device(BarLink(bar)) as device:
        device.load(program)
        bar.events.clear()
        found = list(device.infer_many(pictures))
        runs = device.read_register(Register.RUNS)
    np.testing.assert_array_equal([result.scores for result in found], wanted.scores)
    assert [result.spikes for result in found] == wanted.spike_counts.tolist()
    assert all(result.cycles for result in found)
    if in_time is not None:
        assert (runs == COUNT) == in_time
    starts = [at for at, e in enumerate(bar.events) if e == ("store", control(Control.RUN), 1)]
    between = bar.events[starts[2] : starts[3]]  # the first two know no cycles yet
    scores = [at for at, (kind, place, _) in enumerate(between) if kind == "load" and place >= Register.SCORES and place < CONTROL_PLACE]  # fmt: skip
    if in_time:
        polls = [
            at
            for at, (kind, place, _) in enumerate(between)
            if kind == "load" and place == CONTROL_PLACE
        ]
        assert scores and max(scores) < min(polls), "the scores come behind the start"


def test_short_runs_are_read_before_the_next_one():
    model = network("8C3-P2-10", (1, 12, 12))
    program, _ = small_program(model)
    spans = results.result_spans(program)
    assert results.split_late(spans, results.LATE_CYCLES - 1) == (spans, [])
    early, late = results.split_late(spans, results.LATE_CYCLES)
    assert early + late == spans and [span.first for span in late] == [results.SCORES]


def test_the_model_of_the_line_reads_scores_beside_the_run():
    line, spans = (
        PcieLine(),
        results.result_spans(small_program(network("8C3-P2-10", (1, 12, 12)))[0]),
    )
    before, beside = (line.picture([36], spans, 1e8, quiet) for quiet in (0, results.LATE_CYCLES))
    assert before.between - beside.between == pytest.approx(5 * line.read_s)
    assert beside.seconds - before.seconds == pytest.approx(6 * line.read_s)
