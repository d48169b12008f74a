"""What excludes a model, and what the message tells to do."""

import dataclasses

import pytest

from volley.firmware import boards
from volley.firmware.compiler.fit import FitError, check_limits, describe_excess, excess
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.network_text import network

DESIGN = Design()


def refused(model, design=DESIGN):
    with pytest.raises(FitError) as found:
        check_limits(model, design)
    return str(found.value)


def test_long_rows_name_the_parameter_and_the_boards():
    text = refused(network("8C3-10", (1, 4, 40)))
    assert "layer conv1: rows of 40 pixels, the design's row_max is 32" in text
    assert "--set row_max=64" in text
    for name in boards.names():
        assert (name in text) == (boards.load(name).design.row_max >= 40)
    check_limits(network("8C3-10", (1, 4, 40)), dataclasses.replace(DESIGN, row_max=64))
    check_limits(network("8C3-10", (1, 4, 32)), DESIGN)


@pytest.mark.parametrize(
    "model, design, told",
    [
        (network("4C3-4C3-4C3-2", (1, 4, 4)), {"layers": 3}, "4 layers, the design 3"),
        (network("20", (1, 4, 4)), {"scores": 19}, "20 scores, the design keeps 19"),
        (network("8C3-2", (5000, 1, 1)), {}, "channels is 5000"),
        (network("8C3-2", (3641, 1, 1)), {}, "32769 inputs a neuron"),
    ],
)
def test_limits(model, design, told):
    assert told in refused(model, dataclasses.replace(DESIGN, **design))


def test_the_excess_is_told_in_bytes():
    model = network("8C3-10", (1, 4, 4))
    over = excess({"param_words": DESIGN.param_words + 2, "spike_words": 1}, DESIGN)
    assert over == {"param_words": (DESIGN.param_words + 2, DESIGN.param_words)}
    # bias 32, threshold and v_init 24 bits of each of CO neurons
    assert f"({2 * 10 * DESIGN.co} bytes too many)" in describe_excess(model, over, DESIGN)


def test_a_model_that_does_not_fit_says_where_it_would():
    model = network("64C3-64C3-P2-64C3-10", (3, 32, 32))
    small = dataclasses.replace(DESIGN, weight_words=16, param_words=4)
    with pytest.raises(FitError, match=r"weight_words \d+ of 16 .*it fits .*arty"):
        compile_model(model, small)
