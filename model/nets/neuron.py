"""Integrate-and-fire neurons with batch normalisation folded in (IF-BN), for training.

One layer's elementwise work is one function here: normalise, integrate, fire and OR-pool, over all
ticks. Backward passes are written by hand, and recompute the membrane instead of keeping it: at
T = 8 memory traffic, not arithmetic, is what a training step waits for. Each function exists twice,
in PyTorch here and as one loop of kernels.cpp, which is used where model.native can (`suits`).

In units of the threshold (threshold = 1, v starts at V_INIT):

    y_t = scale * x_t + shift                 batch normalisation, per channel
    v   = decay * v + y_t ;  s_t = v >= 1 ;  v = v - s_t (soft reset)  or  v * (1 - s_t) (hard reset)

decay = 1 - 1/tau is that of a leaky neuron (LIF), 1 that of one without a leak (IF).

Tensors are channel-last: drives [ticks or 1, B, H, W, C] float32, spikes [ticks, B, H/p, W/p, C].
A drive with one tick is the encoding layer's: the same psum drives every tick.

Sources: STBP, Wu et al. 2018, arXiv 1706.02609 (gradient through the membrane over ticks, with a
window around the threshold in place of the step's derivative); IF-BN, Lien et al. 2022,
arXiv 2205.00780.
"""

import torch

from volley.model.nets import native
from volley.model.nets.compiled import fused

V_INIT = 0.5  # half a threshold: the spike count then rounds to nearest instead of down
WINDOW = 0.5  # half-width of the surrogate's rectangle, in thresholds
EPS = 1e-5  # added to the variance


def _blocks(x, pool):
    """View [N,B,H,W,C] as [N,B,H/p,p,W/p,p,C]: dimensions 3 and 5 are pooled together."""
    n, b, h, w, c = x.shape
    return x.view(n, b, h // pool, pool, w // pool, pool, c)


def _corners(x, pool):
    """The pool*pool pictures [N,B,H/p,W/p,C] that are pooled together."""
    blocks = _blocks(x, pool)
    return [blocks[:, :, :, i, :, j] for i in range(pool) for j in range(pool)]


def _spread(x):
    """View pooled [...,B,H,W,C] so that it broadcasts over _blocks."""
    return x.unsqueeze(-3).unsqueeze(-2)


@fused
def _fire(x, scale, shift, ticks, pool, hard, decay):
    """Spikes after OR-pooling, float32 [ticks,B,H/p,W/p,C], from drives [ticks or 1,B,H,W,C]."""
    out = [None] * ticks
    for drive in _corners(x, pool):
        v = V_INIT
        for t in range(ticks):
            v = v * decay + (drive[min(t, drive.shape[0] - 1)] * scale + shift)
            s = (v >= 1).to(x.dtype)
            v = v * (1 - s) if hard else v - s
            out[t] = s if out[t] is None else torch.maximum(out[t], s)
    return torch.stack(out)


@fused
def _membranes(x, scale, shift, hard, decay):
    """Membranes before the reset [T,B,H,W,C] under the drives x of the same shape."""
    v, seen = V_INIT, []
    for t in range(x.shape[0]):
        v = v * decay + (x[t] * scale + shift)
        seen.append(v)
        s = (v >= 1).to(x.dtype)
        v = v * (1 - s) if hard else v - s
    return torch.stack(seen)


def _largest(v, pool):
    """Largest membrane of each pool [T,B,H/p,W/p,C]."""
    best = None
    for corner in _corners(v, pool):
        best = corner if best is None else torch.maximum(best, corner)
    return best


@fused
def _fire_back(grad, v, best, pool, hard, decay, window=WINDOW):
    """Gradient [T,B,H,W,C] of the normalised drives from that of the pooled spikes.

    The gradient of a pooled spike goes to the neuron with the highest membrane of the pool. With
    soft reset the reset is differentiated too: inside the window a neuron's gradient goes to this
    tick's spike, outside it is carried on, so that it is never counted twice. With hard reset the
    carried gradient stops at a spike.
    """
    blocks, carry = _blocks(v, pool), 0.0
    by_tick = []
    for t in reversed(range(v.shape[0])):
        at = blocks[t]
        g = _spread(grad[t]) * (at >= _spread(best[t])).to(v.dtype)
        inside = ((at - 1).abs() < window).to(v.dtype)
        carry = carry * decay
        if hard:
            carry = inside * g + carry * (at < 1).to(v.dtype)
        else:
            carry = inside * (g - carry) + carry
        by_tick.insert(0, carry)
    return torch.stack(by_tick).view(v.shape)


def _rate(x, scale, shift, ticks, pool, hard, decay):
    """Mean of the pooled spikes [1,B,H/p,W/p,C] of neurons with the constant drive x [1,B,H,W,C]."""
    return _fire(x, scale, shift, ticks, pool, hard, decay).mean(0, keepdim=True)


@fused
def _constant_back(grad, x, scale, shift, pool):
    """Straight-through gradient [1,B,H,W,C] of the drive of neurons with a constant drive.

    Such a neuron fires in a share y of the ticks: the gradient of every tick (or of the rate) goes
    to the largest drive of the pool, where 0 <= y <= 1.
    """
    y = x * scale + shift
    best = _largest(y, pool)
    blocks = _blocks(y, pool)[0]
    here = (blocks >= _spread(best[0])) & (blocks >= 0) & (blocks <= 1)
    return torch.where(here, _spread(grad.sum(0)), 0.0).reshape(x.shape)


@fused
def _moments(x):
    """Mean and variance of x over all but the channel."""
    dims = (0, 1, 2, 3)
    mean = x.mean(dims)
    return mean, (x - mean).square().mean(dims)


@fused
def _sums(dy, x, mean, inv):
    """Sums over all but the channel of dy and of dy * normalised x."""
    dims = (0, 1, 2, 3)
    return dy.sum(dims), (dy * ((x - mean) * inv)).sum(dims)


@fused
def _norm_back(dy, x, mean, inv, gain, mean_dy, mean_dyx):
    """Gradient of x through batch statistics (batch normalisation, Ioffe and Szegedy 2015)."""
    return gain * inv * (dy - mean_dy - (x - mean) * inv * mean_dyx)


def moments(x):
    """Mean and variance float32 [C] of x [N,B,H,W,C], over all but the channel; no gradient."""
    with torch.no_grad():
        return native.moments(x) if native.suits(x) else _moments(x.detach())


def _drive_gradient(grad, x, scale, shift, mean, inv, how):
    """(dy, sum of dy, sum of dy * normalised x): the gradient of the normalised drives."""
    if x.shape[0] == 1:
        dy = _constant_back(grad, x, scale, shift, how["pool"])
    else:
        v = _membranes(x, scale, shift, how["hard"], how["decay"])
        best, window = _largest(v, how["pool"]), how.get("window", WINDOW)
        dy = _fire_back(grad, v, best, how["pool"], how["hard"], how["decay"], window)
    return dy, *_sums(dy, x, mean, inv)


class _IfBn(torch.autograd.Function):
    """spikes or rates = fire(gain * (x - mean) / sd + beta), with the gradient by hand."""

    @staticmethod
    def forward(ctx, x, gain, beta, mean, inv, how):
        scale = gain * inv
        shift = beta - mean * scale
        ctx.save_for_backward(x, gain, mean, inv, scale, shift)
        ctx.how = how
        if native.suits(x):
            return native.fire(
                x, scale, shift, how["ticks"], how["pool"], how["hard"], how["rate"], V_INIT,
                how["decay"],
            )  # fmt: skip
        kernel = _rate if how["rate"] else _fire
        return kernel(x, scale, shift, how["ticks"], how["pool"], how["hard"], how["decay"])

    @staticmethod
    def backward(ctx, grad):
        return *gradient(grad.contiguous(), ctx.saved_tensors, ctx.how, ctx.needs_input_grad[0]), *(
            None,
        ) * 3


def gradient(grad, saved, how, of_x=True):
    """(dx or None, dgain, dbeta) of one if_bn from the gradient of its output.

    saved: x, gain, mean, inv, scale, shift of the forward pass. of_x: whether dx is wanted.
    """
    x, gain, mean, inv, scale, shift = saved
    fast = native.suits(x)
    if fast:
        dy, sum_dy, sum_dyx = native.fire_back(
            grad, x, scale, shift, mean, inv, how["pool"], how["hard"], V_INIT,
            how.get("window", WINDOW), how["decay"],
        )  # fmt: skip
    else:
        dy, sum_dy, sum_dyx = _drive_gradient(grad, x, scale, shift, mean, inv, how)
    dx = None
    if of_x:
        n = x.numel() // x.shape[-1] if how["batch_stats"] else float("inf")
        mean_dy, mean_dyx = sum_dy / n, sum_dyx / n
        if how["share"] and how["batch_stats"]:
            how["share"]([mean_dy, mean_dyx])
        norm_back = native.norm_back if fast else _norm_back
        dx = norm_back(dy, x, mean, inv, gain, mean_dy, mean_dyx)
    return dx, sum_dyx, sum_dy


def if_bn(
    x,
    gain,
    beta,
    mean,
    var,
    *,
    ticks,
    pool=1,
    hard=False,
    rate=False,
    batch_stats=False,
    share=None,
    decay=1.0,
    window=WINDOW,
):
    """Normalise, integrate, fire and OR-pool.

    x: float32 [ticks or 1, B, H, W, C], contiguous; with `rate`, [1, B, H, W, C].
    gain, beta, mean, var: float32 [C]; batch_stats says that mean and var are those of x, so that
    the gradient of x goes through them as well; share, that they are of several processes' batches,
    and averages tensors over the processes in place (equal numbers of pictures each).
    Returns spikes 0.0/1.0 [ticks, B, H/pool, W/pool, C]; with `rate`, their mean over the ticks
    under a constant drive [1, B, H/pool, W/pool, C] (the first training stage). decay: see above.
    window: half-width of the surrogate gradient's rectangle, in thresholds.
    """
    how = dict(ticks=ticks, pool=pool, hard=hard, rate=rate, batch_stats=batch_stats, share=share)
    how |= dict(decay=decay, window=window)
    return _IfBn.apply(x, gain, beta, mean, torch.rsqrt(var + EPS), how)
