"""What each knob of training gains on a small budget: the same short training with one knob changed.

    python bench/knobs.py [--pictures 4000] [--epochs 3] [--only plain,centre] [--write docs/knobs.md]

A small network at 4 ticks trains on the first pictures of CIFAR-10; accuracy is that of 1,000 training
pictures held out, in the arithmetic of the stage. Differences below a few per cent are noise.
"""

import csv
import sys
import tempfile
from pathlib import Path

import page

from volley.model import train

NET = "32C3-P2-64C3-P2-64C3-P2-10"
KNOBS = {  # name: (options, options of a run before it, whose checkpoint --init or --teacher takes)
    "plain": ([], None, None),
    "weights centred": (["--centre"], None, None),
    "loss at every tick": (["--tet", "0.5"], None, None),
    "surrogate 1 to 0.3": (["--width", "1:0.3"], None, None),
    "mixup": (["--mix", "mixup"], None, None),
    "cutmix": (["--mix", "cutmix"], None, None),
    "RandAugment": (["--augment", "crop4-rand"], None, None),
    "from real weights": ([], ["--real"], "--init"),
    "distilled from real weights": ([], ["--real"], "--teacher"),
    "averaged weights": (["--ema", "0.99"], None, None),
}


def run(folder, name, options, more):
    """Train; returns the path of the run's files and the last row of its log."""
    out = Path(folder) / name
    words = [
        *("--net", NET, "--data", "cifar10", "--ticks", "4", "--validate", "1000"),
        *("--train-limit", str(options.pictures + 1000), "--batch", "50", "--threads", "1"),
        *("--rate-epochs", str(options.epochs), "--epochs", str(options.epochs)),
        *("--device", options.device, "--out", str(out)),
    ]
    augment = [] if "--augment" in more else ["--augment", "crop2"]
    if train.main([*words, *augment, *more]):
        raise ValueError(f"{name}: the training failed")
    with open(f"{out}.csv", newline="") as file:
        return out, list(csv.DictReader(file))[-1]


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("knobs.py", __doc__, page=True)
    parser.add_argument("--pictures", type=int, default=4000, help="that are trained on (4000)")
    parser.add_argument("--epochs", type=int, default=3, help="of each stage (3)")
    parser.add_argument("--device", default="cpu", help="as train.py's (cpu)")
    parser.add_argument("--only", help=f"some of: {', '.join(KNOBS)}")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(KNOBS)
    try:
        strange = set(names) - set(KNOBS)
        if strange:
            raise ValueError(f"--only: no knob {min(strange)!r}; there are {', '.join(KNOBS)}")
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            for number, name in enumerate(names):
                more, before, taken_by = KNOBS[name]
                if before:
                    start, _ = run(folder, f"{number}-before", options, before)
                    more = [*more, taken_by, f"{start}.ckpt"]
                row = run(folder, str(number), options, more)[1]
                share = float(row.get("ema_accuracy") or row["validation_accuracy"])
                rows.append([name, f"{100 * share:.1f} %"])
    except (ValueError, OSError) as error:
        return page.failed("knobs.py", error)
    lines = page.table(["knob", "held out"], rows)
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Knobs of training", "knobs.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
