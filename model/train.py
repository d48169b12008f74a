"""Train a binary-weight spiking network and export it as a Volley model file.

Example, the network of the shipped MNIST model (run from the repository's root):

    python model/train.py --net 64C3-P2-64C3-P2-128-10 --data mnist --ticks 8 --gradient rate --half \\
        --out mnist.safetensors

This one takes about a minute an epoch on one core.

Two stages. `rate`: one pass per picture; each neuron passes on the mean of the spikes that it
would fire under a constant drive, so an epoch costs about one tick. `spikes`: direct training
through all ticks (STBP, arXiv 1706.02609). Both use binary weights with straight-through
gradients, IF neurons, and batch normalisation that folds into bias and threshold (IF-BN, arXiv
2205.00780). The files are OUT (the model, after each epoch of spikes), OUT.ckpt (for --resume),
OUT.csv and OUT.png (log and curves); where one of them exists, --resume goes on with that run and
--force replaces it. Data parallel: torchrun --nproc-per-node N model/train.py ...
computes what one process would, with the batch shared out.
"""

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from volley.firmware import modelfile, pipe  # noqa: E402
from volley.firmware.isa import MAX_TICKS  # noqa: E402
from volley.firmware.texts import short  # noqa: E402
from volley.model.data import datasets, sources  # noqa: E402
from volley.model.nets import compiled, finite, native  # noqa: E402
from volley.model.nets import net as networks  # noqa: E402
from volley.model.training import (  # noqa: E402
    checkpoint,
    devices,
    from_model,
    outputs,
    prune,
    recipes,
    trainer,
    votes,
    widen,
)
from volley.model.training.command_line import parser  # noqa: E402


def cores():
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def build(options):
    """A Net of options.net for options.data, with fresh weights from options.seed."""
    import torch

    data = sources.data_set(options.data, options.picture)
    specs = networks.parse(options.net, data.shape, len(data.classes))
    torch.manual_seed(options.seed)
    net = networks.Net(
        specs,
        options.ticks,
        hard=options.reset == "hard",
        tau=options.tau if options.neuron == "lif" else None,
        real=options.real,
        centre=options.centre,
        votes=specs[-1].outputs // len(data.classes),
    )
    net.by_rate = options.gradient == "rate"
    return net


def from_checkpoint(path, data, train=None, ticks=None, picture=None):
    """A Net with the (averaged) weights of a checkpoint for the same data set, and its scale.

    path may be a model file, whose normalisation is measured on `train` (pictures, labels), for
    `ticks` or its own; picture: the size of pictures of one's own.
    """
    import torch

    if from_model.is_model(path):
        classes = sources.data_set(data, picture).classes
        state = from_model.state_of(path, data, *train, ticks, classes)
        state["settings"]["picture"] = picture
    else:
        state = checkpoint.read(path)
    made = argparse.Namespace(**{"gradient": "ticks", **checkpoint.LATER, **state["settings"]})
    for key in ("net", "data", "ticks", "reset", "seed"):
        if not hasattr(made, key):
            raise checkpoint.ResumeError(f"{path}: does not say its --{key}; {checkpoint.NAME_ONE}")
        kind = int if key in ("ticks", "seed") else str
        if type(getattr(made, key)) is not kind:
            raise checkpoint.ResumeError(
                f"{path}: its --{key} is {short(getattr(made, key))}; {checkpoint.NAME_ONE}"
            )
    if made.data != data:
        raise checkpoint.ResumeError(f"{path}: was trained on {short(made.data)}, not on {data}")
    if (
        made.neuron not in ("if", "lif")
        or type(made.tau) is not int
        or made.tau not in (2, 4, 8, 16)
    ):
        raise checkpoint.ResumeError(
            f"{path}: its --neuron is {short(made.neuron)}, its --tau {short(made.tau)}; "
            f"{checkpoint.NAME_ONE}"
        )
    if not 1 <= made.ticks <= MAX_TICKS or not 0 <= made.seed <= 2**31:
        raise checkpoint.ResumeError(
            f"{path}: its --ticks is {short(made.ticks)}, its --seed {short(made.seed)}; "
            f"{checkpoint.NAME_ONE}"
        )
    picture = made.picture
    sizes = picture is None or isinstance(picture, tuple) and all(type(n) is int for n in picture)
    if not sizes or type(made.real) is not bool or type(made.centre) is not bool:
        raise checkpoint.ResumeError(
            f"{path}: its --picture is {short(picture)}, its --real {short(made.real)}, its --centre "
            f"{short(made.centre)}; {checkpoint.NAME_ONE}"
        )
    try:
        net = build(made)
    except networks.SpecError as error:
        raise checkpoint.ResumeError(f"{path}: {error}; {checkpoint.NAME_ONE}") from None
    shape = net.layers[0].spec.in_shape
    if train and train[0].shape[-3:] != shape:
        have, wanted = ("x".join(map(str, s)) for s in (train[0].shape[-3:], shape))
        raise checkpoint.ResumeError(
            f"{path}: was trained on pictures of {wanted}; those of --data {data} are now {have}; give the "
            "same --picture"
        )
    checkpoint.load_into(path, net, checkpoint.weights(state))
    net.rate = bool(state["rows"]) and all(row["stage"] == "rate" for row in state["rows"])
    return net.eval(), torch.exp(state["log_scale"])


def pictures(options):
    """(training, held-out) pictures and labels, as options limit and divide them."""
    train = sources.load(
        options.data, "train", options.data_dir, options.picture, options.ticks, options.train_limit
    )
    train = tuple(a[: options.train_limit] for a in train)
    if options.validate >= len(train[1]):
        raise networks.SpecError(
            f"--validate {options.validate} leaves none of the {len(train[1])} training pictures"
        )
    if options.validate:
        return tuple(zip(*((a[: -options.validate], a[-options.validate :]) for a in train)))
    test = sources.load(
        options.data, "test", options.data_dir, options.picture, options.ticks, options.test_limit
    )
    return train, tuple(a[: options.test_limit] for a in test)


def prepare(options):
    """Check the options, read the data and return a Trainer ready to run."""
    import torch

    from volley.model.training import augment, export

    processes = int(os.environ.get("WORLD_SIZE", 1))
    torch.set_num_threads(options.threads or max(1, cores() // processes))
    if options.batch % processes:
        raise networks.SpecError(
            f"--batch {options.batch} is not a multiple of the {processes} processes"
        )
    if (options.tet or options.width) and options.gradient != "ticks":
        raise networks.SpecError("--tet and --width are for --gradient ticks")
    if options.prune and not options.init:
        raise networks.SpecError("--prune is for a run that begins with --init")
    if options.widen and (options.prune or not options.init):
        raise networks.SpecError("--widen is for a run that begins with --init, without --prune")
    if not options.rate_epochs + options.epochs:
        raise networks.SpecError(
            "--rate-epochs 0 and --epochs 0: nothing to train; give one of them"
        )
    device = devices.choose(options.device)
    devices.prepare(device)
    net = build(options)
    data = sources.data_set(options.data, options.picture)
    inputs = [path for path in (options.init, options.teacher, options.data) if path]
    outputs.Outputs(options.out).check(options.resume, options.force, inputs)
    spikes = data.kind == "spikes"
    if options.augment is None:
        options.augment = "crop4-cutout" if options.data == "cifar10" else "affine"
        options.augment = "none" if spikes else options.augment
    if spikes and (options.augment, options.mix) != ("none", "none"):
        raise networks.SpecError(
            f"--augment and --mix are for pictures; {options.data} has spike trains: leave them out"
        )
    margin = augment.MARGINS.get(options.augment, 0)
    if min(data.shape[1:]) <= margin:
        raise networks.SpecError(
            f"--augment {options.augment} shifts by up to {margin} pixels; pictures of "
            f"{'x'.join(map(str, data.shape))} are too small: choose affine, flip or none"
        )
    train, held_out = pictures(options)
    size = min(len(train[1]), options.epoch_pictures or len(train[1]))
    if size < options.batch:
        raise networks.SpecError(
            f"--batch {options.batch} is more than the {size} training pictures of an epoch"
        )
    options.name = options.name or data.name
    if device.type != "cpu":
        if options.kernels == "native":
            raise networks.SpecError(f"--kernels native is for the CPU, --device is {device.type}")
        options.kernels = "torch"
    native.use(options.kernels, options.half)
    on = device.type == "cuda" if options.compile == "auto" else options.compile == "on"
    compiled.use("inductor" if on else None)
    options.kernels = "native" if native.active() else "torch"  # the arithmetic that is used
    native.keep_memory()
    if native.half() and not native.half_pays():
        print(
            "note: --half is slower than without on this processor, which has no products of bfloat16 "
            "(AVX512-BF16, AMX)",
            file=sys.stderr,
        )

    def save(trained):
        if not trained.rate and not trained.real:
            modelfile.save(
                export.to_model(trained, options.name, data, options.fraction_bits), options.out
            )

    if not options.real:  # what the format refuses is told before the first epoch
        fresh = export.to_model(net, options.name, data, options.fraction_bits, lambda text: None)
        modelfile.validate(fresh)
    run = trainer.Trainer(net, options, train, held_out, save, device)
    if options.init:
        source, scale = from_checkpoint(
            options.init, options.data, train, options.ticks, options.picture
        )
        if options.prune:
            prune.check(source, [x.spec for x in net.layers], options.prune)
            start = prune.pruned(source, net, train[0])
        elif options.widen:
            widen.check(source, [x.spec for x in net.layers])
            start = widen.widened(source, net, options.seed)
        elif votes.suits(source, net):
            start, share = votes.spread(source, net)
            scale = scale * share
        else:
            raise checkpoint.ResumeError(f"{options.init}: is not of --net {options.net}")
        net.load_state_dict(start)
        if run.average:
            run.average.net.load_state_dict(start)
        with torch.no_grad():
            run.log_scale.copy_(scale.log())
    if options.teacher:
        teacher, scale = from_checkpoint(
            options.teacher, options.data, train, picture=options.picture
        )
        teacher, scale = teacher.to(device), scale.to(device)
        run.teacher = lambda x: teacher(x) * scale
    return run


def main(arguments=None):
    """Run the command line; returns the exit code."""
    options = None
    try:
        for run in recipes.runs(sys.argv[1:] if arguments is None else arguments):
            options = parser(__doc__).parse_args(run)
            prepare(options).run(options.resume)
    except (
        networks.SpecError,
        datasets.DataError,
        devices.DeviceError,
        recipes.RecipeError,
        native.CompileError,
        checkpoint.ResumeError,
        outputs.OutputError,
        finite.NotFiniteError,
        modelfile.ModelError,
        OSError,
    ) as error:
        return pipe.fail("train.py", error)
    except KeyboardInterrupt:
        there = options and Path(f"{options.out}.ckpt").exists()
        print(
            f"train.py: stopped; go on with --resume (checkpoint {options.out}.ckpt, written "
            "after each epoch)"
            if there
            else "train.py: stopped before the first epoch's end; there is no checkpoint to go on from",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
