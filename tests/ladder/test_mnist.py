"""The shipped MNIST model: every rung that is fast enough, on the same pictures."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.board import open_board
from tests.support.ladder import check_quantised
from volley.firmware import modelfile
from volley.firmware.compiler.program import compile_model
from volley.firmware.simulator.simulator import Simulator
from volley.host import images as host_images
from volley.model import golden

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "model" / "pretrained" / "mnist.safetensors"
EXAMPLES = ROOT / "host" / "examples"
TEST_SET = ROOT.parent / "shared" / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"


@pytest.fixture(scope="module")
def model():
    return modelfile.load(MODEL)


@pytest.fixture(scope="module")
def board():
    with open_board() as device:
        yield device


def pictures(count):
    """The first MNIST test pictures, uint8 [count, 1, 28, 28]: shipped ones, or the whole set's."""
    path = next(EXAMPLES.glob("*images*"))
    if count > 100:
        if not TEST_SET.exists():
            pytest.skip(f"the MNIST test set is not in {TEST_SET.parent}")
        path = TEST_SET
    return host_images.load(path, (1, 28, 28), limit=count).images


def check_ladder(board, model, count, fuse="auto"):
    images = pictures(count)
    reference = golden.run(model, images)
    program = compile_model(model, board.identity.design, fuse=fuse)
    simulator = Simulator(program.design, count)
    simulator.load(program)
    simulator.load_pictures(images)
    simulator.run(program.entries[0])
    board.load(program)
    fired = [k for k, layer in enumerate(model.layers) if not layer.readout]
    classes = model.layers[-1].outputs
    assert np.array_equal(simulator.scores[:, :classes], reference.scores)
    assert np.array_equal(simulator.layer_spikes[:, fired], reference.spike_counts)
    for k, result in enumerate(board.infer_many(images)):
        assert np.array_equal(result.scores, reference.scores[k]), k
        assert result.spikes == list(reference.spike_counts[k]), k
    for number, layer in enumerate(fired):
        assert np.array_equal(board.trace_map(images[0], layer), reference.maps[number][0])


@pytest.mark.torch
def test_quantised_pytorch(model):
    check_quantised(model, pictures(20))


@pytest.mark.verilator
def test_board(board, model):
    check_ladder(board, model, 5)


@pytest.mark.verilator
def test_board_with_fused_pairs(board, model):
    check_ladder(board, model, 3, "pairs")


@pytest.mark.verilator
@pytest.mark.slow
def test_board_1000(board, model):
    check_ladder(board, model, 1000)


@pytest.mark.verilator
def test_cycles_meet_their_bounds(board, model):
    """Section 2 of the design: 5 % a layer with at least CI inputs, 10 % for the whole program."""
    program = board.load(compile_model(model, board.identity.design))
    result = board.infer(pictures(1)[0])
    for layer, place, cycles in zip(model.layers, program.layers, result.layer_cycles):
        if layer.in_shape[0] * (1 if layer.kind == "conv" else np.prod(layer.in_shape[1:])) >= (
            program.design.ci
        ):
            assert place.bound <= cycles <= 1.05 * place.bound, layer.name
    assert result.cycles <= 1.1 * sum(place.bound for place in program.layers)
