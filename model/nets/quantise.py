"""Binary weights for training, and the integers that a trained layer runs with."""

import numpy as np
import torch

FRACTION_BITS = 6  # the default F: psums have F fraction bits in the membrane
LIMIT = 2**23 - 1  # 24-bit signed, as the hardware's membrane


class _Sign(torch.autograd.Function):
    """+1 where w >= 0, else -1; the gradient passes straight through where |w| <= 1.

    Source: BinaryConnect / BNN, Courbariaux et al. 2016, arXiv 1602.02830.
    """

    @staticmethod
    def forward(ctx, w):
        ctx.save_for_backward(w)
        return torch.where(w >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad):
        (w,) = ctx.saved_tensors
        return grad * (w.abs() <= 1)


def binarise(w):
    """Binary weights -1.0/+1.0 of the latent weights w, any shape; straight-through gradient."""
    return _Sign.apply(w)


def sign_bits(w):
    """Binary weights as numpy int8 -1/+1; the same rule as `binarise`."""
    return np.where(w.detach().cpu().numpy() >= 0, 1, -1).astype(np.int8)


def fold(weight, gain, beta, mean, var, eps, v_init, fraction_bits):
    """Fold batch normalisation into integer bias, threshold and v_init (IF-BN, arXiv 2205.00780).

    weight: int8 -1/+1 [out, ...]; gain, beta, mean, var: float64 [out], of the psum.
    Firing where the sum over ticks of gain*(x - mean)/sd + beta reaches 1 is the same as
    v >= threshold with  bias = (mean - beta*sd/gain) * 2^F  and  threshold = (sd/gain) * 2^F.
    A channel with gain < 0 has its weights negated first, and with them x and mean.

    Where threshold or bias would leave 24 bits (a gain near 0, or 0: the psum hardly matters),
    threshold, v_init and the distance of bias and mean are made smaller by one factor, as little as
    is needed. The drive at the mean psum stays beta thresholds a tick; a psum's distance from the
    mean counts for more than in training, but by less than its share of 2^23 of the larger of
    threshold and bias.
    Returns (weight, bias, threshold, v_init, scaled): int8, int32 [out] and, where that was done,
    True in bool [out]; rounding is to nearest.
    """
    flip = gain < 0
    weight = weight.copy()
    weight[flip] = -weight[flip]
    mean = np.where(flip, -mean, mean) * 2.0**fraction_bits
    with np.errstate(divide="ignore", over="ignore"):
        wanted = np.sqrt(var + eps) / np.abs(gain) * 2.0**fraction_bits
        # -LIMIT <= mean - beta * threshold <= LIMIT
        room = np.maximum(LIMIT + np.sign(beta) * mean, 1.0) / np.abs(beta)
    threshold = np.minimum(wanted, np.minimum(room, float(LIMIT)))
    bias = np.rint(mean - beta * threshold)
    scaled = (threshold < wanted) | (np.abs(bias) > LIMIT)
    threshold = np.maximum(np.rint(threshold), 1)
    start = np.rint(threshold * v_init)
    return (
        weight,
        np.clip(bias, -LIMIT - 1, LIMIT).astype(np.int32),
        threshold.astype(np.int32),
        start.astype(np.int32),
        scaled,
    )
