"""Networks from a text such as 64C3-P2-64C3-P2-128-10, and their training forward pass."""

import torch
import torch.nn.functional as F
from torch import nn

from volley.firmware.network_text import SPEC_HELP, Spec, SpecError, parse
from volley.model.nets import rate_backprop, winograd
from volley.model.nets.neuron import WINDOW, if_bn, moments
from volley.model.nets.quantise import binarise

__all__ = ["SPEC_HELP", "Layer", "Net", "Spec", "SpecError", "parse"]

MOMENTUM = 0.1  # of the running batch statistics


def _convolve(x, weight):
    """Convolution [n,h,w,out] of channel-last maps x [n,h,w,c] and weight [out,c,k,k]."""
    if winograd.suits(x, weight):
        return winograd.conv3x3(x, weight)
    if winograd.suits_encoder(x, weight):
        return winograd.encode3x3(x, weight)
    y = F.conv2d(
        x.permute(0, 3, 1, 2),  # channels_last, no copy
        weight.contiguous(memory_format=torch.channels_last),
        padding=weight.shape[-1] // 2,
    )
    return y.permute(0, 2, 3, 1).contiguous()


class Layer(nn.Module):
    """Binary weights, and for a firing layer the batch normalisation that IF-BN folds away."""

    def __init__(self, spec, scale=0.1):
        super().__init__()
        self.spec = spec
        self.real, self.centre = False, False  # see Net
        c, h, w = spec.in_shape
        shape = (
            (spec.outputs, c, spec.kernel, spec.kernel)
            if spec.kind == "conv"
            else (spec.outputs, c * h * w)
        )
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-scale, scale))
        if spec.readout:
            self.bias = nn.Parameter(torch.zeros(spec.outputs))
        else:
            self.gain = nn.Parameter(torch.ones(spec.outputs))
            self.beta = nn.Parameter(torch.full((spec.outputs,), 0.25))
            self.register_buffer("mean", torch.zeros(spec.outputs))
            self.register_buffer("var", torch.ones(spec.outputs))

    def cropped(self, psums, at=2):
        """Psums without the row and the column that pooling leaves out; at: dimension of the rows."""
        _, height, width = self.spec.in_shape
        if self.spec.kind == "dense" or self.spec.pool == 1 or not (height % 2 or width % 2):
            return psums
        return psums.narrow(at, 0, height // 2 * 2).narrow(at + 1, 0, width // 2 * 2).contiguous()

    def latent(self):
        """The weights whose signs are the binary weights."""
        if not self.centre:
            return self.weight
        return self.weight - self.weight.flatten(1).mean(1).view(-1, *[1] * (self.weight.ndim - 1))

    def used(self):
        """The weights that psums are made of: binary, or with `real` as they are."""
        return self.latent() if self.real else binarise(self.latent())

    def psum(self, x):
        """Binary-weight sum: x [N,B,H,W,C] (channel-last) to [N,B,H,W,out]; dense: H = W = 1.

        Without the row and the column that pooling leaves out.
        """
        weight = self.used()
        n, b, h, w, c = x.shape
        if self.spec.kind == "conv":
            psums = _convolve(x.reshape(n * b, h, w, c), weight).view(n, b, h, w, -1)
            return self.cropped(psums)
        # The file's order of a dense layer's inputs is (c, y, x); the maps here are (y, x, c).
        weight = weight.view(-1, c, h, w).permute(0, 2, 3, 1).reshape(-1, h * w * c)
        return F.linear(x.reshape(n * b, -1), weight).view(n, b, 1, 1, -1)

    def statistics(self, x, live, share=None):
        """Mean and variance of psums x to normalise with; `live` takes the batch's, and learns.

        share: averages tensors over the processes that each hold a part of the batch, in place.
        """
        if not live:
            return self.mean, self.var
        mean, var = moments(x)
        if share:
            own = mean.clone()
            share([mean])
            var += (own - mean).square()
            share([var])
        with torch.no_grad():
            self.mean.lerp_(mean, MOMENTUM)
            self.var.lerp_(var, MOMENTUM)
        return mean, var


class Net(nn.Module):
    """A Volley network in training: forward(pictures) gives mean scores per tick, [B, classes].

    Pictures are float32 [B,C,H,W] with the integers 0..255; psums of the encoding layer are then
    the hardware's own. Spike trains are float32 [B,T,C,H,W]. tau: of leaky neurons, None without a
    leak. `rate` selects the first training stage: one pass per picture, each neuron
    sending the mean of the spikes it would fire under a constant drive. `share` averages tensors in
    place over the processes of a data-parallel run, so that batch statistics are the whole batch's.
    votes: outputs of the readout for each class, which are added up: the weights of the sum have
    votes + 1 values, where one output's have two. real: weights stay real (a teacher, or a first
    run). centre: each output's mean latent weight is subtracted before the sign, as in IR-Net (Qin et
    al. 2020, arXiv 1909.10788).
    """

    def __init__(self, specs, ticks, hard=False, tau=None, real=False, centre=False, votes=1):
        super().__init__()
        self.layers = nn.ModuleList(Layer(s) for s in specs)
        for layer in self.layers:
            layer.real, layer.centre = real, centre
        self.real, self.window = real, WINDOW
        self.ticks, self.hard, self.tau, self.votes = ticks, hard, tau, votes
        self.rate = False
        self.by_rate = False  # spikes forward, the gradient of rates: see model.spiking
        self.share = None
        self.frozen = False  # normalise with the running statistics while training too

    def forward(self, pictures):
        return self.by_tick(pictures).mean(0)

    def by_tick(self, pictures):
        """Scores of each tick [T,B,classes]; of rates, T = 1."""
        spikes = None
        if pictures.ndim == 5:
            trains = pictures.permute(1, 0, 3, 4, 2).contiguous()
            x = trains.mean(0, keepdim=True) if self.rate else trains
            spikes = rate_backprop.Spikes(trains.mean(0, keepdim=True), ticks=trains)
        else:
            x = pictures.permute(0, 2, 3, 1).unsqueeze(0).contiguous()
        live = self.training and not self.frozen
        decay = 1.0 if self.tau is None else 1 - 1 / self.tau
        for layer in self.layers[:-1]:
            how = dict(ticks=self.ticks, hard=self.hard, pool=layer.spec.pool, decay=decay)
            if self.by_rate and not self.rate:
                spikes = rate_backprop.layer_forward(layer, x, spikes, how, live, self.share)
                x = spikes.rate
                continue
            y = layer.psum(x)
            mean, var = layer.statistics(y, live, self.share)
            how |= dict(window=self.window, rate=self.rate, batch_stats=live, share=self.share)
            x = if_bn(y, layer.gain, layer.beta, mean, var, **how)
        last = self.layers[-1]
        return (last.psum(x).flatten(2) + last.bias).unflatten(2, (-1, self.votes)).sum(3)

    def clip_weights(self):
        """Keep the latent weights in [-1, 1], where the straight-through gradient lives."""
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.clamp_(-1, 1)
