"""Train a binary-weight spiking network and export it as a Volley model file.

Example, the shipped MNIST model (run from the repository's root):

    python model/train.py --net 64C3-P2-64C3-P2-128-10 --data mnist --ticks 8 --out mnist.safetensors

Two stages. `rate`: one pass per picture; each neuron passes on the mean of the spikes that it
would fire under a constant drive, so an epoch costs about one tick. `spikes`: direct training
through all ticks (STBP, arXiv 1706.02609). Both use binary weights with straight-through
gradients, IF neurons, and batch normalisation that folds into bias and threshold (IF-BN, arXiv
2205.00780). The files are OUT (the model, after each epoch of spikes), OUT.ckpt (for --resume),
OUT.csv and OUT.png (log and curves). Data parallel: torchrun --nproc-per-node N model/train.py ...
computes what one process would, with the batch shared out.
"""

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from model import augment, checkpoint, datasets, native, quantise, schedule, trainer  # noqa: E402
from model import net as networks  # noqa: E402


def whole(low, high):
    """An argparse type: a whole number in low..high."""

    def check(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number {low} to {high}")
        return value

    return check


def real(low, high):
    """An argparse type: a number in low..high."""

    def check(text):
        try:
            value = float(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: a number {low} to {high}")
        return value

    return check


def parser():
    """The command line."""
    p = argparse.ArgumentParser(
        prog="train.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--net", required=True, metavar="TEXT", help=networks.SPEC_HELP)
    p.add_argument("--data", required=True, choices=list(datasets.SETS), help="data set")
    p.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the data sets; absent files are "
        "downloaded into it (default: $VOLLEY_DATA, or ./data)",
    )
    p.add_argument("--out", required=True, metavar="FILE", help="model file to write")
    p.add_argument("--name", help="the model's name in the file (default: the data set's)")
    p.add_argument("--ticks", type=whole(1, 32), default=8, help="time steps, 1 to 32 (8)")
    p.add_argument(
        "--reset",
        choices=("soft", "hard"),
        default="soft",
        help="on a spike: subtract the threshold (soft), or clear the membrane (hard)",
    )
    p.add_argument(
        "--fraction-bits",
        type=whole(0, 8),
        default=quantise.FRACTION_BITS,
        help=f"fraction bits of membrane, bias and threshold, 0 to 8 ({quantise.FRACTION_BITS})",
    )
    p.add_argument(
        "--rate-epochs",
        type=whole(0, 10000),
        default=12,
        help="epochs of the first stage (12); 0 trains with spikes at once",
    )
    p.add_argument(
        "--epochs",
        type=whole(0, 10000),
        default=12,
        help="epochs of the second stage, spikes at all ticks (12)",
    )
    p.add_argument(
        "--batch",
        type=whole(1, 100000),
        default=100,
        help="pictures a step, over all processes (100)",
    )
    p.add_argument("--rate-lr", type=real(0, 1), default=5e-3, help="peak learning rate (5e-3)")
    p.add_argument(
        "--lr", type=real(0, 1), default=2e-3, help="peak learning rate of the second stage (2e-3)"
    )
    p.add_argument(
        "--warm-up",
        type=real(0, 1),
        default=0.03,
        help="share of a stage in which the learning rate rises (0.03)",
    )
    p.add_argument(
        "--schedule",
        choices=list(schedule.CHOICES),
        default="cosine",
        help="how the learning rate falls after that, to 0 at the end of a stage (cosine)",
    )
    p.add_argument(
        "--epoch-pictures",
        type=whole(1, 10**9),
        metavar="N",
        help="call every N training pictures an epoch, at whose end a checkpoint is written "
        "(default: all of them); no picture comes twice before all came once",
    )
    p.add_argument(
        "--validate",
        type=whole(0, 10**6),
        default=0,
        metavar="N",
        help="hold the last N training pictures out, measure each epoch on them instead of on the "
        "test pictures, and write the model file only for the best epoch on them (0)",
    )
    p.add_argument(
        "--ema",
        type=real(0, 0.99999),
        default=0.0,
        metavar="DECAY",
        help="average weights and statistics over the steps, keeping this share at each (0.999: "
        "about the last 1000 steps), and write the average as the model; 0 does not (0)",
    )
    p.add_argument(
        "--augment",
        choices=list(augment.CHOICES),
        default=None,
        help="random variations of the pictures (affine for the 28x28 sets, "
        "crop4-cutout for CIFAR-10); crop: shift by up to so many pixels and mirror",
    )
    p.add_argument("--smooth", type=real(0, 0.9), default=0.0, help="label smoothing (0)")
    p.add_argument(
        "--teacher",
        metavar="CKPT",
        help="distil: learn from the scores of this checkpoint as well as the labels",
    )
    p.add_argument(
        "--distil", type=real(0, 1), default=0.5, help="the teacher's share of the loss (0.5)"
    )
    p.add_argument("--init", metavar="CKPT", help="start from the weights of this checkpoint")
    p.add_argument("--resume", action="store_true", help="go on from OUT.ckpt")
    p.add_argument("--seed", type=whole(0, 2**31), default=1, help="of all random numbers (1)")
    p.add_argument(
        "--threads",
        type=whole(1, 1024),
        default=None,
        help="CPU threads (default: all cores, shared out under torchrun)",
    )
    p.add_argument(
        "--kernels",
        choices=("auto", "native", "torch"),
        default="auto",
        help="native: the loops of kernels.cpp, several times as fast, compiled at the first use "
        "with a C++ compiler; torch: PyTorch's own; auto: native where there is a compiler",
    )
    p.add_argument(
        "--train-limit",
        type=whole(1, 10**9),
        default=None,
        metavar="N",
        help="train on the first N pictures only",
    )
    p.add_argument(
        "--test-limit",
        type=whole(1, 10**9),
        default=None,
        metavar="N",
        help="test on the first N pictures only",
    )
    return p


def build(options):
    """A Net of options.net for options.data, with fresh weights from options.seed."""
    import torch

    data = datasets.SETS[options.data]
    specs = networks.parse(options.net, data.shape, len(data.classes))
    torch.manual_seed(options.seed)
    return networks.Net(specs, options.ticks, hard=options.reset == "hard")


def from_checkpoint(path, data):
    """A Net with the (averaged) weights of a checkpoint for the same data set, and its scale."""
    import torch

    state = checkpoint.read(path)
    made = argparse.Namespace(**state["settings"])
    if made.data != data:
        raise checkpoint.ResumeError(f"{path}: was trained on {made.data}, not on {data}")
    net = build(made)
    net.load_state_dict(checkpoint.weights(state))
    net.rate = all(row["stage"] == "rate" for row in state["rows"])
    return net.eval(), torch.exp(state["log_scale"])


def pictures(options):
    """(training, held-out) pictures and labels, as options limit and divide them."""
    train = datasets.load(options.data, "train", options.data_dir)
    train = tuple(a[: options.train_limit] for a in train)
    if options.validate >= len(train[1]):
        raise networks.SpecError(
            f"--validate {options.validate} leaves none of the {len(train[1])} training pictures"
        )
    if options.validate:
        return tuple(zip(*((a[: -options.validate], a[-options.validate :]) for a in train)))
    test = datasets.load(options.data, "test", options.data_dir)
    return train, tuple(a[: options.test_limit] for a in test)


def prepare(options):
    """Check the options, read the data and return a Trainer ready to run."""
    import torch

    processes = int(os.environ.get("WORLD_SIZE", 1))
    torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) // processes))
    if options.batch % processes:
        raise networks.SpecError(
            f"--batch {options.batch} is not a multiple of the {processes} processes"
        )
    net = build(options)
    folder = Path(options.out).resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"--out {options.out}: there is no folder {folder}; make it first")
    train, held_out = pictures(options)
    if len(train[1]) < options.batch:
        raise networks.SpecError(
            f"--batch {options.batch} is more than the {len(train[1])} training pictures"
        )
    if options.augment is None:
        options.augment = "crop4-cutout" if options.data == "cifar10" else "affine"
    native.use(options.kernels)

    def save(trained):
        if not trained.rate:
            from firmware import modelfile
            from model import export

            modelfile.save(
                export.to_model(
                    trained,
                    options.name or options.data,
                    datasets.SETS[options.data],
                    options.fraction_bits,
                ),
                options.out,
            )

    run = trainer.Trainer(net, options, train, held_out, save)
    if options.init:
        source, scale = from_checkpoint(options.init, options.data)
        if [x.spec for x in source.layers] != [x.spec for x in net.layers]:
            raise checkpoint.ResumeError(f"{options.init}: is not of --net {options.net}")
        net.load_state_dict(source.state_dict())
        if run.average:
            run.average.net.load_state_dict(source.state_dict())
        with torch.no_grad():
            run.log_scale.copy_(scale.log())
    if options.teacher:
        teacher, scale = from_checkpoint(options.teacher, options.data)
        run.teacher = lambda x: teacher(x) * scale
    return run


def main(arguments=None):
    """Run the command line; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        prepare(options).run(options.resume)
    except (
        networks.SpecError,
        datasets.DataError,
        native.CompileError,
        checkpoint.ResumeError,
        OSError,
    ) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"train.py: stopped; go on with --resume (checkpoint {options.out}.ckpt, written "
            "after each epoch)",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
