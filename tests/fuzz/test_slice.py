"""A slice of ``make fuzz`` without its limits of memory: every kind, in this process."""

import os
import random

import pytest

from tests.fuzz.kinds import KINDS

COUNTS = {
    "models": 120,
    "programs": 60,
    "board files": 60,
    "pictures": 150,
    "labels": 100,
    "command lines": 60,
}
SEED = 3


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    """A folder to work in; no data set is found."""
    monkeypatch.setenv("VOLLEY_DATA", "/nowhere")
    before = os.getcwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


@pytest.mark.parametrize("kind", COUNTS)
def test_inputs_are_taken_or_refused(kind, no_data):
    taken = 0
    for number in range(COUNTS[kind]):
        try:
            taken += KINDS[kind][0](random.Random(f"{kind} {SEED} {number}"), no_data)
        except Exception as error:
            raise AssertionError(
                f"python -m tests.fuzz: {kind}, case {number}, seed {SEED}"
            ) from error
    assert 0 < taken < COUNTS[kind]


@pytest.mark.torch
def test_checkpoints_are_taken_or_refused(no_data):
    pytest.importorskip("torch")
    run = KINDS["checkpoints"][0]
    taken = [run(random.Random(f"checkpoints {SEED} {number}"), no_data) for number in range(100)]
    assert 0 < sum(taken) < 100
