"""Networks from a text such as 64C3-P2-64C3-P2-128-10, and their training forward pass."""

import re
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from volley.model.nets import rate_backprop, winograd
from volley.model.nets.neuron import if_bn, moments
from volley.model.nets.quantise import binarise

MOMENTUM = 0.1  # of the running batch statistics
SPEC_HELP = (
    'layers joined by "-": 64C3 = 3x3 convolution with 64 output channels (64C1: 1x1), '
    "P2 = 2x2 pooling of the layer before it, 128 = dense layer; the last is the readout "
    "and has one output per class. Example: 64C3-P2-64C3-P2-128-10"
)


class SpecError(ValueError):
    """A network text that Volley cannot build; says what was found and what is allowed."""


@dataclass(frozen=True)
class Spec:
    """One layer: kind 'conv' or 'dense'; in_shape (C,H,W); outputs; kernel; pool 1 or 2."""

    name: str
    kind: str
    in_shape: tuple
    outputs: int
    kernel: int = 1
    pool: int = 1
    readout: bool = False

    @property
    def out_shape(self):
        """(C, H, W) after pooling."""
        if self.kind == "dense":
            return (self.outputs, 1, 1)
        return (self.outputs, self.in_shape[1] // self.pool, self.in_shape[2] // self.pool)


def parse(text, in_shape, classes):
    """Layers of a network text for pictures of in_shape (C,H,W) and a number of classes.

    Returns a list of Spec, the last one the readout; SpecError says what is wrong.
    """
    words, layers, shape = text.split("-"), [], tuple(in_shape)
    for word in words:
        conv = re.fullmatch(r"([1-9]\d*)C([13])", word)
        if word == "P2":
            if not layers or layers[-1].kind != "conv" or layers[-1].pool != 1:
                raise SpecError(f"net {text!r}: P2 must follow a convolution; {SPEC_HELP}")
            last = layers[-1]
            if shape[1] % 2 or shape[2] % 2:
                raise SpecError(
                    f"net {text!r}: P2 after {last.name} pools a map of {shape[1]}x"
                    f"{shape[2]}; 2x2 pooling needs even sizes"
                )
            layers[-1] = Spec(last.name, "conv", last.in_shape, last.outputs, last.kernel, 2)
        elif conv:
            if layers and layers[-1].kind == "dense":
                raise SpecError(
                    f"net {text!r}: {word} follows a dense layer; convolutions come first"
                )
            number = sum(x.kind == "conv" for x in layers) + 1
            layers.append(Spec(f"conv{number}", "conv", shape, int(conv[1]), int(conv[2])))
        elif re.fullmatch(r"[1-9]\d*", word):
            number = sum(x.kind == "dense" for x in layers) + 1
            layers.append(Spec(f"fc{number}", "dense", shape, int(word)))
        else:
            raise SpecError(f"net {text!r}: {word!r} is not a layer; allowed: {SPEC_HELP}")
        shape = layers[-1].out_shape
    last = layers[-1]
    if last.kind != "dense":
        raise SpecError(
            f"net {text!r} ends in {words[-1]}; it must end in a dense readout with "
            f"{classes} outputs, one per class"
        )
    if last.outputs != classes:
        raise SpecError(
            f"net {text!r}: the readout has {last.outputs} outputs; the data set has "
            f"{classes} classes"
        )
    layers[-1] = Spec(last.name, "dense", last.in_shape, last.outputs, readout=True)
    return layers


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

    def psum(self, x):
        """Binary-weight sum: x [N,B,H,W,C] (channel-last) to [N,B,H,W,out]; dense: H = W = 1."""
        weight = binarise(self.weight)
        n, b, h, w, c = x.shape
        if self.spec.kind == "conv":
            return _convolve(x.reshape(n * b, h, w, c), weight).view(n, b, h, w, -1)
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
    the hardware's own. `rate` selects the first training stage: one pass per picture, each neuron
    sending the mean of the spikes it would fire under a constant drive. `share` averages tensors in
    place over the processes of a data-parallel run, so that batch statistics are the whole batch's.
    """

    def __init__(self, specs, ticks, hard=False):
        super().__init__()
        self.layers = nn.ModuleList(Layer(s) for s in specs)
        self.ticks, self.hard = ticks, hard
        self.rate = False
        self.by_rate = False  # spikes forward, the gradient of rates: see model.spiking
        self.share = None
        self.frozen = False  # normalise with the running statistics while training too

    def forward(self, pictures):
        x = pictures.permute(0, 2, 3, 1).unsqueeze(0).contiguous()
        live = self.training and not self.frozen
        spikes = None
        for layer in self.layers[:-1]:
            how = dict(ticks=self.ticks, hard=self.hard, pool=layer.spec.pool)
            if self.by_rate and not self.rate:
                spikes = rate_backprop.layer_forward(layer, x, spikes, how, live, self.share)
                x = spikes.rate
                continue
            y = layer.psum(x)
            mean, var = layer.statistics(y, live, self.share)
            how |= dict(rate=self.rate, batch_stats=live, share=self.share)
            x = if_bn(y, layer.gain, layer.beta, mean, var, **how)
        last = self.layers[-1]
        return last.psum(x).mean(0).flatten(1) + last.bias

    def clip_weights(self):
        """Keep the latent weights in [-1, 1], where the straight-through gradient lives."""
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.clamp_(-1, 1)
