"""Fixtures of the tests of ``host/infer.py``."""

import pytest

from tests.support.fake_device import FakeDevice
from tests.support.infer_files import InferFiles


@pytest.fixture
def files(tmp_path):
    return InferFiles(tmp_path)


@pytest.fixture
def fake():
    with FakeDevice() as device:
        yield device
