"""Networks of snnTorch and spikingjelly, imported, on the simulated board: the library's own spikes."""

import numpy as np
import pytest

from tests.support.board import SMALL, open_board
from tests.support.peer_networks import LIBRARIES, bits, cropped, network, run, sew_network
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.program import compile_model
from volley.model import golden

pytestmark = [pytest.mark.verilator, pytest.mark.slow, pytest.mark.timeout(3600)]
NETWORKS = 50


@pytest.fixture(scope="module")
def board():
    with open_board(SMALL) as device:
        yield device


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_spike_differs_on_the_board(board, library):
    """Scores and spike counts of the board; maps after pooling of the first network of each reset."""
    from volley.model.interchange.torch_import import from_torch

    fired = traced = 0
    for seed in range(NETWORKS):
        reset = ("soft", "hard")[seed % 2]
        module, shape, ticks = network(library, reset, 500 + seed)
        model = from_torch(module, shape, ticks=ticks, library=library, scale=1.0)
        images = np.random.default_rng(seed).integers(0, 256, (2, *shape), dtype=np.uint8)
        theirs, total = run(module, images, ticks)
        theirs = cropped(model, theirs)
        try:
            program = compile_model(model, board.identity.design)
        except FitError as error:
            pytest.fail(f"seed {seed}: {error}")
        board.load(program)
        for k, image in enumerate(images):
            result = board.infer(image)
            assert np.array_equal(result.scores, total[k] * 2**model.fraction_bits)
            assert result.spikes == [int(spikes[:, k].sum()) for spikes in theirs]
            fired += sum(result.spikes)
        if traced < 4:
            traced += 1
            for index, wanted in enumerate(golden.run(model, images[:1]).maps):
                found = np.asarray(board.trace_map(images[0], index))
                assert np.array_equal(found.reshape(wanted[0].shape), wanted[0])
            first = theirs[-1][:, 0].reshape(ticks, -1)
            last = bits(golden.run(model, images[:1]).spikes[-1], ticks)[:, 0]
            assert np.array_equal(last.reshape(ticks, -1), first)
    assert fired > 10_000


def ternary(library, reset, seed):
    """As ``network``, with ternary weights behind the first layer."""
    return network(library, reset, seed, None, (-1.0, 0.0, 1.0))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("make", [ternary, sew_network])
def test_copies_on_the_board(board, make, library):
    """Networks of ternary weights, and of SEW ADD blocks: classes, and spikes of the layers' own outputs."""
    from volley.model.interchange.torch_import import from_torch

    loaded = fired = 0
    for seed in range(10):
        module, shape, ticks = make(library, ("soft", "hard")[seed % 2], 700 + seed)
        model = from_torch(module, shape, ticks=ticks, scale=1.0)
        images = np.random.default_rng(seed).integers(0, 256, (1, *shape), dtype=np.uint8)
        theirs, total = run(module, images, ticks)
        try:
            board.load(compile_model(model, board.identity.design))
        except FitError:
            continue
        loaded += 1
        ours = golden.run(model, images)
        result = board.infer(images[0])
        assert np.array_equal(result.scores, ours.scores[0])
        assert result.spikes == ours.spike_counts[0].tolist()
        assert result.label == int(total[0].argmax())
        for mine, other in zip(ours.spikes, cropped(model, theirs)):
            mine = bits(mine, ticks)[:, :, : other.shape[2]].reshape(other.shape)
            assert np.array_equal(mine, other)
            fired += int(other.sum())
    assert loaded >= 8 and fired > 500
