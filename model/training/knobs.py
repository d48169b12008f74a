"""Knobs of training: mixtures of pictures, and the width of the surrogate gradient over a stage."""

import argparse

import torch

from volley.model.nets.neuron import WINDOW


def widths(text):
    """An argparse type: W or W:W, half-widths of the surrogate in thresholds, as itself."""
    try:
        values = [float(part) for part in text.split(":")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0 < value <= 8 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: W or W:W, numbers above 0, up to 8")
    return text


def width(text, step, steps):
    """The half-width at `step` of `steps`: from the first of a --width to its last, in a line."""
    if text is None:
        return WINDOW
    first, *rest = (float(part) for part in text.split(":"))
    return first + (rest[0] - first) * step / max(1, steps - 1) if rest else first


def _share(generator, device):
    """A share of 1/2 to 1 that a picture keeps: the larger part of a uniform cut."""
    drawn = float(torch.rand((), generator=generator, device=device))
    return max(drawn, 1 - drawn)


def _mixup(x, other, kept, generator):
    """Pixels of two pictures, weighed (Zhang et al. 2018, arXiv 1710.09412), and the share kept."""
    return (kept * x + (1 - kept) * other).round(), kept


def _cutmix(x, other, kept, generator):
    """A rectangle of `other` in x (Yun et al. 2019, arXiv 1905.04899), and the share kept."""
    height, width = x.shape[2:]
    side = (1 - kept) ** 0.5
    rows, columns = round(height * side), round(width * side)
    drawn = torch.rand(2, generator=generator, device=x.device).tolist()
    top, left = int(drawn[0] * (height - rows + 1)), int(drawn[1] * (width - columns + 1))
    x = x.clone()
    x[:, :, top : top + rows, left : left + columns] = other[
        :, :, top : top + rows, left : left + columns
    ]
    return x, 1 - rows * columns / (height * width)


MIXES = {"none": None, "mixup": _mixup, "cutmix": _cutmix}


def mixed(choice, x, y, generator):
    """(pictures, other labels, share kept) of pictures x [B,C,H,W] 0..255 and labels y [B].

    Each picture is mixed with another of the batch, of which `other` is the label; the share of its
    own label is at least about a half. With the choice 'none': (x, None, 1).
    """
    if MIXES[choice] is None:
        return x, None, 1.0
    order = torch.randperm(len(x), generator=generator, device=x.device)
    x, kept = MIXES[choice](x, x[order], _share(generator, x.device), generator)
    return x, y[order], kept
