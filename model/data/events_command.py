"""``volley events``: event frames as the .npy file that ``volley infer --images`` takes.

volley events --data mnist-events --limit 100 --frames 8 -o events.npy --labels labels.txt
volley events N-MNIST/Test --frames 8 -o events.npy --labels labels.txt
"""

from __future__ import annotations

import io
import sys

import numpy as np

from volley.firmware import pipe
from volley.firmware.files import write_whole
from volley.firmware.isa import MAX_TICKS
from volley.model.data import datasets, event_files, events


def parse(arguments=None):
    """The command line's options."""
    parser = pipe.Parser(
        prog="volley events",
        description="Writes event frames, uint8 [N, frames, 2, height, width]: of a camera's files, or "
        "simulated from the pictures of a data set (saccades over each picture).",
    )
    add = parser.add_argument
    add("source", nargs="?", metavar="FILE", help="event file (.bin of N-MNIST, .aedat4, .aedat), or "
        "a folder of them with a folder for each class; needs tonic")  # fmt: skip
    simulated = [name for name, data in datasets.SETS.items() if data.kind == "spikes"]
    add("--data", choices=simulated, help="simulate this set instead")
    add("--split", choices=("train", "test"), default="test", help="of --data (test)")
    add(
        "--data-dir",
        metavar="DIR",
        help="folder of the data sets (default: $VOLLEY_DATA, or ./data)",
    )
    add("--frames", type=int, default=8, metavar="T", help=f"ticks, 1 to {MAX_TICKS} (8)")
    add(
        "--most",
        type=int,
        default=1,
        metavar="N",
        help="clip counts to N events of a pixel in a frame (1)",
    )
    add(
        "--size",
        default=f"{events.SIZE},{events.SIZE}",
        metavar="H,W",
        help="of the sensor (34,34)",
    )
    add("--limit", type=int, metavar="N", help="the first N samples only")
    add("-o", "--output", required=True, metavar="OUT.npy", help="file to write")
    add("--labels", metavar="OUT.txt", help="also write each sample's class, a line each")
    options = parser.parse_args(arguments)
    if (options.source is None) == (options.data is None):
        parser.error("give either a FILE or --data")
    for name, high in (("frames", MAX_TICKS), ("most", 255), ("limit", None)):
        value = getattr(options, name)
        if value is not None and (value < 1 or high and value > high):
            parser.error(f"--{name}: found {value}; allowed: 1 to {high or 'any number'}")
    return options


def _size(text):
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isdecimal() and 0 < int(part) < 1024 for part in parts):
        raise event_files.EventError(f"--size: found {text!r}; allowed: HEIGHT,WIDTH, up to 1023")
    return int(parts[0]), int(parts[1])


def _frames(options):
    """(uint8 [N,T,2,H,W], classes or None) that the options ask for."""
    if options.data:
        frames, labels = datasets.load(
            options.data, options.split, options.data_dir, ticks=options.frames, limit=options.limit
        )
        names = datasets.SETS[options.data].classes
        return frames, [names[label] for label in labels]
    found, size = event_files.find(options.source)[: options.limit], _size(options.size)
    frames = np.stack(
        [event_files.to_frames(event_files.read(path), size, options.frames) for path, _ in found]
    )
    names = [name for _, name in found]
    return frames, None if None in names else names


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    options = parse(arguments)
    try:
        frames, names = _frames(options)
        if options.labels and names is None:
            raise event_files.EventError(
                "--labels: the files are in no folders with their classes' names"
            )
        most = int(frames.max(initial=0))
        data = io.BytesIO()
        np.save(data, np.minimum(frames, options.most))
        write_whole(options.output, data.getvalue())
        if options.labels:
            write_whole(options.labels, ("\n".join(names) + "\n").encode())
    except (event_files.EventError, datasets.DataError, OSError) as error:
        return pipe.fail("events", error)
    clipped = f", clipped from up to {most}" if most > options.most else ""
    print(
        f"wrote {options.output}: uint8 {list(frames.shape)}, counts up to {options.most}{clipped}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
