"""The golden model against PyTorch's layers, bit by bit, and its errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import models, pictures

from model import golden, quantised


def as_bytes(spikes):
    """Pack spikes [T,N,C,H,W] into the golden model's bytes."""
    groups = [np.packbits(spikes[at:at + 8].numpy().astype(np.uint8), 0, "little")[0]
              for at in range(0, len(spikes), 8)]
    return groups[0] if len(groups) == 1 else np.stack(groups, 1)


def compare(model, images):
    """Assert that golden and quantised agree in every spike, map, count and score."""
    found = golden.run(model, images)
    spikes, maps, scores = quantised.run(model, images)
    assert len(found.spikes) == len(spikes)
    for ours, theirs in zip(found.spikes + found.maps, spikes + maps):
        np.testing.assert_array_equal(ours, as_bytes(theirs))
    np.testing.assert_array_equal(found.scores, scores.numpy())
    for index, theirs in enumerate(spikes):
        np.testing.assert_array_equal(found.spike_counts[:, index],
                                      theirs.sum((0, 2, 3, 4)).numpy())
    return found


@settings(max_examples=150, deadline=None)
@given(models(), st.integers(0, 1000))
def test_equals_pytorch(model, seed):
    compare(model, pictures(model, 4, seed))


@settings(max_examples=40, deadline=None)
@given(models(max_ticks=32, max_layers=3))
def test_equals_pytorch_many_ticks(model):
    compare(model, pictures(model, 3))
