"""A build on a full disk names the file, and the next one, with room, is whole."""

import re

import pytest

from tests.support.full_disk import room


def content(folder):
    """{file: bytes} of what a build leaves, without what tells times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".log"
    }


EVERY = slice(None)


@pytest.mark.parametrize(
    ("board", "which"),
    [
        ("ulx3s", slice(1, None, 8)),
        ("sim", slice(2, None, 4)),
        *(pytest.param(board, EVERY, marks=pytest.mark.slow) for board in ("ulx3s", "arty", "sim")),
    ],
)
def test_however_little_room_there_is(board, which, builds):
    """The disk is full at sizes that the files of a whole build have."""
    assert builds.run(board) == (0, "")
    folder = builds.built(board).parent
    whole = content(folder)
    sizes = sorted({len(data) for data in whole.values()} - {0})
    assert len(sizes) > 5
    failed = 0
    for size in sizes[which]:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        with room(size - 1):
            code, said = builds.run(board)
        failed += code != 0
        assert "Traceback" not in said.replace("Traceback (most recent call last)", "", 1), said
        if code:
            named = re.search(r"(/[\w./ -]+): ?\[?|the whole log is (/\S+)|: '(/[^']+)'", said)
            assert code in (1, 2) and named, said
            assert not builds.built(board).is_file() or content(folder) != whole
        assert builds.run(board) == (0, "")
        assert content(folder) == whole
    assert failed > len(sizes[which]) // 2
