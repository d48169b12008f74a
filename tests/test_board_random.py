"""Random models, one after another on one running simulated board: equal to the golden model."""

import numpy as np
import pytest
from board import SMALL, open_board
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from random_models import models
from test_fusion import load, squeezed

from firmware.chains import FUSE
from firmware.compile import FitError
from firmware.simulator import Simulator
from model import golden


@pytest.fixture(scope="module")
def board():
    with open_board(SMALL) as device:
        yield device


def check_model(board, random, count, fuse="auto", share=1.0):
    """Loads a random model and compares pictures' spikes and scores with golden and simulator.

    share: of the spike memory that the model needs unfused.
    """
    model = load(random)
    try:
        program = squeezed(model, board.identity.design, fuse, share)
    except FitError:
        reject()
    if program is None:
        reject()
    images = random.images(count)
    reference = golden.run(model, images)
    simulator = Simulator(program.design, count)
    simulator.load(program)
    simulator.load_images(images)
    simulator.run(program.entries[0])
    board.load(program)
    fired = [k for k, layer in enumerate(model.layers) if not layer.readout]
    assert np.array_equal(simulator.layer_spikes[:, fired], reference.spike_counts)
    for k, result in enumerate(board.infer_many(images)):
        assert np.array_equal(result.scores, reference.scores[k])
        assert result.label == reference.labels[k]
        assert result.spikes == list(reference.spike_counts[k])
        assert result.layer_cycles == [row["cycles"] for row in program.report["layers"]]
        if model.layers[-1].readout:
            found = simulator.scores[k, : model.layers[-1].outputs]
            assert np.array_equal(found, reference.scores[k])
    for number, layer in enumerate(fired):
        found = board.trace_map(images[0], layer)
        assert np.array_equal(found, reference.maps[number][0]), model.layers[layer].name


CHECKS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=15, **CHECKS)
@given(random=models(), count=st.integers(1, 3))
def test_random_models(board, random, count):
    check_model(board, random, count)


@pytest.mark.slow
@settings(max_examples=300, **CHECKS)
@given(random=models(), count=st.integers(1, 4))
def test_many_random_models(board, random, count):
    check_model(board, random, count)


CHAINS = {
    "random": models(size=14, convs=True, layers=3),
    "fuse": st.sampled_from(FUSE),
    "share": st.floats(0.3, 0.9),
}


@settings(max_examples=8, **CHECKS)
@given(**CHAINS)
def test_random_chains(board, random, fuse, share):
    check_model(board, random, 2, fuse, share)


@pytest.mark.slow
@settings(max_examples=300, **CHECKS)
@given(**CHAINS)
def test_many_random_chains(board, random, fuse, share):
    check_model(board, random, 2, fuse, share)
