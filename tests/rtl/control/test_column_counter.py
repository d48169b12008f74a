"""Columns of the output row, and which beats share one of its words."""

import pytest

from tests.support.sequencer_bench import LAYERS, compare


@pytest.mark.parametrize("name", LAYERS)
def test_column_counter(name):
    compare(name, "start", "full", "column")
