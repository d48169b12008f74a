"""Fixtures that several tests share."""

import pytest
from myhdl._simulator import _signals

from tests.support.tools import check_markers
from volley.rtl.convert.myhdl_speedup import quick_inspect


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before any fixture: skips or fails a test that is marked by a tool that is missing."""
    check_markers(item)


@pytest.fixture(scope="session", autouse=True)
def quick_blocks():
    """MyHDL instantiates blocks several times faster, in every test."""
    with quick_inspect():
        yield


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
