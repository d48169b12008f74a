"""Each byte of a session flipped, dropped or doubled in turn: never a wrong answer, always a
recovery. On the board in Python a sample by default, every byte as a slow test; on the simulated
board a sample, slow."""

import contextlib
import random
import types

import pytest

from tests.support.fake_device import FakeBoard, FakeDevice, small_program
from tests.support.proxy import FAULTS, TO_BOARD, TO_HOST, Proxy
from tests.support.random_models import random_model
from volley.firmware import frames
from volley.firmware.design import Design
from volley.host import Device, HostError
from volley.model import golden

TINY = Design(
    ci=4,
    co=1,
    spike_words=64,
    weight_words=64,
    param_words=16,
    program_words=32,
    layers=32,
    row_max=4,
    scores=4,
)
IMAGES = 3
SAMPLE = 120


def tiny_model():
    """Two layers, a few hundred bytes: a session of all kinds of frames, but short."""
    return random_model(4, layers=2, readout=True, size=3, channels=1, outputs=4, news=False)


class Session:
    """Open, load, verify, three pictures; the answer must be the golden model's."""

    def __init__(self, proxy, design, patience, baud):
        self.proxy, self.patience, self.baud = proxy, patience, baud
        self.program, model = small_program(tiny_model(), design)
        self.images = tiny_model().images(IMAGES)
        self.wanted = golden.run(model, self.images).scores.tolist()

    def run(self, **fault):
        self.proxy.arm(**fault)
        with Device.open(self.proxy.path, self.baud, self.patience) as device:
            device.run_timeout = 5.0
            device.load(self.program, verify=True)
            found = [result.scores.tolist() for result in device.infer_many(self.images)]
            return found, dict(device.link.counts)

    def run_all(self, sample=None):
        found, _ = self.run()
        assert found == self.wanted
        places = [
            (direction, place, fault)
            for direction in (TO_BOARD, TO_HOST)
            for place in range(self.proxy.counts[direction])
            for fault in FAULTS
        ]
        seed = random.randrange(1 << 30)
        print(f"seed {seed}, {len(places)} faults")
        rng = random.Random(seed)
        if sample:
            places = rng.sample(places, sample)
        hits = repaired = 0
        for direction, place, fault in places:
            bit = rng.randrange(8)
            case = f"byte {place} {direction}: {fault}, bit {bit}"
            found, counts = self.run(direction=direction, place=place, fault=fault, bit=bit)
            assert found == self.wanted, case
            hits += self.proxy.hit
            repaired += counts["again"] + counts["damaged"] + counts["silences"] > 0
        # sessions differ by a few bytes, so that the last places may not come by
        assert hits > 0.9 * len(places)
        assert repaired > 0.5 * len(places)


@contextlib.contextmanager
def fake_session(design):
    with FakeDevice(FakeBoard(design)) as device, Proxy(device.path, 115200) as proxy:
        yield Session(proxy, design, 0.08, 115200)


@contextlib.contextmanager
def simulated_session(design):
    from volley.fpga import sim_board

    with sim_board.start("sim", {"ci": design.ci, "co": design.co}) as board:
        with Proxy(board.port, board.baud) as proxy:
            yield Session(proxy, board.board.design, 2.0, board.baud)


def test_a_sample_of_the_bytes():
    with fake_session(TINY) as session:
        session.run_all(SAMPLE)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_byte():
    with fake_session(TINY) as session:
        session.run_all()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sample_of_the_bytes_on_the_simulated_board():
    with simulated_session(TINY) as session:
        session.run_all(SAMPLE)


def test_the_harness_finds_a_link_without_a_checksum(monkeypatch):
    """Take the CRC away: some damage must now show as a wrong answer or a refused command."""
    monkeypatch.setattr(frames, "zlib", types.SimpleNamespace(crc32=lambda data: 0))
    with fake_session(TINY) as session:
        assert session.run()[0] == session.wanted
        with pytest.raises((AssertionError, HostError, ValueError)) as caught:
            session.run_all(SAMPLE)
    print(repr(caught.value))
