"""More and fewer ticks than lanes: cycles against their bounds, packing, limits."""

import dataclasses
import math

import numpy as np
import pytest

from tests.ladder.test_fusion import load
from tests.support.random_models import network
from volley.firmware.boards import Rates
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.lanes import describe
from volley.firmware.compiler.program import compile_model
from volley.firmware.compiler.report import print_report
from volley.firmware.design import Design
from volley.firmware.lines import UartLine
from volley.firmware.simulator.simulator import Simulator
from volley.model import golden

DESIGN = Design(ci=32, co=4, weight_words=2048, spike_words=8192, pack=1)
PLAIN = Design(ci=32, co=4, weight_words=2048, spike_words=8192, pack=0)
NET = "64C3-P2-96C3-P2-64C3-40-10"


def counted(model, random, design):
    """Cycles of each layer as the simulator counts them, when all is equal to the golden model."""
    program = compile_model(model, design)
    images = random.images(2)
    simulator = Simulator(design, len(images))
    simulator.load(program)
    simulator.load_pictures(program.input.pack(images)[:, 0])
    simulator.run(program.entries[0])
    wanted = golden.run(model, images)
    count = len(model.layers)
    assert np.array_equal(simulator.layer_spikes[:, : count - 1], wanted.spike_counts)
    assert np.array_equal(simulator.scores[:, : model.layers[-1].outputs], wanted.scores)
    cycles = [int(n) for n in simulator.layer_cycles[:count]]
    assert cycles == [row["cycles"] for row in program.report["layers"]]
    return cycles, program


@pytest.mark.parametrize("ticks", (8, 9, 16, 20, 32))
def test_passes_keep_to_the_bound(ticks):
    random = network(NET, (3, 32, 32), ticks=ticks)
    model = load(random)
    cycles, program = counted(model, random, DESIGN)
    passes = -(-ticks // 8)
    single = [32 * 32 * 16, 16 * 16 * 2 * 24, 8 * 8 * 3 * 16, 8 * 8 * 2 * 10, 2 * 3]
    assert [place.bound for place in program.layers] == [passes * n for n in single]
    for place, found in zip(program.layers, cycles):
        assert place.bound <= found <= 1.05 * place.bound
    waste = (passes * 8 - ticks) / (passes * 8)
    lanes = [row["lane_use"] for row in program.report["layers"]]
    assert lanes == [1.0, *[pytest.approx(1 - waste)] * 4]


@pytest.mark.parametrize("ticks", (1, 2, 4))
def test_packed_pixels_share_the_lanes(ticks):
    random = network(NET, (3, 32, 32), ticks=ticks)
    model = load(random)
    packed, program = counted(model, random, DESIGN)
    plain, _ = counted(model, random, PLAIN)
    pixels = 8 // ticks
    assert [a / b for a, b in zip(plain, packed)] == [1, pixels, pixels, 1, 1]
    assert [row["lane_use"] for row in program.report["layers"]] == [1, 1, 1, ticks / 8, ticks / 8]
    assert [place.bound for place in program.layers] <= packed


@pytest.mark.parametrize("ticks", (1, 2, 4, 8))
@pytest.mark.parametrize("net, shape", ((NET, (3, 32, 32)), ("8C1-10", (14, 3, 6))))
def test_pixels_of_a_picture_are_read_in_pairs(ticks, net, shape):
    random = network(net, shape, ticks=ticks)
    model = load(random)
    paired, program = counted(model, random, dataclasses.replace(DESIGN, pair=1))
    single, _ = counted(model, random, DESIGN)
    assert paired[0] * (1 if ticks == 8 else 2) == single[0] and paired[1:] == single[1:]
    assert program.input.bytes == math.prod(shape)
    assert program.input.pixels == (1 if ticks == 8 else 2)


@pytest.mark.parametrize(
    "ticks, net, shape",
    (
        (2, "32C3-10", (1, 8, 7)),  # a row's last word would have one pixel and a half
        (4, "32C3-10", (17, 8, 8)),  # more channels of four bits than a word has
        (4, "32C3-10", (15, 8, 8)),  # sums of more than 16 bits
        (4, "10", (1, 8, 8)),
    ),
)
def test_pictures_that_are_not_read_in_pairs(ticks, net, shape):
    random = network(net, shape, ticks=ticks)
    program = compile_model(load(random), dataclasses.replace(DESIGN, pair=1))
    assert program.input.pixels == 1


def test_three_ticks_are_not_packed(capsys):
    random = network("32C3-P2-10", (1, 8, 8), ticks=3)
    program = compile_model(load(random), DESIGN)
    assert program.report["packed_pixels"] == 1
    print_report(program, Rates(100_000_000, UartLine(3_000_000)))
    assert "3 of 8 lanes, unpacked: 3 does not divide 8" in capsys.readouterr().out


def test_the_report_says_why_lanes_are_idle():
    assert "pack = 0" in describe(4, PLAIN) and "2 pixels of 4 ticks" in describe(4, DESIGN)
    assert "3 passes" in describe(20, DESIGN)
    paired = dataclasses.replace(DESIGN, pair=1)
    assert "a picture is read two at a time" in describe(4, paired)
    assert describe(8, paired) == describe(8, DESIGN)


@pytest.mark.parametrize("ticks, most", ((8, 32767), (16, 16383), (32, 8191)))
def test_psums_of_a_readout_fit_over_all_passes(ticks, most):
    design = Design(ci=64, co=4, row_max=1024, weight_words=4096, spike_words=8192)
    for width in (most // 64, most // 64 + 1):
        random = network("64C1-3", (1, 1, width), ticks=ticks)
        if 64 * width <= most:
            compile_model(load(random), design)
        else:
            with pytest.raises(FitError, match=f"holds {most}$"):
                compile_model(load(random), design)
