"""The messages of the simulated PCIe board, and the parameter that a program does not depend on."""

import pytest

from volley.firmware.design import Design
from volley.firmware.pcie_socket import (
    COUNTERS,
    COUNTERS_STRUCT,
    HEAD_BYTES,
    LONGEST,
    Kind,
    harness_options,
    message,
    split_head,
)


@pytest.mark.parametrize("kind", Kind)
def test_a_head_says_what_follows(kind):
    for data in (b"", b"abcd", bytes(LONGEST)):
        made = message(kind, data)
        assert split_head(made[:HEAD_BYTES]) == (kind, len(data)) and made[HEAD_BYTES:] == data


def test_a_head_is_as_the_page_says():
    assert message(Kind.COUNTERS) == bytes([0, 0, 0, 1])
    assert message(Kind.TLP, b"0123") == bytes([4, 0, 0, 0]) + b"0123"
    assert COUNTERS_STRUCT.size == 8 * len(COUNTERS)


def test_what_is_no_message_is_refused():
    with pytest.raises(ValueError, match="allowed are 4116"):
        message(Kind.TLP, bytes(LONGEST + 1))
    with pytest.raises(ValueError):
        split_head(bytes([0, 0, 0, 77]))


def test_the_delay_is_in_cycles_of_the_boards_clock():
    options = harness_options(100_000_000)
    assert options[options.index("--pcie-delay") + 1] == "40"


def test_a_program_runs_over_either_link():
    assert Design(pcie=1).hash() == Design().hash() and Design(pcie=1) == Design()
    assert "pcie" not in Design().parameters()
    with pytest.raises(ValueError, match="pcie is 2, allowed is 0 or 1"):
        Design(pcie=2)
