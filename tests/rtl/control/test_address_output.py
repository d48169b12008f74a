"""Where each beat's spikes or scores go."""

import dataclasses

import pytest

from tests.support.sequencer_bench import DESIGN, LAYERS, compare, expected, issue


@pytest.mark.parametrize("name", LAYERS)
def test_address_output(name):
    compare(name, "sub", "bank", "address", "param", "cut", "pixel")


@pytest.mark.parametrize("name", ["pooled", "passes", "dense", "readout"])
def test_targets_of_complete_psums(name):
    """In a design with ``gate`` those alone are driven."""
    design = dataclasses.replace(DESIGN, gate=1)
    compare(name, "sub", "bank", "address", "param", "pixel", design=design, where="last")
    targets = [beat["target"] for beat in issue(name, design)[0]]
    moved = [n for n in range(1, len(targets)) if targets[n] != targets[n - 1]]
    assert moved and all(expected(name)[n]["last"] for n in moved)
