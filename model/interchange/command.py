"""``volley import``: a network of snnTorch, spikingjelly or NIR as a model file.

volley import mynet:make --shape 1,28,28 --ticks 8 -o model.safetensors
volley import mynet.nir --ticks 8 --reset soft -o model.safetensors
"""

from __future__ import annotations

import importlib
import os
import sys

from volley.firmware import modelfile, pipe


def _factory(text):
    """The module that MODULE:FUNCTION makes."""
    module, _, function = text.partition(":")
    if not module or not function:
        raise ValueError(f"found {text!r}; allowed: MODULE:FUNCTION, as in mynet:make, or FILE.nir")
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{text}: {error}; MODULE must be importable from here") from None
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        said = str(error).replace("\n", " ")
        raise ValueError(f"{text}: {type(error).__name__} in it: {said}") from None


def _parser():
    parser = pipe.Parser(
        prog="volley import",
        description="Writes the model file of a trained network: IF or LIF neurons of snnTorch or "
        "spikingjelly, or a NIR file; weights of one magnitude per output, behind the first "
        "layer ternary ones too; convolutions 3x3 or 1x1, the first of any size; sums of the spikes of two layers.",
        epilog="FACTORY is MODULE:FUNCTION; the function takes nothing and returns the trained "
        "torch module, its weights loaded. Example: volley import mynet:make --shape 1,28,28 "
        "--ticks 8 -o model.safetensors",
    )
    add = parser.add_argument
    add("network", metavar="FACTORY|FILE.nir", help="MODULE:FUNCTION that makes it, or a NIR file")
    add("-o", "--output", required=True, help="model file to write (.safetensors)")
    add("--shape", metavar="C,H,W", help="of the input pictures (NIR: default the file's)")
    add("--ticks", type=int, help="time steps a picture")
    add("--scale", type=float, default=1 / 255, help="of a pixel (default: 1/255)")
    add("--fraction-bits", type=int, metavar="F", help="default: chosen and told")
    add("--spikes", type=int, metavar="MOST", help="the input is spike trains instead of pictures, "
        "counts of up to so many in a tick")  # fmt: skip
    add("--binarise", action="store_true", help="real weights to their signs")
    add("--check", metavar="DATA", help="compare the library's spikes with the file's, on the test "
        "pictures of mnist, fashion or cifar10, or on FILE.npy, uint8 [N,C,H,W], of spike "
        "trains [N,T,C,H,W]")  # fmt: skip
    add("--samples", type=int, default=100, metavar="N", help="pictures of --check (100)")
    add("--data-dir", metavar="DIR", help="folder of the data sets")
    add("--finetune", metavar="SET", help="with --binarise: data set that training goes on with "
        "(default: the one of that size)")  # fmt: skip
    nir = parser.add_argument_group("NIR", "what a file does not say")
    nir.add_argument("--reset", choices=modelfile.RESETS, help="of all neurons (hard)")
    nir.add_argument("--fires", choices=("at", "above"),
                     help="the threshold: at, as in spikingjelly, or above, as in snnTorch (at)")  # fmt: skip
    nir.add_argument("--dt", type=float, help="seconds of a tick (default: 1 or 1e-4, by r)")
    return parser


def _imported(options):
    """(Model, torch_import.Network or None, torch module or None) that the options ask for."""
    try:
        shape = options.shape and tuple(int(n) for n in options.shape.split(","))
    except ValueError:
        raise ValueError(f"--shape: found {options.shape!r}; allowed: C,H,W") from None
    given = dict(scale=options.scale, spikes=options.spikes, fraction_bits=options.fraction_bits,
                 binarise=options.binarise, log=print)  # fmt: skip
    if options.network.endswith(".nir"):
        for key in ("check", "finetune"):
            if getattr(options, key) is not None:
                raise ValueError(f"--{key}: is for torch modules; a NIR file cannot be run")
        from volley.model.interchange.nir_import import from_nir

        model = from_nir(options.network, ticks=options.ticks, reset=options.reset or "hard",
                         dt=options.dt, above=options.fires == "above", input_shape=shape,
                         **given)  # fmt: skip
        return model, None, None
    for key in ("reset", "fires", "dt"):
        if getattr(options, key) is not None:
            raise ValueError(f"--{key}: is for NIR files; a torch module is asked itself")
    if options.shape is None:
        raise ValueError("--shape is needed with a torch module; allowed: C,H,W")
    from volley.model.interchange import torch_import
    from volley.model.interchange.fold import fold

    module = _factory(options.network)
    net = torch_import.read(module, shape)
    return fold(net.stages, net.shape, net.ticks(options.ticks), "imported", **given), net, module


def _check(options, model, net, module):
    """Prints the comparison of --check."""
    from volley.model.interchange import check

    if options.samples < 1:
        raise ValueError(f"--samples: found {options.samples}; allowed: 1 or more")
    pictures, labels = check.samples(options.check, options.samples, options.data_dir, model)
    print(check.compare(module, net.walk, model, pictures, options.scale).table(labels))


def _finetune(options, model, net):
    """Writes the checkpoint that training goes on from, and prints the command."""
    import io

    import torch

    from volley.firmware.files import write_whole
    from volley.model.data import datasets
    from volley.model.interchange import finetune
    from volley.model.interchange.chain import InterchangeError

    data = options.finetune or finetune.data_set(net.shape, len(model.classes))
    if data not in (None, *datasets.SETS):
        raise ValueError(f"--finetune: found {data!r}; allowed: {', '.join(datasets.SETS)}")
    if data is None or model.kind != "picture":
        print("no data set has such inputs and classes: no start to train on from")
        return
    pictures, _ = datasets.load(data, "train", options.data_dir, download=False)
    try:
        state, text, reset = finetune.start(net.stages, net.shape, model.ticks, data, options.scale,
                                            pictures)  # fmt: skip
    except InterchangeError as error:
        print(f"no start to train on from: {error}")
        return
    stem = options.output.removesuffix(".safetensors")
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(f"{stem}-start.ckpt", content.getvalue())
    print(f"binary weights need training; go on with:\nvolley train --net {text} --data {data} "
          f"--ticks {model.ticks} --reset {reset} --init {stem}-start.ckpt --rate-epochs 0 "
          f"--epochs 5 --gradient rate --out {stem}-tuned.safetensors")  # fmt: skip


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        model, net, module = _imported(options)
        modelfile.save(model, options.output)
        print(f"wrote {options.output}: {len(model.layers)} layers, {model.ticks} ticks, "
              f"{model.reset} reset")  # fmt: skip
        if options.check is not None:
            _check(options, model, net, module)
        if net and options.binarise:
            _finetune(options, model, net)
    except (ValueError, OSError) as error:
        return pipe.fail("error", error)
    return 0
