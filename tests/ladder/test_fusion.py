"""Fused chains, rings, streamed weights: equal to the golden model, however little room there is."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.random_models import models
from volley.firmware import modelfile
from volley.firmware.compiler.cycle_model import instruction_overhead
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.fusion import FUSE
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.row_schedule import (
    Stage,
    interleave,
    least_rings,
    whole_ring,
)
from volley.firmware.design import Design
from volley.firmware.program import from_bytes
from volley.firmware.registers import Register
from volley.firmware.results import class_scores
from volley.firmware.simulator.host import infer, load_input
from volley.firmware.simulator.simulator import Simulator
from volley.firmware.stream import words_per_picture
from volley.model import golden
from volley.rtl.core import drain_cycles

ROOMY = Design(
    ci=4, co=2, spike_words=8192, weight_words=4096, param_words=256, program_words=4096,
    row_max=16, scores=64, leak=1, odd=1,
)  # fmt: skip
CHECKS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


def load(random):
    """A RandomModel by way of a model file."""
    with tempfile.TemporaryDirectory() as folder:
        return modelfile.load(random.save(Path(folder) / "model.safetensors"))


def squeezed(model, design, fuse, spikes=1.0, weights=1.0, params=1.0, program_words=None):
    """The program for these shares of the memories that the model needs unfused, or None.

    It runs on ``design``, which has more.
    """
    sizes = compile_model(model, design, fuse="none").report["on_chip"]
    shares = {
        "spike_words": (spikes, 16), "weight_words": (weights, 16), "param_words": (params, 4)
    }  # fmt: skip
    small = {
        name: min(getattr(design, name), max(least, int(share * sizes[name]["words"])))
        for name, (share, least) in shares.items()
    }
    small["program_words"] = program_words or design.program_words
    try:
        little = dataclasses.replace(design, **small)
        program = compile_model(model, little, explain=False, fuse=fuse)
    except FitError:
        return None
    program.design = design
    return program


def check_simulator(program, model, images, reference):
    """The program simulator gives the golden model's scores and spikes, from every input buffer."""
    program = from_bytes(program.to_bytes())
    simulator = Simulator(program.design, len(images))
    simulator.load(program)
    before = dict(simulator.moved)
    infer(simulator, program, images)
    check_state(simulator, program, model, reference)
    for register, words in words_per_picture(program).items():
        if program.segments:
            assert simulator.moved[Register[register]] - before[Register[register]] == words
    if len(program.entries) > 1:
        load_input(simulator, program, images, 1)
        simulator.run(program.entries[1])
        check_state(simulator, program, model, reference)


def check_state(simulator, program, model, reference):
    """What a run has left behind."""
    fired = [k for k, layer in enumerate(model.layers) if not layer.readout]
    assert np.array_equal(simulator.layer_spikes[:, fired], reference.spike_counts)
    if model.layers[-1].readout:
        found = simulator.scores[:, : model.layers[-1].outputs]
        assert np.array_equal(class_scores(program, found, 0), reference.scores)
    elif program.counts_votes:
        found = simulator.scores[:, : len(model.classes)]
        found = class_scores(program, found, reference.spike_counts[:, -1])
        assert np.array_equal(found, reference.scores)
    cycles = [row["cycles"] for row in program.report["layers"]]
    assert list(simulator.layer_cycles[: len(cycles)]) == cycles


def check_random(random, **shares):
    """Every kind of fusion that fits these shares of the memories."""
    model, images = load(random), random.images(2)
    reference = golden.run(model, images)
    for fuse in FUSE:
        program = squeezed(model, ROOMY, fuse, **shares)
        if program:
            check_simulator(program, model, images, reference)


SHARES = st.floats(0.1, 1.0)
SQUEEZES = {
    "spikes": SHARES,
    "weights": st.sampled_from([1.0]) | SHARES,
    "params": st.sampled_from([1.0]) | SHARES,
    "program_words": st.integers(16, 256),
}


@settings(max_examples=25, **CHECKS)
@given(random=models(size=14, convs=True), **SQUEEZES)
def test_random_chains(random, **shares):
    check_random(random, **shares)


@pytest.mark.slow
@settings(max_examples=1500, **CHECKS)
@given(random=models(size=16), **SQUEEZES)
def test_many_random_chains(random, **shares):
    check_random(random, **shares)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_schedules(data):
    """Every row is computed once, after the rows it needs and while they are still there."""
    rows = data.draw(st.integers(1, 40))
    stages = []
    for _ in range(data.draw(st.integers(1, 4))):
        pool = 2 if rows % 2 == 0 and data.draw(st.booleans()) else 1
        stages.append(Stage(rows, data.draw(st.integers(0, 1)), pool, pool))
        rows //= pool
    whole = [whole_ring(stage.rows // stage.pool) for stage in stages[:-1]]
    rings = [
        min(high, low + 3 * data.draw(st.integers(0, 4)))
        for low, high in zip(least_rings(tuple(stages)), whole)
    ]
    kept = [{} for _ in rings]  # ring row: row of the map
    done = [0] * len(stages)
    for step in (step for sweep in interleave(tuple(stages), tuple(rings)) for step in sweep):
        stage = stages[step.stage]
        assert step.row == done[step.stage] and step.rows % stage.pool == 0
        done[step.stage] += step.rows
        if step.stage:
            for row in range(step.row - stage.halo, step.row + step.rows + stage.halo):
                if 0 <= row < stage.rows:
                    assert kept[step.stage - 1][row % rings[step.stage - 1]] == row
        if step.stage < len(rings):
            for row in range(step.row // stage.pool, (step.row + step.rows) // stage.pool):
                kept[step.stage][row % rings[step.stage]] = row
    assert done == [stage.rows for stage in stages]


def test_rings_that_are_too_small_are_found_out():
    pooled = (Stage(12, 1), Stage(12, 1, 2, 2))
    assert interleave(pooled, (3,)) is None  # a pooled row needs four rows above each other
    assert least_rings(pooled) == (6,)
    assert least_rings((Stage(12, 1), Stage(12, 1))) == (3,)
    assert interleave(pooled, (6,))


def test_the_report_knows_how_long_an_instruction_drains():
    powers = [1 << k for k in range(7)]
    for lut in (4, 6):
        for ci in powers[2:]:
            for co in (co for co in powers if co <= ci):
                shared = {"share": 1, "reach": 1} if co > 1 else {}
                columns = {"transposed": 1, "reach": 1}
                for options in ({}, {"short": 1}, {"pack": 1, "pair": 1}, shared, columns):
                    design = Design(ci=ci, co=co, lut=lut, **options)
                    assert instruction_overhead(design) == drain_cycles(design) + 2, design
