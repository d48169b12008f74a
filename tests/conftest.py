"""Fixtures that several tests share."""

import pytest


@pytest.fixture(scope="session")
def ladder_folder(tmp_path_factory):
    """A folder for what the rungs of the ladder share."""
    return tmp_path_factory.mktemp("ladder")
