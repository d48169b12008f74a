"""The second stage's forward pass with real spikes, and the gradient of their rates.

Every tick is computed, as bits, but the backward pass is that of the mean over the ticks: a layer's
mean psum is the convolution of its input's rates, and a neuron's rate follows its mean drive
straight through where that is between 0 and 1. So a step costs about as much as in the first
stage, not 8 times as much, and training sees the spikes that the hardware will see.

Source: Yu et al. 2024, Advancing Training Efficiency of Deep Spiking Neural Networks through
Rate-based Backpropagation, arXiv 2410.11488.

Tensors are channel-last. Where spikes.cpp does not take a layer (no compiler, channels not a multiple of
64, more than 8 ticks), the same is computed in PyTorch from floats, tick by tick.
"""

from dataclasses import dataclass

import numpy as np
import torch

from volley.model.nets import native, neuron, winograd
from volley.model.nets.quantise import binarise

CHANNELS = 64  # of a word of bits
TICKS = 8


@dataclass
class Spikes:
    """rate: float32 [1,B,H,W,C], mean spikes of the ticks, with a gradient. The spikes themselves:
    bits: int64 [B,H,W,C/64,8] as in spikes.cpp, or ticks: float32 [T,B,H,W,C]; the other is None.
    """

    rate: torch.Tensor
    bits: torch.Tensor | None = None
    ticks: torch.Tensor | None = None


def weight_bits(weight):
    """Binary weights -1/+1 [out,c,3,3] as int64 [out/8, 9, c/64, 8]; out in eights, c in 64s."""
    outputs, c = weight.shape[:2]
    positive = (weight.detach() > 0).permute(0, 2, 3, 1).reshape(outputs // 8, 8, 9, c).numpy()
    packed = np.packbits(positive, axis=-1, bitorder="little").view("<i8")
    return torch.from_numpy(np.ascontiguousarray(packed.transpose(0, 2, 3, 1)))


class _Conv3x3(torch.autograd.Function):
    """(mean psum, psums) of spikes; the gradient is that of the convolution of their rates."""

    @staticmethod
    def forward(ctx, rate, bits, weight, ticks):
        ctx.save_for_backward(rate, weight)
        psums, mean = native.spike_psums(bits, weight_bits(weight), len(weight), ticks)
        ctx.mark_non_differentiable(psums)
        ctx.set_materialize_grads(False)
        return mean.unsqueeze(0), psums

    @staticmethod
    def backward(ctx, grad, _):
        rate, weight = ctx.saved_tensors
        x, dy = rate[0], grad[0].contiguous()
        if winograd.suits(x, weight):
            dx, dw = winograd.gradients(x, winograd.transformed(weight), dy)
        else:
            first = [t.permute(0, 3, 1, 2) for t in (dy, x)]  # channels_last, no copy
            dx, dw, _ = torch.ops.aten.convolution_backward(
                *first, weight, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1, (True, True, False)
            )
            dx = dx.permute(0, 2, 3, 1).contiguous()
        return dx.unsqueeze(0), None, dw, None


class _Fire(torch.autograd.Function):
    """(rate, bits) of neurons with the mean psums x; psums None: the same drive at every tick."""

    @staticmethod
    def forward(ctx, x, psums, gain, beta, mean, inv, how):
        scale = gain * inv
        shift = beta - mean * scale
        ctx.save_for_backward(x, gain, mean, inv, scale, shift)
        ctx.how = how
        rate, bits = native.spike_fire(
            psums, x[0], scale, shift, how["ticks"], how["pool"], how["hard"], neuron.V_INIT,
            how["decay"],
        )  # fmt: skip
        ctx.mark_non_differentiable(bits)
        ctx.set_materialize_grads(False)
        return rate.unsqueeze(0), bits

    @staticmethod
    def backward(ctx, grad, _):
        dx, dgain, dbeta = neuron.gradient(grad.contiguous(), ctx.saved_tensors, ctx.how)
        return dx, None, dgain, dbeta, None, None, None


class _Replace(torch.autograd.Function):
    """The value of one tensor with the gradient of another."""

    @staticmethod
    def forward(ctx, shown, behind):
        return shown.view_as(shown)

    @staticmethod
    def backward(ctx, grad):
        return None, grad


def _suits(layer, spikes, ticks):
    """Whether spikes.cpp takes this layer's psums."""
    spec = layer.spec
    return (
        native.active()
        and spikes.bits is not None
        and ticks <= TICKS
        and spec.kind == "conv"
        and spec.kernel == 3
        and spec.outputs % native.LANES == 0
        and not layer.real
    )


def layer_forward(layer, x, spikes, how, live, share):
    """One firing layer of model.net: Spikes of its output.

    x: float32 [1,B,H,W,C], the picture, or None where `spikes` is the layer's input. how: as
    neuron.if_bn's keywords. live, share: as Layer.statistics'.
    """
    psums = None
    if spikes is None:
        mean_psum = layer.psum(x)
        by_tick = mean_psum
    elif _suits(layer, spikes, how["ticks"]):
        weight = binarise(layer.latent())
        mean_psum, psums = _Conv3x3.apply(spikes.rate, spikes.bits, weight, how["ticks"])
        mean_psum, psums = layer.cropped(mean_psum), layer.cropped(psums, 1)
    else:
        mean_psum = layer.psum(spikes.rate)
        with torch.no_grad():
            by_tick = layer.psum(unpacked(spikes, how["ticks"]))
            psums = _packed(layer, by_tick)
    mean, var = layer.statistics(mean_psum, live, share)
    inv = torch.rsqrt(var + neuron.EPS)
    how = dict(how, rate=True, batch_stats=live, share=share)
    outputs = mean_psum.shape[-1]
    packs = native.suits(mean_psum) and outputs % CHANNELS == 0 and how["ticks"] <= TICKS
    if packs and (psums is not None or spikes is None):
        return Spikes(*_Fire.apply(mean_psum, psums, layer.gain, layer.beta, mean, inv, how))
    if psums is not None:
        by_tick = psums[..., : how["ticks"], :].permute(3, 0, 1, 2, 4).float()
    behind = neuron.if_bn(mean_psum, layer.gain, layer.beta, mean, var, **how)
    with torch.no_grad():
        fired = neuron.if_bn(
            by_tick.contiguous(), layer.gain, layer.beta, mean, var, **dict(how, rate=False)
        )
    return Spikes(_Replace.apply(fired.mean(0, keepdim=True), behind), ticks=fired)


def _packed(layer, by_tick):
    """Psums [T,B,H,W,C] as spikes.cpp has them, int16 [B,H,W,8,C], or None where it does not."""
    ticks, outputs = len(by_tick), by_tick.shape[-1]
    if (
        not native.suits(by_tick)
        or outputs % CHANNELS
        or ticks > TICKS
        or layer.spec.kind != "conv"
    ):
        return None
    psums = torch.zeros(*by_tick.shape[1:4], TICKS, outputs, dtype=torch.int16)
    psums[..., :ticks, :] = by_tick.round().permute(1, 2, 3, 0, 4)  # of Winograd, nearly integers
    return psums


def unpacked(spikes, ticks):
    """Spikes as floats [T,B,H,W,C]."""
    if spikes.ticks is not None:
        return spikes.ticks
    b, h, w, groups, _ = spikes.bits.shape
    by_tick = spikes.bits[..., :ticks].permute(4, 0, 1, 2, 3).contiguous().numpy()
    bits = np.unpackbits(by_tick.view(np.uint8), axis=-1, bitorder="little")
    return torch.from_numpy(bits.reshape(ticks, b, h, w, groups * CHANNELS)).float()
