"""What the scripts of this folder share: the import path, options, tables, and pages of docs/.

A script imports this module first; it puts the repository's root on the import path, so that the
scripts run from any folder without an installed package.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from volley.firmware import modelfile  # noqa: E402
from volley.firmware.files import EXAMPLES, PRETRAINED, write_whole  # noqa: E402

SHIPPED = PRETRAINED / "mnist.safetensors"
OWN_DIVISION = ("fashion-mnist",)
"""Models that were trained on pictures of the canonical test set; their pages say which were set apart."""


def shipped():
    """Names of the shipped models that boards of any options hold, those of format 1, but for OWN_DIVISION."""
    paths = [p for p in sorted(PRETRAINED.glob("*.safetensors")) if p.stem not in OWN_DIVISION]
    return [path.stem for path in paths if not modelfile.news_of(modelfile.load(path))]


def parser(script, description, page=False):
    """The command line of bench/SCRIPT; page: with --write (or --markdown) FILE."""
    found = argparse.ArgumentParser(
        prog=f"bench/{script}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if page:
        found.add_argument(
            *("--write", "--markdown"),
            metavar="FILE",
            help="file to write what is printed to as well, such as a page of docs/",
        )
    return found


def table(heads, rows):
    """Lines of a Markdown table; the columns after the first are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def write(path, title, script, arguments, lines):
    """Write a page with the command that printed it; arguments: as main got them, or None."""
    words = sys.argv[1:] if arguments is None else arguments
    command = " ".join([f"python bench/{script}", *words])
    write_whole(path, f"# {title}\n\nPrinted by `{command}`.\n\n" + "\n".join(lines) + "\n")


def example_pictures(program, count):
    """The first pictures of host/examples for a program, uint8 [count,C,H,W]."""
    from volley.host import images

    path = next(EXAMPLES.glob("*images*"))
    return images.load(path, program.input_shape, limit=count).images


def failed(script, error):
    """Print an error in one line; returns the exit code."""
    print(f"bench/{script}: {error}", file=sys.stderr)
    return 2
