"""Classifies pictures on a board, on the simulated board, or by the golden model.

python host/infer.py                              the shipped examples on the simulated board
python host/infer.py --port /dev/ttyUSB1 --images digits/ --fit
python host/infer.py --list
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from volley.firmware import pipe  # noqa: E402
from volley.firmware.boards import BoardError  # noqa: E402
from volley.firmware.compiler.fit import FitError  # noqa: E402
from volley.firmware.compiler.fusion import FUSE  # noqa: E402
from volley.firmware.design import Design  # noqa: E402
from volley.firmware.files import EXAMPLES, PRETRAINED  # noqa: E402
from volley.firmware.modelfile import ModelError  # noqa: E402
from volley.firmware.program import Program, ProgramFileError  # noqa: E402
from volley.firmware.texts import shown  # noqa: E402
from volley.host import images, plot, ports, programs, report, spike_files, trace  # noqa: E402
from volley.host.device import GOLDEN, Device  # noqa: E402
from volley.host.errors import HostError, PictureError  # noqa: E402
from volley.host.labels import load_labels, match_labels  # noqa: E402
from volley.host.sessions import BoardSession, GoldenSession  # noqa: E402
from volley.host.simulated import SIM  # noqa: E402

MODEL = PRETRAINED / "mnist.safetensors"
IMAGES = EXAMPLES / "mnist-100-images.idx3.gz"
LABELS = EXAMPLES / "mnist-100-labels.idx1.gz"
BAD_INPUT = 2  # exit code of the user's mistakes, as argparse's own
DIFFERENT = 1  # of a trace that found a difference
INTERRUPTED = pipe.INTERRUPTED
PRINT = functools.partial(print, flush=True)


def parse(arguments=None):
    """The command line's options."""
    parser = pipe.Parser(
        prog=pipe.program_name("infer.py"),
        description="Classifies pictures on a Volley board and prints a table: expected and found "
        "class, score, spikes, core cycles and microseconds, round trip.",
        epilog="Examples: infer.py --port sim --limit 10; infer.py --port sim:ulx3s --limit 10; "
        "infer.py --port sim:ci=8,co=4 --limit 10. The parameters are those of "
        "fpga/build.py --set: " + ", ".join([field.name for field in dataclasses.fields(Design)]),
    )
    add = parser.add_argument
    add(
        "--port",
        default=SIM,
        help="path of a serial port; pcie (the only PCIe board) or pcie:0000:03:00.0; sim (starts the simulated board); golden (no board). "
        "sim:BOARD simulates another board's design (BOARD: a name that --list shows, or the path of "
        "a board file), sim:ci=8,co=4 other parameters, sim:BOARD:ci=8,co=4 both. Default: sim",
    )
    add(
        "--model",
        default=MODEL,
        metavar="FILE",
        help="model file (.safetensors) or a compiled program. Default: the shipped MNIST model",
    )
    add(
        "--images",
        metavar="X",
        help="uint8 .npy (N,H,W or N,C,H,W), IDX (.gz too), a picture "
        "(PNG, JPEG, BMP, TIFF, GIF, WebP), or a folder of pictures; of a model for spike trains "
        "uint8 or bool .npy (N,T,C,H,W). Default: 100 shipped MNIST test images",
    )
    add("--labels", metavar="Y", help=".npy, IDX, or a text with a class a line")
    add("--limit", type=_positive, metavar="N", help="the first N images only")
    add(
        "--fit",
        action="store_true",
        help="scale images of another size; no need with a model trained on a folder",
    )
    add("--json", metavar="OUT", help="write the results as JSON")
    add("--plot", metavar="OUT.png", help="draw the first image, its spikes and scores")
    add(
        "--trace",
        metavar="DIR",
        help="read every layer's spikes back, save them here and compare with the golden model",
    )
    add(
        "--baud",
        type=_positive,
        metavar="N",
        help="the port's speed after the board's reset; "
        "by default those of the known boards are tried",
    )
    add("--verify", action="store_true", help="read the program back after loading")
    add(
        "--fuse",
        choices=FUSE,
        help="layers whose rows are interleaved, where --model is a model "
        "file. Default: auto, what the board's memory asks for",
    )
    add("--list", action="store_true", help="list ports and boards")
    options = parser.parse_args(arguments)
    if options.trace and options.port == GOLDEN:
        parser.error("--trace reads a board: give --port a serial port or sim, not golden")
    if options.labels and not options.images:
        parser.error("--labels needs --images; the shipped images have their own labels")
    return options


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 on is wanted")
    return int(text)


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    options = parse(arguments)
    try:
        if options.list:
            print(ports.listing())
            return 0
        _check_outputs(options)
        with contextlib.ExitStack() as stack:
            return _run(options, stack)
    except BrokenPipeError:
        raise
    except (HostError, ModelError, ProgramFileError, FitError, BoardError, OSError) as error:
        return pipe.fail("infer.py", error, BAD_INPUT)
    except KeyboardInterrupt:
        print("infer.py: interrupted", file=sys.stderr)
        return INTERRUPTED


def _check_outputs(options):
    """What is to be written must have a place before anything is computed."""
    for name in ("json", "plot"):
        if getattr(options, name):
            _check_file(name, Path(getattr(options, name)))
    if options.trace:
        folder = Path(options.trace).absolute()
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not there.is_dir():
            raise PictureError(
                f"--trace {options.trace}: {there} is no folder; choose another name"
            )


def _check_file(name, path):
    if path.is_dir():
        raise PictureError(f"--{name} {path}: is a folder; the name of a file is wanted")
    if path.exists() and not path.is_file():  # a device or a pipe
        return
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise PictureError(f"--{name} {path}: no such folder; make it first")
    if not os.access(folder, os.W_OK):
        raise PictureError(f"--{name} {path}: no permission to write into its folder")


def _open(options, source, stack):
    """The session that --port names, with the model or program ``source`` in it."""
    if options.port == GOLDEN:
        return GoldenSession(source)
    device = stack.enter_context(Device.open(options.port, options.baud, say=_say))
    device.raise_baud()
    return BoardSession(
        device, source, progress=True, verify=options.verify, fuse=options.fuse or "auto"
    )


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _run(options, stack):
    # all files first: a mistake shows before a board is built, opened or loaded
    source = programs.read(options.model)
    if options.fuse and isinstance(source, Program):
        raise ProgramFileError(
            f"--fuse {options.fuse}: {options.model} is a compiled program; give the "
            "model file, or compile it with python -m firmware.compile --fuse"
        )
    if options.trace:
        trace.check(None if isinstance(source, Program) else source)
    pictures, files = _inputs(options, source)
    labels = None
    if options.labels or not options.images:
        path = options.labels or LABELS
        labels = load_labels(path, source.classes)
        labels = match_labels(labels, path, len(pictures), whole=not options.limit)
    _check_bits(source, pictures)
    session = _open(options, source, stack)
    clock = f" at {session.clock_hz / 1e6:g} MHz" if session.clock_hz else ""
    # a file that was asked for is made, even if nobody reads the table to its end
    say = pipe.say if options.json or options.plot or options.trace else PRINT
    say(
        f"model {shown(session.model_name)}, {session.ticks} ticks, on {shown(session.board)}{clock}"
    )
    say(report.header(files))
    results, began = [], time.perf_counter()
    for index, result in enumerate(session.infer_many(pictures)):
        expected = None if labels is None else session.classes[labels[index]]
        file = files[index] if files else None
        say(report.row(index, expected, session.classes, result, file))
        results.append(result)
    say(report.summary(session, results, labels, time.perf_counter() - began))
    if options.json:
        report.write_json(options.json, report.document(session, results, labels, files))
    if options.plot:
        title = files[0] if files else "image 0"
        if labels is not None:
            title += f": {session.classes[labels[0]]}"
        plot.plot(options.plot, session, pictures[0], session.maps(pictures[0]), results[0], title)
    if options.trace and not trace.trace(session, pictures, results, options.trace, say):
        return DIFFERENT
    return 0


def _inputs(options, source):
    """(pictures or spike trains, the name of each one's file or None) of --images."""
    shape, most = programs.input_shape(source), programs.most_spikes(source)
    if most is None:
        fit = options.fit or programs.fits(source)
        loaded = images.load(options.images or IMAGES, shape, fit, options.limit)
        return loaded.images, loaded.files
    if not options.images:
        raise PictureError(
            f"the model takes spike trains {list(shape)} (ticks, channels, height, width): give "
            "--images a .npy file of them"
        )
    return spike_files.load(options.images, shape, most, options.limit), None


def _check_bits(source, pictures):
    """Pixels must not have more bits than the model takes; a program does not say."""
    if programs.most_spikes(source) is not None:
        return
    bits = getattr(source, "bits", 8)
    if pictures.max() >> bits:
        raise PictureError(
            f"images: a pixel of {pictures.max()}, the model takes 0 to "
            f"{(1 << bits) - 1} ({bits} bits)"
        )


if __name__ == "__main__":
    sys.exit(pipe.run(main))
