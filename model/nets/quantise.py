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
    Returns (weight, bias, threshold, v_init): int8, and int32 [out]; out-of-range values are
    clamped to what the hardware holds, rounding is to nearest.
    """
    flip = gain < 0
    weight = weight.copy()
    weight[flip] = -weight[flip]
    mean = np.where(flip, -mean, mean)
    gain = np.maximum(np.abs(gain), 1e-12)  # a dead channel gets the largest threshold
    ratio = np.sqrt(var + eps) / gain
    bias = np.rint((mean - beta * ratio) * 2.0**fraction_bits)
    threshold = np.rint(ratio * 2.0**fraction_bits)
    threshold = np.clip(threshold, 1, LIMIT)
    start = np.rint(threshold * v_init)
    return (
        weight,
        np.clip(bias, -LIMIT - 1, LIMIT).astype(np.int32),
        threshold.astype(np.int32),
        start.astype(np.int32),
    )
