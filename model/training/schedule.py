"""Learning rate over a stage of training, as a share of its peak."""

import math


def cosine(share):
    """From 1 at share 0 of a stage to 0 at its end. Loshchilov and Hutter 2017, arXiv 1608.03983."""
    return 0.5 * (1 + math.cos(math.pi * share))


def linear(share):
    """From 1 at share 0 of a stage to 0 at its end, in a straight line."""
    return 1 - share


def constant(share):
    """1 throughout."""
    return 1.0


CHOICES = {"cosine": cosine, "linear": linear, "constant": constant}


def rate(choice, step, steps, peak, warm_up=0.0):
    """Learning rate at `step` of `steps`: a linear rise over the share warm_up, then CHOICES."""
    rise = int(warm_up * steps)
    if step < rise:
        return peak * (step + 1) / rise
    return peak * CHOICES[choice]((step - rise) / max(1, steps - rise))
