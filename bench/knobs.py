"""What each knob of training gains on a small budget: the same short training with one knob changed.

    python bench/knobs.py [--pictures 4000] [--epochs 3] [--seeds 2] [--only plain,mixup]
                          [--write docs/knobs.md]

A small network at 4 ticks trains on the first pictures of CIFAR-10. Accuracy is that of HELD training
pictures held out, in the arithmetic of the stage, the mean over the seeds; the spread is between the best
and the worst seed. Gains smaller than the spreads are noise. Ctrl-C ends it with the knobs done so far.
"""

import csv
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import page

from volley.model import train

NET = "32C3-P2-64C3-P2-64C3-P2-10"
HELD = 2000
STOPPED = 130  # train.py's exit code after Ctrl-C


@dataclass(frozen=True)
class Knob:
    """Options of train.py; before: those of a run whose checkpoint the option taken_by is given.

    times: of the epochs of both stages.
    """

    options: tuple = ()
    before: tuple = ()
    taken_by: str = ""
    times: int = 1


KNOBS = {
    "plain": Knob(),
    "weights centred": Knob(("--centre",)),
    "loss at every tick": Knob(("--tet", "0.5")),
    "surrogate 1 to 0.3": Knob(("--width", "1:0.3")),
    "mixup": Knob(("--mix", "mixup")),
    "cutmix": Knob(("--mix", "cutmix")),
    "RandAugment": Knob(("--augment", "crop4-rand")),
    "from real weights": Knob(before=("--real",), taken_by="--init"),
    "distilled from real weights": Knob(before=("--real",), taken_by="--teacher"),
    "averaged weights": Knob(("--ema", "0.99")),
    "twice the epochs": Knob(times=2),
}
NOTES = (
    "A row that has a run before it (from real weights, distilled) trains twice as long in all.",
    "",
    "Not among the rows: thresholds and shifts of the channels, which every row learns, for training has no "
    "option that fixes them; and factors on the weights before the sign, which change no sign and fold into "
    "the gain that is learnt.",
)


def run(folder, name, options, seed, more, times=1):
    """Train, unless that was done before; returns the path of the run's files and its accuracy."""
    out = Path(folder) / f"{name}-{seed}"
    epochs = str(times * options.epochs)
    words = [
        *("--net", NET, "--data", "cifar10", "--ticks", "4", "--validate", str(HELD)),
        *("--train-limit", str(options.pictures + HELD), "--batch", "50", "--threads", "1"),
        *("--rate-epochs", epochs, "--epochs", epochs, "--seed", str(seed)),
        *("--augment", "crop4", "--device", options.device, "--out", str(out)),
    ]
    log = Path(f"{out}.csv")
    code = 0 if log.exists() else train.main([*words, *more])
    if code == STOPPED:
        raise KeyboardInterrupt
    if code:
        raise ValueError(f"{name}: the training failed")
    with open(log, newline="") as file:
        row = list(csv.DictReader(file))[-1]
    return out, float(row.get("ema_accuracy") or row["validation_accuracy"])


def accuracy(folder, name, options, seed):
    """Of a knob's run, after the run before it where it has one."""
    knob = KNOBS[name]
    more = list(knob.options)
    if knob.before:
        start, _ = run(folder, "before" + "".join(knob.before), options, seed, knob.before)
        more += [knob.taken_by, f"{start}.ckpt"]
    return run(folder, name.replace(" ", "-"), options, seed, more, knob.times)[1]


def rows(found):
    """The table's rows from {knob: accuracies by seed}; gains are against the plain one's, if there."""
    made = []
    for name, shares in found.items():
        gain = mean(shares) - mean(found["plain"]) if "plain" in found else 0
        shown = f"{100 * gain:+.1f}" if "plain" in found and name != "plain" else ""
        made.append(
            [name, f"{100 * mean(shares):.1f} %", shown, f"{100 * (max(shares) - min(shares)):.1f}"]
        )
    return made


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("knobs.py", __doc__, page=True)
    parser.add_argument("--pictures", type=int, default=4000, help="that are trained on (4000)")
    parser.add_argument("--epochs", type=int, default=3, help="of each stage (3)")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each knob (2)")
    parser.add_argument("--device", default="cpu", help="as train.py's (cpu)")
    parser.add_argument("--only", help=f"some of: {', '.join(KNOBS)}")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(KNOBS)
    found, notes = {}, NOTES
    try:
        strange = set(names) - set(KNOBS)
        if strange:
            raise ValueError(f"--only: no knob {min(strange)!r}; there are {', '.join(KNOBS)}")
        if options.seeds < 1:
            raise ValueError(f"--seeds {options.seeds}; allowed: 1 and more")
        seeds = range(1, options.seeds + 1)
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                found[name] = [accuracy(folder, name, options, seed) for seed in seeds]
    except KeyboardInterrupt:
        notes = [f"Stopped before: {', '.join(names[len(found) :])}.", "", *NOTES]
    except (ValueError, OSError) as error:
        return page.failed("knobs.py", error)
    lines = [
        f"{NET} at 4 ticks on {options.pictures:,} pictures of CIFAR-10, {options.epochs} epochs of rates and "
        f"as many of spikes; {HELD:,} training pictures held out, {options.seeds} seeds. Gain and spread "
        "are in points; a gain below the spreads is noise.",
        "",
        *page.table(["knob", "held out", "gain", "spread of the seeds"], rows(found)),
        "",
        *notes,
    ]
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Knobs of training", "knobs.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
