"""The driver over PCIe on the simulated hardware: equal to golden, its time counted in cycles."""

import numpy as np
import pytest

from tests.support.board import SMALL, open_board
from tests.support.random_models import network
from volley.firmware import modelfile
from volley.firmware.compiler.throughput import throughput
from volley.firmware.lines import PcieLine, store_cycles
from volley.firmware.registers import Region, address
from volley.host import HostError
from volley.model import golden

pytestmark = pytest.mark.verilator
FEW, MANY = 3, 9
BLOCK = 4000  # words


@pytest.fixture(scope="module")
def board():
    with open_board({**SMALL, "pcie": 1}) as device:
        yield device


@pytest.fixture(scope="module")
def job(board, tmp_path_factory):
    """(program, pictures, what golden finds); the program is loaded."""
    model = network("8C3-P2-10", (1, 12, 12))
    path = model.save(tmp_path_factory.mktemp("sim") / "model.safetensors")
    pictures = model.images(MANY)
    return (
        board.load(path, verify=True), pictures, golden.run(modelfile.load(path), pictures)
    )  # fmt: skip


def test_results_and_maps_are_the_golden_models(board, job):
    program, pictures, wanted = job
    results = list(board.infer_many(pictures))
    np.testing.assert_array_equal([result.scores for result in results], wanted.scores)
    assert [r.spikes for r in results] == wanted.spike_counts.tolist()
    np.testing.assert_array_equal(board.trace_map(pictures[1], 0), wanted.maps[0][1])


def test_cycles_of_a_picture_are_those_of_the_model(board, job):
    """Core, link and what lies between two runs; the load's time is measured on this board."""
    program, pictures, _ = job

    def cycles(call):
        before = board.link.cycles()
        found = call()
        return board.link.cycles() - before, found

    few, _ = cycles(lambda: list(board.infer_many(pictures[:FEW])))
    many, results = cycles(lambda: list(board.infer_many(pictures)))
    again, _ = cycles(lambda: list(board.infer_many(pictures)))
    assert again == many, "the cycles of a session follow from its packets alone"
    load, _ = cycles(lambda: board.link.bar.load_block(0, 2))
    clock = board.identity.clock_hz
    counted = (many - few) / (MANY - FEW)
    found = throughput(program, clock, PcieLine(read_s=load / clock))
    print(f"{counted:.0f} cycles a picture, {results[0].cycles} of the core, a load takes {load}")
    print(f"by the model {clock / found.end_to_end:.0f}")
    assert counted == pytest.approx(clock / found.end_to_end, rel=0.1)


def test_stores_take_the_engines_cycles(board):
    words = np.arange(BLOCK, dtype=np.uint32)
    before = board.link.cycles()
    board.link.write(address(Region.WEIGHTS), words % 256)
    cycles = board.link.cycles() - before
    print(f"{cycles / BLOCK:.2f} cycles a word")
    assert cycles == pytest.approx(BLOCK / 2 * store_cycles(2), rel=0.1)


def test_the_end_of_the_simulator_is_a_clear_error(job):
    with open_board({**SMALL, "pcie": 1}) as device:
        device.simulator.process.kill()
        device.simulator.process.wait()
        with pytest.raises(HostError, match="went away"):
            device.read_register(0)
