"""Word and tap of the weights of every beat."""

import pytest

from tests.support.sequencer_bench import LAYERS, compare


@pytest.mark.parametrize("name", LAYERS)
def test_address_weights(name):
    compare(name, "weight")
