"""Random models, one after another on one running simulated board: equal to the golden model."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.ladder.test_fusion import SHARES, load, squeezed
from tests.support.board import SMALL, open_board, words_moved
from tests.support.random_models import models
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.fusion import FUSE
from volley.firmware.registers import Register
from volley.firmware.results import class_scores
from volley.firmware.simulator.host import infer
from volley.firmware.simulator.simulator import Simulator
from volley.firmware.stream import spike_address, words_per_picture
from volley.model import golden

pytestmark = pytest.mark.verilator


@pytest.fixture(scope="module")
def board():
    with open_board(SMALL) as device:
        yield device


def test_spike_memory_is_written_and_read(board):
    design = board.identity.design
    rng = np.random.default_rng(5)
    counts = [Register.SPIKES_WRITTEN, Register.SPIKES_READ]
    before = [board.read_register(register) for register in counts]
    written = {}
    for bank in range(3):
        for word in (0, 1, int(rng.integers(2, 1000)), design.spike_words - 2):
            values = rng.integers(0, 1 << 32, 2 * design.spike_columns, dtype=np.uint32)
            written[bank, word] = values
            board.link.write(spike_address(bank, word, design.spike_columns), list(values))
    for (bank, word), values in written.items():
        found = board.link.read(spike_address(bank, word, design.spike_columns), len(values))
        if (bank, word) != (bank, 0):  # overlaps with the write at word 1
            assert list(found) == list(values)
    size = sum(len(values) for values in written.values())
    after = [board.read_register(register) for register in counts]
    assert [b - a for a, b in zip(before, after)] == [size, size]


def check_model(board, random, count, fuse="auto", **shares):
    """Loads a random model and compares pictures' spikes and scores with golden and simulator.

    shares: see ``test_fusion.squeezed``.
    """
    model = load(random)
    try:
        program = squeezed(model, board.identity.design, fuse, **shares)
    except FitError:
        reject()
    if program is None:
        reject()
    images = random.images(count)
    reference = golden.run(model, images)
    simulator = Simulator(program.design, count)
    simulator.load(program)
    infer(simulator, program, images)
    board.load(program)
    fired = [k for k, layer in enumerate(model.layers) if not layer.readout]
    assert np.array_equal(simulator.layer_spikes[:, fired], reference.spike_counts)
    for k, result in enumerate(board.infer_many(images)):
        assert np.array_equal(result.scores, reference.scores[k])
        assert result.label == reference.labels[k]
        assert result.spikes == list(reference.spike_counts[k])
        assert result.cycles == program.report["cycles"]
        assert result.layer_cycles == [row["cycles"] for row in program.report["layers"]]
        if program.layers[-1].readout:
            found = simulator.scores[k, : program.layers[-1].shape[0]]
            found = class_scores(program, found, reference.spike_counts[k, -1:].sum())
            assert np.array_equal(found, reference.scores[k])
    before = words_moved(board)
    board.infer(images[0])  # of many, some may be sent twice
    moved = {name: words - before[name] for name, words in words_moved(board).items()}
    wanted = words_per_picture(program)
    last = program.layers[-1]
    if not last.readout and not any(segment.downs for segment in program.segments[-1:]):
        # the host reads the last map to count its spikes
        row = last.spikes.stride * program.design.spike_columns
        wanted["SPIKES_READ"] += last.shape[1] * row
    assert moved == wanted
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


PACKED = st.sampled_from((1, 2, 4)).flatmap(lambda ticks: models(ticks=ticks, size=20))


@settings(max_examples=8, **CHECKS)
@given(random=PACKED, count=st.integers(1, 2))
def test_random_packed_models(board, random, count):
    check_model(board, random, count)


@pytest.fixture(scope="module")
def sharing_board():
    with open_board(SMALL | {"co": 4, "share": 1}) as device:
        yield device


@pytest.mark.slow
@settings(max_examples=150, **CHECKS)
@given(random=st.one_of(models(), PACKED), count=st.integers(1, 3))
def test_random_models_where_channels_share_neurons(sharing_board, random, count):
    """The build parameter ``share``: cycles too, those of flushes among them."""
    check_model(sharing_board, random, count)


@pytest.fixture(scope="module")
def column_board():
    ulx3s = {"co": 4, "share": 1, "short": 1, "transposed": 1, "reach": 1}
    with open_board(SMALL | {"pack": 0, "pair": 0, "leak": 0} | ulx3s) as device:
        yield device


@pytest.mark.slow
@settings(max_examples=150, **CHECKS)
@given(random=models(), count=st.integers(1, 3))
def test_random_models_whose_columns_are_counted_once(column_board, random, count):
    """The build parameters that ulx3s has, all together: cycles too."""
    check_model(column_board, random, count)


@pytest.fixture(scope="module")
def rare_board():
    with open_board(SMALL | {"gate": 1}) as device:
        yield device


@pytest.mark.slow
@settings(max_examples=100, **CHECKS)
@given(random=st.one_of(models(), PACKED), count=st.integers(1, 3))
def test_random_models_where_only_what_is_used_is_read(rare_board, random, count):
    """The build parameter ``gate``: the same spikes in the same cycles."""
    check_model(rare_board, random, count)


@pytest.mark.slow
@settings(max_examples=300, **CHECKS)
@given(random=PACKED, count=st.integers(1, 3))
def test_many_random_packed_models(board, random, count):
    check_model(board, random, count)


CHAINS = {
    "random": models(size=14, convs=True, layers=3),
    "fuse": st.sampled_from(FUSE),
    "spikes": SHARES,
    "weights": SHARES,
    "params": SHARES,
}


@pytest.mark.slow
@settings(max_examples=40, **CHECKS)
@given(**CHAINS)
def test_random_chains_where_only_what_is_used_is_read(rare_board, random, fuse, **shares):
    check_model(rare_board, random, 2, fuse, **shares)


@settings(max_examples=8, **CHECKS)
@given(**CHAINS)
def test_random_chains(board, random, fuse, **shares):
    check_model(board, random, 2, fuse, **shares)


@pytest.mark.slow
@settings(max_examples=300, **CHECKS)
@given(**CHAINS)
def test_many_random_chains(board, random, fuse, **shares):
    check_model(board, random, 2, fuse, **shares)
