"""Fixtures that several tests share."""

import pytest

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


@pytest.fixture(scope="session")
def ladder_folder(tmp_path_factory):
    """A folder for what the rungs of the ladder share."""
    return tmp_path_factory.mktemp("ladder")
