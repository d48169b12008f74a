"""The order of the beats: which psums start and end, and in which pass."""

import pytest

from tests.support.sequencer_bench import LAYERS, compare


@pytest.mark.parametrize("name", LAYERS)
def test_loop_nest(name):
    compare(name, "first", "last", "beat_pixel", "part", "odd_y")
