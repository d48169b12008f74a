"""Pictures as a person sees them, hostile and damaged files, sizes that are refused before they are made."""

import gzip
import io
import json
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from volley.firmware import files, texts
from volley.host import images, infer, picture_files
from volley.host.errors import PictureError
from volley.host.labels import load_labels

GREY = (1, 6, 8)
DIGIT = np.zeros((6, 8), np.uint8)
DIGIT[1:3, 2:7] = 200


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".gif", ".webp"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(DIGIT).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    assert np.array_equal(images.load(path, GREY).images[0, 0], DIGIT)


def test_upright(tmp_path):
    """A telephone stores a picture turned, with a tag that says how."""
    turned = Image.fromarray(DIGIT).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(images.load(tmp_path / "turned.png", GREY).images[0, 0], DIGIT)


def test_transparency_is_laid_on_black(tmp_path):
    white = np.full((6, 8), 255, np.uint8)
    Image.fromarray(np.dstack([white, white, white, DIGIT])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([white, DIGIT]), "LA").save(tmp_path / "la.png")
    palette = Image.fromarray((DIGIT > 0).astype(np.uint8), "P")
    palette.putpalette([255, 255, 255] * 2)
    palette.save(tmp_path / "palette.png", transparency=0)
    for name, wanted in (("rgba", DIGIT), ("la", DIGIT), ("palette", 255 * (DIGIT > 0))):
        found = images.load(tmp_path / f"{name}.png", GREY).images[0, 0]
        assert np.array_equal(found, wanted), name


def test_folder_in_natural_order_without_hidden_files(tmp_path):
    for name in ("10.png", "2.png", "a1.BMP", "._2.png", ".hidden.png"):
        Image.fromarray(DIGIT).save(tmp_path / name, "bmp" if "BMP" in name else "png")
    assert images.load(tmp_path, GREY).files == ["2.png", "10.png", "a1.BMP"]


def png(*chunks):
    """A PNG of these chunks, (name, content) each."""
    text = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        body = name + content
        text += struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return text


HEAD = (b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 0, 0, 0, 0))
BOMB = zlib.compress(bytes(100_000_000))
HOSTILE = {
    "short.png": png((b"IHDR", b"\0\0")),
    "text.png": png(HEAD, (b"zTXt", b"k\0\0" + BOMB), (b"IDAT", zlib.compress(bytes(54)))),
    "cut.png": png(HEAD, (b"IDAT", zlib.compress(bytes(range(54)))[:20])),
    "empty.jpg": b"",
    "noise.gif": b"GIF89a" + bytes(range(256)),
    "noise.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(64),
    "noise.tiff": b"II*\0\xff\xff\xff\x7f",
    "pickle.npy": b"\x93NUMPY\1\0F\0"
    + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(69)
    + b"\n\x80",
    "huge.npy": b"\x93NUMPY\1\0v\0"
    + b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 28, 28), }".ljust(117)
    + b"\n",
    "byte.npy": b"\x93NUMPY\1\0v\0"
    + b"{'descr': '|u1', 'fortran_or\xe9er': False, 'shape': (1, 28, 28), }".ljust(117)
    + b"\n"
    + bytes(784),
    "dims.idx": b"\0\0\x08\xff" + bytes(1020),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line(tmp_path, name, capsys):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    assert infer.main(["--port", "golden", "--images", str(path), "--fit"]) == infer.BAD_INPUT
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and name in lines[0]


def test_gzip(tmp_path, monkeypatch):
    file = io.BytesIO()
    np.save(file, DIGIT[None])
    (tmp_path / "c.npy.gz").write_bytes(gzip.compress(file.getvalue()))
    assert np.array_equal(images.load(tmp_path / "c.npy.gz", GREY).images[0, 0], DIGIT)
    monkeypatch.setattr("volley.host.array_files.LARGEST", 10_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(PictureError, match="more than 10000 bytes"):
        images.load(tmp_path / "bomb.gz", GREY)


def test_sizes_are_checked_before_anything_is_made(tmp_path):
    Image.fromarray(DIGIT).save(tmp_path / "one.png")
    with pytest.raises(PictureError, match="1 x 65535 x 65535 take 4294836225 bytes, allowed are"):
        images.load(tmp_path / "one.png", (1, 65535, 65535), fit=True)


@pytest.mark.parametrize(
    "text, wanted",
    [("1\n", [0]), ("\ufeff1\n0", [0, 1]), ("00000000000000000001\n", None), ("²\n", None)],
)
def test_labels_are_names_before_they_are_numbers(tmp_path, text, wanted):
    path = tmp_path / "labels.txt"
    path.write_text(text, "utf-8")
    if wanted is None:
        with pytest.raises(PictureError, match="line 1: .* is no class"):
            load_labels(path, ["1", "0"])
    else:
        assert load_labels(path, ["1", "0"]).tolist() == wanted


def test_names_that_are_the_beginning_of_others_have_an_order(tmp_path):
    for name in ("a", "a1", "a1b", "1", "1.png", "1.png.png", "b.png", "a1.png", "10.png"):
        Image.fromarray(DIGIT).save(tmp_path / name, "PNG")
    found = images.load(tmp_path, GREY)
    assert found.files == ["1.png", "1.png.png", "10.png", "a1.png", "b.png"]


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "link.png", "pipe.png"])
def test_what_has_no_end_is_not_read(tmp_path, name, monkeypatch):
    monkeypatch.setattr(files, "PIPE_SECONDS", 0.1)
    (tmp_path / "link.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.png")
    for read in (
        lambda: images.load(tmp_path / name, GREY),
        lambda: load_labels(tmp_path / name, []),
    ):
        with pytest.raises(PictureError, match="is a device|brought nothing"):
            read()


def test_the_name_of_two_classes_is_no_label(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("b\na\n")
    with pytest.raises(
        PictureError, match="line 2: 'a' is the name of classes 0 and 2; give numbers"
    ):
        load_labels(path, ["a", "b", "a"])
    path.write_text("b\n2\n")
    assert load_labels(path, ["a", "b", "a"]).tolist() == [1, 2]


def test_names_of_files_in_table_and_json(tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("10.png", "2.png"):
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(folder / name)
    out = tmp_path / "out.json"
    assert infer.main(["--port", "golden", "--images", str(folder), "--json", str(out)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[1].endswith("  file")
    assert [line.split()[-1] for line in table[2:4]] == ["2.png", "10.png"]
    assert [image["file"] for image in json.loads(out.read_text())["images"]] == ["2.png", "10.png"]


def test_texts_of_files_are_shown_not_obeyed():
    assert texts.shown("cat\x1b[31m\n\udc80\u0007é") == "cat\\x1b[31m\\n\\udc80\\x07é"


def test_natural_order():
    names = ["b2", "B10", "a", "10", "9", "1a"]
    paths = [picture_files.Path(name) for name in names]
    found = [path.name for path in sorted(paths, key=picture_files.natural_order)]
    assert found == ["a", "b2", "B10", "1a", "9", "10"] or found == [
        "1a",
        "9",
        "10",
        "a",
        "b2",
        "B10",
    ]
