"""The CIFAR-10 network: bytes over the link, cycles and spikes, fused and unfused."""

import numpy as np
import pytest

from tests.ladder.test_fusion import check_simulator, load
from tests.support.board import SMALL, open_board, words_moved
from tests.support.random_models import network
from volley.firmware import boards
from volley.firmware.compiler.fusion import FUSE
from volley.firmware.compiler.program import compile_model
from volley.firmware.pages.fusion_page import CIFAR10, DEEP
from volley.firmware.stream import words_per_picture
from volley.model import golden

LITTLE = {"spike_words": 512, "weight_words": 1056}
"""Of the simulated board: the largest map takes 704 words."""
STREAMING = {"ci": 8, "co": 4, "spike_words": 896, "weight_words": 1600, "param_words": 128}
"""A board that holds neither the weights nor the maps."""
SMALLER = "16C3-16C3-P2-32C3-32C3-P2-10"
"""The same network for a small board."""


@pytest.fixture(scope="module")
def cifar10():
    return load(network(CIFAR10, (3, 32, 32)))


def moved(program):
    """Bytes over the link for a picture, without its results."""
    link = program.report["link"]
    return sum(link[name] for name in ("picture", "weights", "spikes_up", "spikes_down"))


def pictures(count, shape=(3, 32, 32)):
    return network(CIFAR10, shape).images(count)


@pytest.mark.parametrize("name", ["ulx3s", "arty100"])
def test_no_activation_leaves_the_chip(cifar10, name):
    program = compile_model(cifar10, boards.load(name).design)
    link = program.report["link"]
    assert link["spikes_up"] == link["spikes_down"] == 0
    assert program.report["array_use"] >= 0.85


def test_fused_moves_fewer_bytes(cifar10):
    """A build that cannot hold the largest map: equal spikes, at least 35 % fewer bytes."""
    design = boards.load("sim", LITTLE).design
    programs = {fuse: compile_model(cifar10, design, fuse=fuse) for fuse in FUSE}
    assert programs["none"].report["link"]["spikes_down"] > 0
    assert moved(programs["pairs"]) <= 0.65 * moved(programs["none"])
    assert moved(programs["auto"]) <= 0.65 * moved(programs["none"])
    images = pictures(1)
    reference = golden.run(cifar10, images, layers=False)
    for program in programs.values():
        check_simulator(program, cifar10, images, reference)
        assert program.report["array_use"] >= 0.85


def test_longer_chains_save_what_pairs_cannot():
    model = load(network(DEEP, (3, 32, 32)))
    design = boards.load("arty100", {"spike_words": 440}).design
    programs = {fuse: compile_model(model, design, fuse=fuse) for fuse in FUSE}
    assert moved(programs["auto"]) <= 0.65 * moved(programs["pairs"])
    assert programs["auto"].report["link"]["spikes_down"] == 0
    images = pictures(1)
    reference = golden.run(model, images, layers=False)
    check_simulator(programs["auto"], model, images, reference)


def test_streamed_weights_and_spilled_maps(cifar10):
    program = compile_model(cifar10, boards.load("sim", STREAMING).design)
    link = program.report["link"]
    assert link["weights"] > 0 and link["spikes_down"] > 0
    images = pictures(1)
    check_simulator(program, cifar10, images, golden.run(cifar10, images, layers=False))


def test_weights_come_while_the_array_works(cifar10):
    """Loads are double-buffered where a board can hold some of the weights, but not all."""
    report = compile_model(cifar10, boards.load("arty").design).report
    assert report["ahead"] >= 0.8 * report["link"]["weights"] > 0


def check_board(device, model, images, program):
    """Scores, spikes, cycles and words moved, all as the golden model and the report have them."""
    reference = golden.run(model, images)
    device.load(program)
    before = words_moved(device)
    results = [device.infer(image) for image in images]  # of many, some may be sent twice
    after = words_moved(device)
    counted = {name: after[name] - before[name] for name in after}
    assert counted == {name: len(images) * n for name, n in words_per_picture(program).items()}
    assert moved(program) * len(images) == 4 * sum(counted.values())
    for k, result in enumerate(results):
        assert np.array_equal(result.scores, reference.scores[k])
        assert result.spikes == list(reference.spike_counts[k])
        assert result.cycles == program.report["cycles"]
    return results[0], reference, counted


@pytest.mark.verilator
def test_small_board():
    """A smaller network on the hardware, with room for no map of its first layer."""
    random = network(SMALLER, (3, 16, 16))
    model, images = load(random), random.images(2)
    with open_board(SMALL) as device:
        design = device.identity.design
        words = {}
        for fuse in FUSE:
            small = boards.load("sim", {**SMALL, "spike_words": 160, "weight_words": 300}).design
            program = compile_model(model, small, fuse=fuse)
            program.design = design
            _, reference, counted = check_board(device, model, images, program)
            words[fuse] = sum(counted.values())
            for layer, wanted in enumerate(reference.maps):
                assert np.array_equal(device.trace_map(images[0], layer), wanted[0])
        assert words["auto"] <= words["pairs"] <= 0.65 * words["none"]


def check_cycles(model, program, result):
    """Convolutions with at least CI input channels within 3 % of the bound, 85 % of the array."""
    for layer, place, cycles in zip(model.layers, program.layers, result.layer_cycles):
        if layer.kind == "conv" and layer.in_shape[0] >= program.design.ci:
            assert place.bound <= cycles <= 1.03 * place.bound
    rows = program.report["layers"]
    busy = sum(row["array_use"] * cycles for row, cycles in zip(rows, result.layer_cycles))
    assert busy / result.cycles >= 0.85


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("name", ["ulx3s", "arty100"])
def test_board(cifar10, name):
    with open_board(port=f"sim:{name}") as device:
        program = compile_model(cifar10, device.identity.design)
        result, _, counted = check_board(device, cifar10, pictures(3), program)
        assert counted["SPIKES_WRITTEN"] == counted["SPIKES_READ"] == 0
        check_cycles(cifar10, program, result)


@pytest.mark.verilator
@pytest.mark.slow
def test_board_with_little_memory(cifar10):
    with open_board(LITTLE) as device:
        words = {}
        for fuse in FUSE:
            program = compile_model(cifar10, device.identity.design, fuse=fuse)
            result, reference, counted = check_board(device, cifar10, pictures(2), program)
            words[fuse] = sum(counted.values())
            check_cycles(cifar10, program, result)
            for layer in (0, 3):
                found = device.trace_map(pictures(1)[0], layer)
                assert np.array_equal(found, reference.maps[layer][0])
        assert words["auto"] <= words["pairs"] <= 0.65 * words["none"]


@pytest.mark.verilator
@pytest.mark.slow
def test_board_that_streams(cifar10):
    with open_board(STREAMING) as device:
        program = compile_model(cifar10, device.identity.design)
        _, _, counted = check_board(device, cifar10, pictures(1), program)
        assert counted["SPIKES_WRITTEN"] > 0 and counted["MODEL_WORDS"] > 0
