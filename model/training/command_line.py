"""The command line of train.py."""

import argparse

from volley.firmware import pipe
from volley.model.data import sources
from volley.model.nets import net as networks
from volley.model.nets import quantise
from volley.model.training import augment, knobs, recipes, schedule


def _whole(low, high):
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


def _real(low, high):
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


def _text(text):
    """An argparse type: a text that a file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; allowed: UTF-8, this holds other bytes"
        ) from None
    return text


def parser(description):
    """The command line; description heads its --help."""
    p = pipe.Parser(
        prog=pipe.program_name("train.py"),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--recipe",
        metavar="NAME",
        help="train as model/recipes/NAME.toml says, all its stages; options given beside it count "
        f"before its own; there are {', '.join(recipes.names())}, told by --list",
    )
    p.add_argument("--list", action="version", version=recipes.listing(), help="tell the recipes")
    p.add_argument("--net", required=True, metavar="TEXT", help=networks.SPEC_HELP)
    p.add_argument("--data", required=True, metavar="SET", help=sources.HELP)
    p.add_argument(
        "--picture",
        type=sources.picture_shape,
        metavar="CxHxW",
        help="size that pictures of one's own are scaled to, keeping their proportions, on black "
        f"({'x'.join(map(str, sources.DEFAULT))})",
    )
    p.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the data sets; absent files are "
        "downloaded into it (default: $VOLLEY_DATA, or ./data)",
    )
    p.add_argument("--out", required=True, metavar="FILE", help="model file to write")
    p.add_argument(
        "--name", type=_text, help="the model's name in the file (default: the data set's)"
    )
    p.add_argument("--ticks", type=_whole(1, 32), default=8, help="time steps, 1 to 32 (8)")
    p.add_argument(
        "--reset",
        choices=("soft", "hard"),
        default="soft",
        help="on a spike: subtract the threshold (soft), or clear the membrane (hard)",
    )
    p.add_argument(
        "--neuron",
        choices=("if", "lif"),
        default="if",
        help="if: integrate and fire; lif: and leak, which takes a board with the option leak (if)",
    )
    p.add_argument(
        "--tau",
        type=int,
        choices=(2, 4, 8, 16),
        default=2,
        help="time constant of lif in ticks: a tick leaves 1 - 1/tau of a membrane (2)",
    )
    p.add_argument(
        "--fraction-bits",
        type=_whole(0, 8),
        default=quantise.FRACTION_BITS,
        help=f"fraction bits of membrane, bias and threshold, 0 to 8 ({quantise.FRACTION_BITS})",
    )
    p.add_argument(
        "--rate-epochs",
        type=_whole(0, 10000),
        default=12,
        help="epochs of the first stage (12); 0 trains with spikes at once",
    )
    p.add_argument(
        "--epochs",
        type=_whole(0, 10000),
        default=12,
        help="epochs of the second stage, spikes at all ticks (12)",
    )
    p.add_argument(
        "--gradient",
        choices=("ticks", "rate"),
        default="ticks",
        help="of the second stage: through every tick (STBP), or of the rates of the spikes, which "
        "takes a sixth of the time (ticks)",
    )
    p.add_argument(
        "--half",
        action="store_true",
        help="gradients of convolutions with products of bfloat16: quicker where the processor has "
        "them (AVX512-BF16), a few per cent of noise",
    )
    p.add_argument(
        "--batch",
        type=_whole(1, 100000),
        default=100,
        help="pictures a step, over all processes (100)",
    )
    p.add_argument("--rate-lr", type=_real(0, 1), default=5e-3, help="peak learning rate (5e-3)")
    p.add_argument(
        "--lr", type=_real(0, 1), default=2e-3, help="peak learning rate of the second stage (2e-3)"
    )
    p.add_argument(
        "--warm-up",
        type=_real(0, 1),
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
        type=_whole(1, 10**9),
        metavar="N",
        help="call every N training pictures an epoch, at whose end a checkpoint is written "
        "(default: all of them); no picture comes twice before all came once",
    )
    p.add_argument(
        "--validate",
        type=_whole(0, 10**6),
        default=0,
        metavar="N",
        help="hold the last N training pictures out, measure each epoch on them instead of on the "
        "test pictures, and write the model file only for the best epoch on them (0)",
    )
    p.add_argument(
        "--keep",
        choices=["best", "last"],
        default="best",
        help="with --validate, the epoch whose model file stays: the best one, or the last, which "
        "is the better choice where the held-out pictures are few and the learning rate ends at 0; "
        "with --resume it may be changed (best)",
    )
    p.add_argument(
        "--ema",
        type=_real(0, 0.99999),
        default=0.0,
        metavar="DECAY",
        help="average weights and statistics over the steps, keeping this share at each (0.999: "
        "about the last 1000 steps), and write the average as the model; 0 does not (0)",
    )
    p.add_argument(
        "--augment",
        choices=list(augment.CHOICES),
        default=None,
        help="random variations of the pictures (crop4-cutout for cifar10, "
        "affine for other pictures, none for spike trains); crop: shift by up to so many pixels and mirror",
    )
    p.add_argument(
        "--mix",
        choices=list(knobs.MIXES),
        default="none",
        help="train on mixtures of two pictures: of all their pixels, or a rectangle of one in the "
        "other (none)",
    )
    p.add_argument(
        "--real",
        action="store_true",
        help="real weights: no model file, but a checkpoint for --init or --teacher of another run",
    )
    p.add_argument(
        "--centre",
        action="store_true",
        help="subtract each output's mean latent weight before the sign: as many +1 as -1",
    )
    p.add_argument(
        "--tet",
        type=_real(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the loss that each tick's own scores have, with --gradient ticks (0)",
    )
    p.add_argument(
        "--width",
        type=knobs.widths,
        metavar="W[:W]",
        help="half-width of the surrogate gradient in thresholds, from the first to the last step of "
        "a stage, with --gradient ticks (0.5)",
    )
    p.add_argument("--smooth", type=_real(0, 0.9), default=0.0, help="label smoothing (0)")
    p.add_argument(
        "--teacher",
        metavar="FILE",
        help="distil: learn from the scores of this checkpoint or model file as well as the labels",
    )
    p.add_argument(
        "--distil", type=_real(0, 1), default=0.5, help="the teacher's share of the loss (0.5)"
    )
    p.add_argument(
        "--init", metavar="FILE", help="start from the weights of this checkpoint or model file"
    )
    p.add_argument(
        "--prune",
        type=_whole(1, 10**6),
        metavar="N",
        help="--init has so many more outputs in the layer before the readout than --net: begin "
        "without those that matter least",
    )
    p.add_argument(
        "--widen",
        action="store_true",
        help="--init has fewer outputs in some layers before the readout than --net: begin with "
        "crossings of those that are there",
    )
    p.add_argument(
        "--stop",
        type=_whole(1, 10**6),
        metavar="N",
        help="end after N epochs in all, with the schedule of a run that goes on; with --resume it may "
        "be changed",
    )
    there = p.add_mutually_exclusive_group()
    there.add_argument("--resume", action="store_true", help="go on from OUT.ckpt")
    there.add_argument(
        "--force",
        action="store_true",
        help="replace the files of an earlier run with the same --out; without this or --resume "
        "they are never overwritten",
    )
    p.add_argument("--seed", type=_whole(0, 2**31), default=1, help="of all random numbers (1)")
    p.add_argument(
        "--threads",
        type=_whole(1, 1024),
        default=None,
        help="CPU threads (default: all cores, shared out under torchrun)",
    )
    p.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="what to compute on: auto takes a GPU where there is one, and says so (auto)",
    )
    p.add_argument(
        "--compile",
        choices=("auto", "on", "off"),
        default="auto",
        help="make one loop of a neuron's operations with torch.compile: auto does on CUDA",
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
        type=_whole(1, 10**9),
        default=None,
        metavar="N",
        help="train on the first N pictures only",
    )
    p.add_argument(
        "--test-limit",
        type=_whole(1, 10**9),
        default=None,
        metavar="N",
        help="test on the first N pictures only",
    )
    return p
