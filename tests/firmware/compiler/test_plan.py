"""The plan for a board whose rates are known is the fastest end to end."""

import time

import pytest

from volley.firmware import boards
from volley.firmware.compiler.plan import NoRoom, make_plans
from volley.firmware.compiler.program import compile_model, planned
from volley.firmware.compiler.throughput import throughput
from volley.firmware.network_text import network
from volley.firmware.pages.fusion_page import DEEP

SHAPE = (3, 32, 32)


@pytest.mark.parametrize("fuse", ["none", "pairs", "auto"])
@pytest.mark.parametrize("spike_words", [440, 512, 1024])
def test_no_other_plan_is_faster(spike_words, fuse):
    board = boards.load("arty100", {"spike_words": spike_words})
    model = network(DEEP, SHAPE)
    best = compile_model(model, board.design, fuse=fuse, rates=board.rates)
    wanted = throughput(best, *board.rates).end_to_end
    for plan in make_plans(model, board.design, fuse):
        other = planned(model, board.design, plan)
        assert throughput(other, *board.rates).end_to_end <= wanted


def test_a_deep_network_is_planned_in_bounded_time():
    """32 layers of high maps that stream: chains of up to eight layers, rings of up to 150 rows."""
    model = network("-".join(["4C3"] * 31 + ["4"]), (1, 300, 16))
    began = time.process_time()
    with pytest.raises(NoRoom):
        make_plans(
            model, boards.load("ulx3s", {"weight_words": 2048, "spike_words": 64}).design, "auto"
        )
    roomy = boards.load("ulx3s", {"weight_words": 2048, "spike_words": 1 << 15}).design
    assert make_plans(model, roomy, "auto")
    assert time.process_time() - began < 20  # takes 2 s


def test_rates_change_the_choice():
    board = boards.load("arty100", {"spike_words": 440})
    model = network(DEEP, SHAPE)
    programs = [
        compile_model(model, board.design, fuse="none", rates=rates)
        for rates in (None, board.rates)
    ]
    plain, best = (throughput(program, *board.rates).end_to_end for program in programs)
    assert best > plain
