"""Pictures and labels: every kind of file, and a clear error for every bad one."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from volley.host import PictureError, images
from volley.host.labels import load_labels, match_labels

GREY, COLOUR = (1, 6, 8), (3, 6, 8)
CLASSES = ["cat", "dog", "owl"]


def array(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def idx(data, kind=0x08):
    return struct.pack(f">4B{data.ndim}I", 0, 0, kind, data.ndim, *data.shape) + data.tobytes()


def test_npy_with_and_without_channels(tmp_path):
    flat, deep = array(5, 6, 8), array(5, 3, 6, 8)
    np.save(tmp_path / "flat.npy", flat)
    np.save(tmp_path / "deep.npy", deep)
    np.testing.assert_array_equal(images.load(tmp_path / "flat.npy", GREY).images, flat[:, None])
    np.testing.assert_array_equal(images.load(tmp_path / "deep.npy", COLOUR).images, deep)
    assert images.load(tmp_path / "deep.npy", COLOUR, limit=2).images.shape == (2, 3, 6, 8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_and_gzip(tmp_path, pack):
    data = array(5, 6, 8)
    path = tmp_path / "images"
    path.write_bytes(pack(idx(data)))
    np.testing.assert_array_equal(images.load(path, GREY).images, data[:, None])


def test_png_jpeg_and_a_sorted_folder(tmp_path):
    pictures = array(3, 6, 8, 3)
    for name, picture in zip(("b.png", "c.png", "a.PNG"), pictures):
        Image.fromarray(picture).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    found = images.load(tmp_path, COLOUR)
    assert found.files == ["a.PNG", "b.png", "c.png"]
    np.testing.assert_array_equal(found.images, pictures[[2, 0, 1]].transpose(0, 3, 1, 2))
    grey = images.load(tmp_path / "b.png", GREY).images
    np.testing.assert_array_equal(grey[0, 0], Image.fromarray(pictures[0]).convert("L"))
    Image.fromarray(pictures[0]).save(tmp_path / "d.jpg", quality=95)
    assert images.load(tmp_path / "d.jpg", COLOUR).images.shape == (1, 3, 6, 8)


def test_fit_scales_and_keeps_proportions(tmp_path):
    Image.fromarray(np.full((12, 12), 255, np.uint8)).save(tmp_path / "square.png")
    np.save(tmp_path / "square.npy", np.full((2, 12, 12), 255, np.uint8))
    for name in ("square.png", "square.npy"):
        picture = images.load(tmp_path / name, GREY, fit=True).images[0, 0]
        assert picture.shape == (6, 8)
        assert (picture[:, 1:7] == 255).all() and not picture[:, [0, 7]].any()


def bad(path, shape=GREY, **options):
    with pytest.raises(PictureError) as caught:
        images.load(path, shape, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_wrong_size(tmp_path):
    Image.fromarray(array(9, 10)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", array(2, 9, 10))
    for name in ("a.png", "a.npy"):
        text = bad(tmp_path / name)
        assert "9 x 10" in text and "6 x 8" in text and "--fit" in text


def test_wrong_type(tmp_path):
    np.save(tmp_path / "float.npy", array(2, 6, 8, dtype=np.float32))
    assert "float32 numbers, pictures are uint8" in bad(tmp_path / "float.npy")
    (tmp_path / "short").write_bytes(idx(array(2, 6, 8), kind=0x0B))
    assert "starts with 00000b03; allowed: 00 00 08" in bad(tmp_path / "short")
    (tmp_path / "text.txt").write_text("hello, this is no picture")
    assert "neither .npy nor IDX" in bad(tmp_path / "text.txt")
    (tmp_path / "text.png").write_text("hello, this is no picture")
    assert "no picture, or a damaged one" in bad(tmp_path / "text.png")
    Image.fromarray(array(6, 8).astype(np.uint16) * 100).save(tmp_path / "deep.png")
    assert "allowed are 8 bits a channel" in bad(tmp_path / "deep.png")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object))
    assert "no usable .npy file" in bad(tmp_path / "object.npy")


def test_wrong_shape(tmp_path):
    np.save(tmp_path / "two.npy", array(6, 8))
    assert "shape [6, 8], pictures have" in bad(tmp_path / "two.npy")
    np.save(tmp_path / "none.npy", array(0, 6, 8))
    assert "no picture in it" in bad(tmp_path / "none.npy")
    np.save(tmp_path / "grey.npy", array(2, 6, 8))
    assert "1 channels" in bad(tmp_path / "grey.npy", COLOUR, fit=True)
    Image.fromarray(array(6, 8)).save(tmp_path / "a.png")
    assert "1 or 3 channels, the model takes 2" in bad(tmp_path / "a.png", (2, 6, 8))


def test_nothing_there(tmp_path):
    assert "no such file or folder; allowed: a .npy or IDX file" in bad(tmp_path / "gone.npy")
    assert "no such file or folder" in bad(tmp_path / "gone.png")
    assert "no picture in this folder (it is empty)" in bad(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    assert "no picture in this folder (there are notes.txt)" in bad(tmp_path)


@pytest.mark.parametrize("cut", [3, 10, 20, 60])
def test_truncated(tmp_path, cut):
    for name, data in (("a", idx(array(2, 6, 8))), ("a.gz", gzip.compress(idx(array(2, 6, 8))))):
        (tmp_path / name).write_bytes(data[:cut])
        bad(tmp_path / name)
    Image.fromarray(array(6, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:cut])
    bad(tmp_path / "b.png")


def test_labels_of_every_kind(tmp_path):
    np.save(tmp_path / "a.npy", np.array([2, 0, 1]))
    (tmp_path / "b").write_bytes(idx(np.array([2, 0, 1], np.uint8)))
    (tmp_path / "c.gz").write_bytes(gzip.compress(idx(np.array([2, 0, 1], np.uint8))))
    (tmp_path / "d.txt").write_text("owl\ncat\n1\n")
    for name in ("a.npy", "b", "c.gz", "d.txt"):
        assert load_labels(tmp_path / name, CLASSES).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    "content, text",
    [
        (
            b"cat\nbird\n",
            "line 2: 'bird' is no class; allowed: 0 to 2, or one of 'cat', 'dog', 'owl'",
        ),
        (b"0\n3\n", "label 3 at index 1, the model has the classes 0 to 2"),
        (b"\xff\xfe\x00\x81", "neither .npy, IDX nor text"),
        (idx(array(2, 6, 8)), "labels are whole numbers of shape"),
    ],
)
def test_bad_labels(tmp_path, content, text):
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(PictureError) as caught:
        load_labels(tmp_path / "labels", CLASSES)
    assert text in str(caught.value)


def test_labels_match_the_pictures():
    labels = np.array([0, 1, 2])
    assert match_labels(labels, "x", 2, whole=False).tolist() == [0, 1]
    for count, whole in ((2, True), (4, True), (4, False)):
        with pytest.raises(PictureError, match=f"3 labels for {count} pictures"):
            match_labels(labels, "x", count, whole)


def test_the_shipped_pictures_are_a_hundred_digits():
    from volley.host import infer

    shipped = images.load(infer.IMAGES, (1, 28, 28)).images
    labels = load_labels(infer.LABELS, list("0123456789"))
    assert shipped.shape == (100, 1, 28, 28) and len(labels) == 100
    assert labels[:5].tolist() == [7, 2, 1, 0, 4] and set(labels) == set(range(10))
