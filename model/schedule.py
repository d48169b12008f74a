"""Learning rate over a stage of training."""

import math


def cosine(step, steps, peak, warm_up=0.0):
    """Learning rate at `step` of `steps`: a linear rise over the share warm_up, then a cosine to 0.

    Source: Loshchilov and Hutter 2017, arXiv 1608.03983.
    """
    rise = int(warm_up * steps)
    if step < rise:
        return peak * (step + 1) / rise
    return 0.5 * peak * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
