"""The log of a training, OUT.csv, and its curves, OUT.png.

Draw the curves of a log again (run from the repository's root):

    python model/training/training_log.py model/pretrained/cifar10.csv --out cifar10.png

One row an epoch: stage, epoch, learning_rate, loss, train_accuracy, test_accuracy or
validation_accuracy (whichever pictures were held out), ema_accuracy (of the averaged weights on the
same pictures; absent without --ema), seconds.
"""

import argparse
import csv
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from volley.firmware import pipe  # noqa: E402
from volley.firmware.files import regular, whole_file  # noqa: E402


class LogError(ValueError):
    """A file that is not a training log; says why."""


def write_log(rows, path):
    """Write rows, dicts with the same keys, as CSV."""
    with whole_file(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


def read_log(path):
    """The rows of a log as dicts, numbers as float; LogError when it is not one."""
    try:
        with open(regular(path), newline="") as file:
            rows = list(csv.DictReader(file))
        return [{k: v if k == "stage" else float(v) for k, v in row.items()} for row in rows]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LogError(f"{path}: not a training log ({reason})") from None


def draw(rows, path):
    """Draw loss and error rates over the epochs of all stages as a small PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    epochs = range(1, len(rows) + 1)
    left.plot(epochs, [row["loss"] for row in rows], label="loss")
    left.set(xlabel="epoch", ylabel="loss", yscale=scale(left))
    for key in rows[0]:
        if key.endswith("_accuracy"):
            errors = [100 * (1 - row[key]) for row in rows]
            right.plot(epochs, errors, label=key.removesuffix("_accuracy"))
    right.set(xlabel="epoch", ylabel="error, %", yscale=scale(right))
    borders = [k for k in range(1, len(rows)) if rows[k]["stage"] != rows[k - 1]["stage"]]
    for axis in (left, right):
        for k in borders:
            caption = f"stages: {rows[k - 1]['stage']} | {rows[k]['stage']}"
            axis.axvline(k + 0.5, color="grey", linestyle=":", label=caption)
        if borders or axis is right:
            axis.legend(fontsize="small")
        axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        plain_numbers(axis, ticker)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=80)
    pyplot.close(figure)


def scale(axis):
    """The scale of an axis: logarithmic, where any of its curves is ever above 0."""
    return "log" if any(max(line.get_ydata()) > 0 for line in axis.lines) else "linear"


def plain_numbers(axis, ticker):
    """Label the logarithmic y axis of a pyplot axis with plain numbers: 0.5, 1, 2, not 10^0."""
    low, high = axis.get_ylim()
    if high / low < 4:
        axis.yaxis.set_major_locator(ticker.MaxNLocator(6))
    else:
        between = (2.0, 3.0, 5.0, 7.0) if high / low < 30 else (2.0, 5.0)
        axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, *between)))
    axis.yaxis.set_minor_locator(ticker.NullLocator())
    axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = pipe.Parser(
        prog="training_log.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log", metavar="CSV", help="training log, OUT.csv of train.py")
    parser.add_argument("--out", metavar="PNG", help="picture to write (default: beside the log)")
    options = parser.parse_args(arguments)
    out = Path(options.out or Path(options.log).with_suffix(".png"))
    try:
        rows = read_log(options.log)
        if not rows or "loss" not in rows[0]:
            raise LogError(f"{options.log}: no epochs in it; allowed: OUT.csv of train.py")
        draw(rows, out)
    except (LogError, OSError) as error:
        return pipe.fail("training_log.py", error)
    print(f"{out}: {len(rows)} epochs")
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
