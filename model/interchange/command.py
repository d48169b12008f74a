"""``volley import``: a network of snnTorch or spikingjelly as a model file.

volley import mynet:make --shape 1,28,28 --ticks 8 -o model.safetensors
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys


def _factory(text):
    """The module that MODULE:FUNCTION makes."""
    module, _, function = text.partition(":")
    if not module or not function:
        raise ValueError(f"found {text!r}; allowed: MODULE:FUNCTION, as in mynet:make")
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{text}: {error}; MODULE must be importable from here") from None


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="volley import",
        description="Writes the model file of a trained network: IF neurons of snnTorch or "
        "spikingjelly, weights of one magnitude per output, convolutions 3x3 or 1x1.",
        epilog="FACTORY is MODULE:FUNCTION; the function takes nothing and returns the trained "
        "torch module, its weights loaded. Example: volley import mynet:make --shape 1,28,28 "
        "--ticks 8 -o model.safetensors",
    )
    parser.add_argument("factory", metavar="FACTORY", help="MODULE:FUNCTION that makes the network")
    parser.add_argument("-o", "--output", required=True, help="model file to write (.safetensors)")
    parser.add_argument("--shape", required=True, metavar="C,H,W", help="of the input pictures")
    parser.add_argument("--ticks", type=int, required=True, help="time steps a picture")
    parser.add_argument("--scale", type=float, default=1 / 255, help="of a pixel (default: 1/255)")
    parser.add_argument("--fraction-bits", type=int, metavar="F", help="default: chosen and told")
    parser.add_argument("--binarise", action="store_true", help="real weights to their signs")
    options = parser.parse_args(arguments)
    try:
        try:
            shape = tuple(int(n) for n in options.shape.split(","))
        except ValueError:
            raise ValueError(f"--shape: found {options.shape!r}; allowed: C,H,W") from None
        from volley.firmware.modelfile import save
        from volley.model.interchange.torch_import import from_torch

        model = from_torch(_factory(options.factory), shape, ticks=options.ticks,
                           scale=options.scale, fraction_bits=options.fraction_bits,
                           binarise=options.binarise, log=print)  # fmt: skip
        save(model, options.output)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"wrote {options.output}: {len(model.layers)} layers, {model.ticks} ticks, {model.reset} reset"
    )
    return 0
