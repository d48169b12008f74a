"""Fixtures that several tests share."""

import pytest
from myhdl import _bin
from myhdl._simulator import _signals

from tests.support.tools import check_markers
from volley.rtl.convert.myhdl_speedup import quick_inspect

LONG = (
    "test_core",
    "test_mnist",
    "test_fusion_cifar",
    "test_sim_pcie",
    "test_toolchain",
    "test_link",
)
"""The files that take the longest: first, so that no core waits for one at the end."""


def pytest_collection_modifyitems(items):
    """The files of LONG come first; ``--no-loadscope-reorder`` keeps the order."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before any fixture: skips or fails a test that is marked by a tool that is missing."""
    check_markers(item)


@pytest.fixture(scope="session", autouse=True)
def quick_blocks():
    """MyHDL instantiates blocks several times faster, in every test."""
    with quick_inspect():
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_bits():
    """MyHDL's integers become text by Python's own formatting; a tenth of a simulation's time."""
    slow = _bin._int2bitstring
    _bin._int2bitstring = lambda number: f"{number:b}" if number >= 0 else slow(number)
    yield
    _bin._int2bitstring = slow


@pytest.fixture(scope="module", autouse=True)
def signals_of_a_file():
    """What ``signals_of_a_test`` does, for the signals of a file's shared fixtures."""
    kept = len(_signals)
    yield
    del _signals[kept:]


@pytest.fixture(autouse=True)
def signals_of_a_test():
    """MyHDL forgets the signals of a test with it.

    It keeps every signal ever made, gives each its initial value at the end of every simulation, and
    runs the slices of all of them: a short bench late in the run would take seconds.
    """
    kept = len(_signals)
    yield
    del _signals[kept:]


@pytest.fixture(scope="session")
def ladder_folder(tmp_path_factory):
    """A folder for what the rungs of the ladder share."""
    return tmp_path_factory.mktemp("ladder")
