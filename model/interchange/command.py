"""``volley import``: a network of snnTorch, spikingjelly or NIR as a model file.

volley import mynet:make --shape 1,28,28 --ticks 8 -o model.safetensors
volley import mynet.nir --ticks 8 --reset soft -o model.safetensors
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from volley.firmware import modelfile


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


def _parser():
    parser = argparse.ArgumentParser(
        prog="volley import",
        description="Writes the model file of a trained network: IF neurons of snnTorch or "
        "spikingjelly, or a NIR file; weights of one magnitude per output, convolutions 3x3 or 1x1.",
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
    add("--binarise", action="store_true", help="real weights to their signs")
    nir = parser.add_argument_group("NIR", "what a file does not say")
    nir.add_argument("--reset", choices=modelfile.RESETS, help="of all neurons (hard)")
    nir.add_argument("--fires", choices=("at", "above"),
                     help="the threshold: at, as in spikingjelly, or above, as in snnTorch (at)")  # fmt: skip
    nir.add_argument("--dt", type=float, help="seconds of a tick (default: 1 or 1e-4, by r)")
    return parser


def _imported(options):
    """The Model that the options ask for."""
    try:
        shape = options.shape and tuple(int(n) for n in options.shape.split(","))
    except ValueError:
        raise ValueError(f"--shape: found {options.shape!r}; allowed: C,H,W") from None
    given = dict(ticks=options.ticks, scale=options.scale, fraction_bits=options.fraction_bits,
                 binarise=options.binarise, log=print)  # fmt: skip
    if options.network.endswith(".nir"):
        from volley.model.interchange.nir_import import from_nir

        return from_nir(options.network, reset=options.reset or "hard", dt=options.dt,
                        above=options.fires == "above", input_shape=shape, **given)  # fmt: skip
    for key in ("reset", "fires", "dt"):
        if getattr(options, key) is not None:
            raise ValueError(f"--{key}: is for NIR files; a torch module is asked itself")
    for key in ("shape", "ticks"):
        if getattr(options, key) is None:
            raise ValueError(f"--{key} is needed with a torch module")
    from volley.model.interchange.torch_import import from_torch

    return from_torch(_factory(options.network), shape, **given)


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        model = _imported(options)
        modelfile.save(model, options.output)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"wrote {options.output}: {len(model.layers)} layers, {model.ticks} ticks, {model.reset} reset"
    )
    return 0
