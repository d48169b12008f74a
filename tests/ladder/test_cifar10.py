"""The shipped CIFAR-10 model with arty100's parameters: accuracy, and every rung of the ladder."""

from pathlib import Path

import numpy as np
import pytest

from tests.ladder.test_fusion import check_simulator
from tests.ladder.test_fusion_cifar import check_board, check_cycles
from tests.model.data.test_datasets import SHARED
from tests.support.board import open_board
from tests.support.ladder import check_quantised
from volley.firmware import boards, modelfile
from volley.firmware.compiler.program import compile_model
from volley.model import golden
from volley.model.data import datasets

MODEL = Path(golden.__file__).parent / "pretrained" / "cifar10.safetensors"
BOARD = "arty100"
RIGHT = 8692
"""Of 10,000 test pictures: integers, so it is exact."""


@pytest.fixture(scope="module")
def model():
    return modelfile.load(MODEL)


def cifar10(count):
    """The first test pictures and labels, or a skip."""
    if not (SHARED / "cifar-10-batches-bin").is_dir():
        pytest.skip(f"CIFAR-10's files are not in {SHARED.name}/; set VOLLEY_DATA")
    return [a[:count] for a in datasets.load("cifar10", "test", SHARED, download=False)]


def noise(count):
    """Pictures for which no data set is needed."""
    return np.random.default_rng(10).integers(0, 256, (count, 3, 32, 32), np.uint8)


def test_simulator(model):
    images = noise(1)
    program = compile_model(model, boards.load(BOARD).design)
    check_simulator(program, model, images, golden.run(model, images, layers=False))


@pytest.mark.torch
def test_quantised_pytorch(model):
    check_quantised(model, noise(1))


def test_images_per_second(model):
    """1318 images/s, by the report's cycles, which are the hardware's (test_board_20)."""
    board = boards.load(BOARD)
    program = compile_model(model, board.design)
    assert board.clock_hz / program.report["cycles"] >= 1318
    assert program.report["array_use"] >= 0.85


def test_first_pictures(model):
    pictures, labels = cifar10(20)
    assert (golden.run(model, pictures, layers=False).labels == labels).sum() >= 16


@pytest.mark.slow
def test_accuracy(model):
    """By the integer golden model on all 10,000 test pictures."""
    pictures, labels = cifar10(10000)
    parts = [slice(at, at + 200) for at in range(0, 10000, 200)]
    right = [golden.run(model, pictures[p], layers=False).labels == labels[p] for p in parts]
    assert np.concatenate(right).sum() == RIGHT


@pytest.mark.slow
def test_simulator_1000(model):
    pictures, _ = cifar10(1000)
    program = compile_model(model, boards.load(BOARD).design)
    for at in range(0, 1000, 50):
        images = pictures[at : at + 50]
        check_simulator(program, model, images, golden.run(model, images, layers=False))


@pytest.mark.verilator
@pytest.mark.slow
def test_board_20(model):
    """Scores, spike counts, cycles and words moved of 20 pictures, and every spike of each."""
    pictures, _ = cifar10(20)
    with open_board(port=f"sim:{BOARD}") as device:
        program = compile_model(model, device.identity.design)
        result, reference, counted = check_board(device, model, pictures, program)
        assert counted["SPIKES_WRITTEN"] == counted["SPIKES_READ"] == 0
        check_cycles(model, program, result)
        fired = [k for k, layer in enumerate(model.layers) if not layer.readout]
        for index, picture in enumerate(pictures):
            for layer, wanted in zip(fired, reference.maps):
                assert np.array_equal(device.trace_map(picture, layer), wanted[index])
