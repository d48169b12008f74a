"""Where each beat's spikes or scores go."""

import pytest

from tests.support.sequencer_bench import LAYERS, compare


@pytest.mark.parametrize("name", LAYERS)
def test_address_output(name):
    compare(name, "sub", "bank", "address", "param", "cut", "pixel")
