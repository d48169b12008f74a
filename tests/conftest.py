"""Fixtures that several tests share."""

import pytest

from volley.rtl.convert.myhdl_speedup import quick_inspect


@pytest.fixture(scope="session", autouse=True)
def quick_blocks():
    """MyHDL instantiates blocks several times faster, in every test."""
    with quick_inspect():
        yield


@pytest.fixture(scope="session")
def ladder_folder(tmp_path_factory):
    """A folder for what the rungs of the ladder share."""
    return tmp_path_factory.mktemp("ladder")
