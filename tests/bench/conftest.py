"""The scripts of bench/ as modules; their siblings are found beside them, as for a script."""

import importlib
import sys

import pytest

from volley.firmware.files import PACKAGE

NAMES = (
    "golden",
    "page",
    "peers",
    "published",
    "run",
    "cycles",
    "energy",
    "ticks",
    "array_cost",
    "block_cost",
    "sim_speed",
    "tick_ladder",
    "knobs",
)


@pytest.fixture
def bench(monkeypatch):
    """A function that imports a script of bench/ by its name."""
    monkeypatch.syspath_prepend(str(PACKAGE / "bench"))
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def run(bench):
    """bench/run.py."""
    return bench("run")
