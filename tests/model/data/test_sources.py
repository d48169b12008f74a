"""Pictures of one's own: folders, .npz and functions; and from a folder to the simulated board."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support import tools
from volley.firmware import modelfile
from volley.firmware.files import PRETRAINED
from volley.host import images
from volley.model import golden, train
from volley.model.data import sources
from volley.model.data.datasets import DataError

SHAPE = (3, 28, 28)


def make(folder, count=36, size=(40, 30)):
    """A folder of two classes that the eye tells apart: red above or blue below, of size w x h."""
    rng = np.random.default_rng(5)
    for name, rows, channel in (("red", slice(0, 12), 0), ("blue", slice(18, 30), 2)):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            picture = rng.integers(0, 80, (size[1], size[0], 3)).astype(np.uint8)
            picture[rows, :, channel] += 150
            Image.fromarray(picture).save(folder / name / f"{k}.png")
    return folder


def test_folder(tmp_path):
    """Classes are the folders' names; pictures are those of infer --fit; every sixth is a test."""
    folder = make(tmp_path / "my pictures", 12)
    data = sources.data_set(str(folder), SHAPE)
    assert (data.name, data.classes, data.shape) == ("my_pictures", ("blue", "red"), SHAPE)
    pictures, labels = sources.load(str(folder), "train", None, SHAPE)
    tests, _ = sources.load(str(folder), "test", None, SHAPE)
    assert pictures.shape == (20, *SHAPE) and tests.shape == (4, *SHAPE)
    fitted = images.load(folder / "red", SHAPE, fit=True).images
    mine = np.concatenate([pictures[labels == 1], tests])
    assert all((mine == one).all((1, 2, 3)).any() for one in fitted)


def test_divided_folder(tmp_path):
    make(tmp_path / "d" / "train", 3)
    make(tmp_path / "d" / "test", 2)
    data = sources.data_set(str(tmp_path / "d"), SHAPE)
    assert [len(data.parts[s][1]) for s in ("train", "test")] == [6, 4]


def test_two_classes_of_one_name_are_refused(tmp_path):
    pictures, labels = np.zeros((12, 8, 8), np.uint8), np.arange(12) % 2
    np.savez(tmp_path / "a.npz", train_images=pictures, train_labels=labels, classes=["no", "no"])
    with pytest.raises(DataError, match="a.npz: two classes are called 'no'; give each a name"):
        sources.data_set(str(tmp_path / "a.npz"))


def test_npz_and_function(tmp_path, monkeypatch):
    """Arrays of either order of dimensions, with names of classes; a function gives the same."""
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8), np.arange(12) % 2
    np.savez(tmp_path / "a.npz", train_images=pictures, train_labels=labels, classes=["no", "yes"])
    data = sources.data_set(str(tmp_path / "a.npz"))
    assert data.shape == (3, 8, 8) and data.classes == ("no", "yes")
    found, _ = data.parts["test"]
    assert np.array_equal(found, pictures[[10, 11]].transpose(0, 3, 1, 2))
    (tmp_path / "own_data.py").write_text(
        "import numpy as np\n\n\ndef load(split):\n"
        "    return np.zeros((4, 6, 6), np.uint8), np.array([0, 1, 2, 1])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = sources.data_set("own_data:load")
    assert (data.name, data.shape, data.classes) == ("load", (1, 6, 6), ("0", "1", "2"))


@pytest.mark.parametrize(
    "case, words",
    [
        ("nothing", "no data set of that name"),
        ("empty", "0 sub-folders"),
        ("no picture", "no picture in this class.s folder.*allowed"),
        ("damaged", "damaged one"),
        ("float", "float64"),
        ("labels", "labels are 3"),
        ("arrays", "wanted: train_images"),
        ("function", "cannot be called"),
        ("deep", "mode I;16, allowed are 8 bits"),
        ("not UTF-8", "no UTF-8; rename it"),
        ("257", "257 sub-folders; allowed: up to 256"),
        ("nested", "without sub-folders"),
        ("strange", "green: a class to test on that is not among"),
        ("one text", "classes are <U2 of shape .*a list of their names"),
        ("negative", "of int64, -1 to -1, for 4 pictures"),
    ],
)
def test_errors(tmp_path, case, words):
    folder, file = tmp_path / "f", tmp_path / "f.npz"
    if case in ("no picture", "damaged"):
        make(folder, 1)
        (folder / "red" / "0.png").write_bytes(b"?" * 20)
        if case == "no picture":
            (folder / "red" / "0.png").unlink()
    if case == "deep":
        make(folder, 1)
        Image.fromarray(np.zeros((8, 8), np.uint16)).save(folder / "red" / "0.png")
    if case == "not UTF-8":
        make(folder, 6)
        (folder / "red").rename(folder / os.fsdecode(b"\xff"))
    if case == "257":
        for k in range(257):
            (folder / str(k)).mkdir(parents=True)
    if case in ("nested", "strange"):
        make(folder / "train", 1)
        make(folder / ("val" if case == "nested" else "test"), 1)
    if case == "strange":
        (folder / "test" / "green").mkdir()
    folder.mkdir(exist_ok=True)
    pictures = np.zeros((4, 8, 8), np.float64 if case == "float" else np.uint8)
    arrays = {"x": pictures} if case == "arrays" else {"train_images": pictures}
    if case == "one text":
        arrays["classes"] = "ab"
    labels = np.zeros(3 if case == "labels" else 4, int) - (case == "negative")
    np.savez(file, **arrays, train_labels=labels)
    text = {"nothing": "mnits", "function": "no_such_module:load"}.get(case)
    of_file = case in ("float", "labels", "arrays", "one text", "negative")
    with pytest.raises(DataError, match=words):
        shape = None if case == "one text" else SHAPE
        sources.data_set(text or str(file if of_file else folder), shape)


FUNCTIONS = """
import numpy as np

CLASSES = ["a", "b"]


def right(split):
    return np.zeros((4, 6, 6), np.uint8), [0, 1, 0, 1], np.array(CLASSES, bytes)


def raises(split):
    raise RuntimeError("no file")


def ragged(split):
    return [[1, 2], [3]], [0, 1]


def number(split):
    return np.zeros((4, 6, 6), np.uint8), [0, 1, 0, 1], 2


def other(split):
    return np.zeros((4, 6, 6), np.uint8), [0, 1, 0, 1], CLASSES[:: 1 if split == "train" else -1]
"""


def test_functions_of_the_current_folder(tmp_path, monkeypatch):
    """A module beside which the command is typed; errors of the user's own code take a line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_here.py").write_text(FUNCTIONS)
    (tmp_path / "not_python.py").write_text("def x(:")
    assert sources.data_set("of_here:right").classes == ("a", "b")
    for name, words in {
        "of_here:raises": "RuntimeError: no file; line 12 of .*of_here.py",
        "of_here:ragged": "are no array",
        "of_here:number": "classes are int64 of shape",
        "of_here:other": "they must be the same",
        "not_python:x": "SyntaxError",
    }.items():
        with pytest.raises(DataError, match=words):
            sources.data_set(name)


def test_sorted_pictures_are_mixed(tmp_path):
    """The last pictures, which --validate holds out, are not all of the last class."""
    pictures, labels = np.zeros((60, 8, 8), np.uint8), np.arange(60) // 30
    pictures[:, 0, 0] = np.arange(60)
    for name, given in (("sorted", labels), ("own order", np.arange(60) % 2)):
        file = tmp_path / f"{name}.npz"
        np.savez(file, train_images=pictures, train_labels=given)
        found, of = sources.load(str(file), "train")
        assert np.array_equal(of, given[found[:, 0, 0, 0]])
        assert set(of[-10:]) == {0, 1}
        assert (np.diff(found[:, 0, 0, 0].astype(int)) > 0).all() == (name == "own order")


def trained(tmp_path):
    """(folder, model file) of a network that is trained on a folder by the command of the docs."""
    folder, out = make(tmp_path / "pictures"), tmp_path / "mine.safetensors"
    words = "--net 16C3-P2-16C3-P2-2 --ticks 4 --rate-epochs 4 --epochs 2 --batch 12 --threads 1"
    more = ["--data", str(folder), "--picture", "3x28x28", "--augment", "none", "--out", str(out)]
    assert train.main(words.split() + more) == 0
    return folder, out


def test_folder_to_model(tmp_path, capsys):
    folder, out = trained(tmp_path)
    model = modelfile.load(out)
    assert (model.classes, model.input_shape, model.name) == (["blue", "red"], SHAPE, "pictures")
    assert model.fit
    capsys.readouterr()
    assert golden.main([str(out), "--data", str(folder)]) == 0
    assert " of 12 right" in capsys.readouterr().out
    (folder / "red").rename(folder / "a red one")
    sources._own.cache_clear()
    assert golden.main([str(out), "--data", str(folder)]) == 2
    assert "its classes are ('a red one', 'blue')" in capsys.readouterr().err
    (folder / "a red one").rename(folder / "red")
    result = golden.run(model, images.load(folder / "red", SHAPE, fit=True).images, layers=False)
    assert (result.labels == 1).mean() > 0.9


def test_golden_of_a_path_too_long(tmp_path, capsys):
    assert golden.main([str(PRETRAINED / "mnist.safetensors"), "--data", "x" * 300]) == 2
    assert "File name too long" in capsys.readouterr().err


@pytest.mark.parametrize(
    "found, wanted, fits",
    [
        (["a", "b"], ["a", "b"], True),
        (["b", "a"], ["a", "b"], False),
        (["a"], ["a", "b"], False),
        (["0", "1"], ["a", "b"], True),
        (["0", "1", "2"], ["a", "b"], False),
        (["a", "b"], ["0", "1"], True),
    ],
)
def test_classes_of_data_and_model(found, wanted, fits):
    """The same names in the same order, or numbers."""
    if fits:
        sources.check_classes("d", found, "m", wanted)
    else:
        with pytest.raises(DataError, match="--data d: its classes are .*, those of m"):
            sources.check_classes("d", found, "m", wanted)


@pytest.mark.slow
@pytest.mark.verilator
def test_folder_to_simulated_board(tmp_path):
    """The third command of the docs: the pictures of a folder on the simulated board."""
    tools.need("verilator")
    folder, out = trained(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "volley", "infer", "--port", "sim", "--model", str(out),
         "--images", str(folder / "red"), "--limit", "3"],
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("red") >= 3
