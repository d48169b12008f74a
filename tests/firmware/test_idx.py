"""The reader of IDX files against files written here, and a clear error for every bad one."""

import numpy as np
import pytest

from tests.model.data.test_datasets import idx as written
from volley.firmware.idx import IdxError, parse


def test_every_number_of_dimensions():
    rng = np.random.default_rng(0)
    for shape in ((5,), (2, 3), (4, 1, 2), (2, 2, 3, 1)):
        array = rng.integers(0, 256, shape, dtype=np.uint8)
        assert np.array_equal(parse(written(array)), array)


@pytest.mark.parametrize(
    "content, word",
    [
        (b"", "nothing"),
        (b"\0\0", "0000"),
        (b"\0\0\x0d\3" + bytes(12), "00000d03"),
        (written(np.zeros((2, 3), np.uint8))[:-1], r"5 bytes behind.*\[2, 3\] needs 6"),
        (written(np.zeros((2, 3), np.uint8)) + b"x", r"7 bytes behind.*needs 6"),
        (b"\0\0\x08\2\0", "less than its IDX header"),
        (b"\0\0\x08\xff" + bytes(1020), "255 dimensions, allowed are 1 to 4"),
        (b"\0\0\x08\x41" + bytes(261), "65 dimensions"),
        (b"\0\0\x08\0", "0 dimensions"),
        (b"\0\0\x08\3" + bytes(4) + b"\xff" * 8, "has a 0"),
    ],
)
def test_bad(content, word):
    with pytest.raises(IdxError, match=word):
        parse(content)
