"""Bytes and images/s of a program against what the driver moves over a link that counts them."""

import dataclasses

import pytest

from tests.support.direct import DirectTransport
from tests.support.fake_device import SMALL, FakeBoard
from tests.support.fake_pcie import FakeBar
from tests.support.random_models import TOP, network
from volley.firmware import boards, frames, modelfile
from volley.firmware.compiler.cycle_model import run_cycles
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.throughput import load_bytes, runs_of, throughput
from volley.firmware.frames import BITS_PER_BYTE, MAX_WORDS, line_bytes
from volley.firmware.lines import PACKET_BYTES, PcieLine, UartLine
from volley.firmware.results import overlaps, result_spans
from volley.host import Device
from volley.host.link import Link
from volley.host.pcie.bar_link import BarLink

CLOCK_HZ, BAUD = 100_000_000, 3_000_000
STREAMED = {"weight_words": 32, "param_words": 12}
SPILLED = {"spike_words": 80}
KINDS = {
    "overlapping": ({}, "8C3-P2-10", "auto"),
    "one input buffer": ({"spike_words": 60}, "8C3-P2-10", "auto"),
    "no readout": ({}, "8C3-6", "auto"),
    "segments": (STREAMED, "12C3-10C3-P2-10", "auto"),
    "segments and spilled maps": (SPILLED, "12C3-10C3-P2-10", "none"),
}


@pytest.fixture(params=KINDS)
def job(request, tmp_path):
    """(program for SMALL, pictures)."""
    settings, text, fuse = KINDS[request.param]
    random = network(text, (1, 12, 12))
    if "readout" in request.param:
        random.meta["layers"][-1].pop("readout")
        name = random.meta["layers"][-1]["name"]
        for kind in ("threshold", "v_init"):
            random.tensors[f"{name}.{kind}"] = abs(random.tensors[f"{name}.bias"]).clip(1, TOP)
    model = modelfile.load(random.save(tmp_path / "model.safetensors"))
    program = compile_model(model, dataclasses.replace(SMALL, **settings), fuse=fuse)
    program.design = SMALL
    assert overlaps(program) == (request.param == "overlapping")
    assert bool(program.segments) == ("segments" in request.param)
    assert any(segment.ahead for segment in program.segments) == (request.param == "segments")
    assert any(segment.downs for segment in program.segments) == ("spilled" in request.param)
    return program, random.images(6)


def counted(device, call):
    """(bytes sent, bytes received, requests) of a call."""
    before, requests = dict(device.link.counts), len(device.link.transport.board.log)
    call()
    sent, received = (device.link.counts[k] - before[k] for k in ("sent", "received"))
    return sent, received, len(device.link.transport.board.log) - requests


def test_the_driver_moves_so_many_bytes(job):
    """Up to the bytes that COBS saves where the data has zeros."""
    program, pictures = job
    device = Device(Link(DirectTransport(FakeBoard())))
    up, _, count = counted(device, lambda: device.load(program))
    assert load_bytes(program) - 4 * count <= up <= load_bytes(program)

    few = counted(device, lambda: list(device.infer_many(pictures[:2])))
    many = counted(device, lambda: list(device.infer_many(pictures)))
    up, down, count = ((b - a) / (len(pictures) - 2) for a, b in zip(few, many))
    found = throughput(program, CLOCK_HZ, BAUD)
    assert found.up - 4 * count <= up <= found.up
    assert found.down - 4 * count <= down <= found.down


def packets(bar, call):
    """(bytes up, bytes down, PAGEs) of a call, as packets of PCIe."""
    bar.events.clear()
    call()
    stores = [size for kind, _, size in bar.events if kind == "store"]
    loads = [size for kind, _, size in bar.events if kind == "load"]
    up = sum(PACKET_BYTES + 4 * size for size in stores) + PACKET_BYTES * len(loads)
    return up, sum(PACKET_BYTES + 4 * size for size in loads)


def test_the_driver_makes_so_many_packets_over_pcie(job):
    """Without overlap up to a packet a part: PAGE that stays, ERRORS, sections that begin at an odd word."""
    program, pictures = job
    bar = FakeBar()
    device = Device(BarLink(bar))
    device.load(program)
    few = packets(bar, lambda: list(device.infer_many(pictures[:2])))
    many = packets(bar, lambda: list(device.infer_many(pictures)))
    up, down = ((b - a) / (len(pictures) - 2) for a, b in zip(few, many))
    found = throughput(program, CLOCK_HZ, PcieLine())
    if overlaps(program):
        assert (up, down) == (found.up, found.down)
    steps = [step for run in runs_of(program) for step in run.before + run.behind]
    parts = len(steps) + sum(len(step.words) for step in steps)
    assert up == pytest.approx(found.up, abs=(PACKET_BYTES + 4) * parts)
    assert down == pytest.approx(found.down, abs=(PACKET_BYTES + 4) * parts)


def test_a_pcie_board_reads_results_beside_the_next_run(job):
    program, _ = job
    line = PcieLine()
    fast, slow = throughput(program, 1e15, line), throughput(program, 1e5, line)
    assert fast.end_to_end == pytest.approx(fast.link, rel=1e-3)
    if overlaps(program):
        assert slow.end_to_end == pytest.approx(slow.core, rel=1e-9)
        turn = line.picture([36], result_spans(program), 1e15)
        assert turn.seconds > line.read_s * 8 + 36 * 4 / line.bytes_s
    else:
        assert slow.end_to_end < slow.core


def test_results_in_the_report_are_those_that_the_host_reads(job):
    program, pictures = job
    device = Device(Link(DirectTransport(FakeBoard())))
    device.load(program)
    board = device.link.transport.board
    before = len(board.log)
    device.infer(pictures[0])
    registers = sum(
        count
        for command, place, count in board.log[before:]
        if command == frames.Command.READ and place < 1 << 28
    )
    assert program.report["link"]["result"] == 4 * registers


def test_the_cycles_of_the_runs_are_those_of_the_report(job):
    program, _ = job
    assert sum(run_cycles(program)) == program.report["cycles"]


def test_the_slower_of_core_and_link_sets_the_pace(job):
    program, _ = job
    slow, fast = throughput(program, 1e5, BAUD), throughput(program, 1e12, UartLine(BAUD))
    assert slow.core * 1e7 == pytest.approx(fast.core)
    assert slow.link == fast.link == pytest.approx(throughput(program, 1, 2 * BAUD).link / 2)
    assert slow.end_to_end <= min(slow.core, slow.link) * (1 + 1e-12)
    assert fast.end_to_end == pytest.approx(fast.link)
    if overlaps(program):
        assert slow.end_to_end == pytest.approx(slow.core)
        assert fast.link == pytest.approx(BAUD / BITS_PER_BYTE / max(fast.up, fast.down))


def test_what_is_written_ahead_costs_time_only_beyond_the_run(job):
    program, _ = job
    for run in runs_of(program):
        alone = run._replace(meanwhile=[])
        line = UartLine(BAUD)
        ahead = sum(line.window(step, 1.0).seconds for step in run.meanwhile)
        assert run.seconds(1.0, line) == pytest.approx(alone.seconds(1.0, line))
        assert run.seconds(1e15, line) == pytest.approx(alone.seconds(1e15, line) + ahead)


@pytest.mark.parametrize("words", [0, 1, 60, 61, 100, MAX_WORDS])
def test_no_frame_is_longer_on_the_line(words):
    full = frames.encode(0xFF, 0xFF, 0xFFFF, 0xFFFFFFFF, [0xFFFFFFFF] * words)
    zeros = frames.encode(0, 0, 0, 0, [0] * words)
    assert line_bytes(words) - 4 <= len(zeros) <= len(full) <= line_bytes(words)
    if 0xFF not in full[:1] and b"\0" not in full[:-1]:
        assert len(full) >= line_bytes(words) - 1


@pytest.mark.parametrize("name", boards.names())
def test_the_line_rate_of_a_board_is_its_bridges(name):
    """Or what the least divisor gives; the divisor that BAUD sets is right to 0.05 %."""
    board = boards.load(name)
    divisor = frames.divisor(board.clock_hz, board.line_baud) / frames.DIVISOR_UNIT
    assert divisor >= frames.LEAST_DIVISOR
    assert board.line_baud == min(board.top_baud, board.clock_hz // frames.LEAST_DIVISOR)
    assert board.clock_hz / divisor == pytest.approx(board.line_baud, rel=5e-4)
