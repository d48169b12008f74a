"""Word addresses of the three spike banks, and the bank under the middle of the kernel."""

import pytest

from tests.support.sequencer_bench import LAYERS, compare, expected, issue


@pytest.mark.parametrize("name", LAYERS)
def test_address_input(name):
    """Rows that the masks leave out may be read from anywhere."""
    compare(name, "center")
    for beat, right in zip(issue(name)[0], expected(name)):
        for bank, word in right["addresses"].items():
            assert beat["addresses"][bank] == word
