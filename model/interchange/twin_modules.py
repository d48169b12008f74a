"""The modules of a twin: PyTorch alone, so that an exported FILE.py begins with this file's text."""

import torch
from torch import nn

EXACT = 2**24  # float32 holds every integer up to here
LOW, HIGH = -(2**23), 2**23 - 1  # of a membrane


class IntegrateFire(nn.Module):
    """Neurons with integer parameters, one tick a call: spikes 0.0 or 1.0, shaped as the drive.

    threshold and v_init: of each channel; hard: a spike clears the membrane, else the threshold is
    taken off. leak = k: before the drive v loses v / 2^k, rounded, 0: nothing; leak_first: a soft reset
    waits for the next leak. v is the membrane, None before the first tick; late what waits.
    """

    def __init__(self, threshold, v_init, hard, maps, leak=0, leak_first=False):
        super().__init__()
        shape = (-1, 1, 1) if maps else (-1,)
        self.register_buffer("threshold", threshold.float().view(shape))
        self.register_buffer("v_init", v_init.float().view(shape))
        self.hard, self.leak, self.v, self.late = hard, leak, None, None
        self.waits = leak_first and not hard and leak > 0

    def clear(self):
        self.v = self.late = None

    def forward(self, drive):
        v = self.v_init if self.v is None else self.v
        if self.leak:
            v = v - torch.floor((v + 2 ** (self.leak - 1)) / 2**self.leak)
        if self.late is not None:
            v = v - self.late
        v = (v + drive).clamp(LOW, HIGH)
        spikes = (v >= self.threshold).to(v.dtype)
        if self.hard:
            self.v = v * (1 - spikes)
        elif self.waits:
            self.v, self.late = v, self.threshold * spikes
        else:
            self.v = v - self.threshold * spikes
        return spikes


class Twin(nn.Sequential):
    """The layers of one tick; a call runs all ticks from the start.

    Takes pixels [N,C,H,W], 0 to 2^bits - 1, or with ``sequence`` spikes or counts [N,T,C,H,W]; gives
    scores float64 [N, classes]. votes: outputs of a class, which are added up.
    """

    ticks, sequence, votes = 1, False, 1

    def clear(self):
        for module in self:
            if isinstance(module, IntegrateFire):
                module.clear()

    def forward(self, x):
        self.clear()
        x, scores = x.to(next(self.parameters()).dtype), 0.0
        for tick in range(self.ticks):
            scores = scores + super().forward(x[:, tick] if self.sequence else x).double()
        self.clear()
        scores = scores.flatten(2).sum(2) if scores.ndim == 4 else scores
        return scores.unflatten(1, (-1, self.votes)).sum(2)


def build(layers, ticks, hard, most, sequence=False, votes=1):
    """A Twin of layers, each a dict: kind "conv" or "dense", weight (+-2^F), bias, threshold and
    v_init (None on a readout), stride, padding, pool, pool_kind, leak, leak_first. most: the largest input.

    Float32, where every sum is an integer below 2^24; float64 where one can pass it.
    """
    modules, largest, flat = [], 0, False
    mean_of = 1  # spikes that are added up where the layer's input is their mean
    for layer in layers:
        weight, bias = layer["weight"].float(), layer["bias"].float() * mean_of
        conv = layer["kind"] == "conv"
        if conv:
            made = nn.Conv2d(
                weight.shape[1],
                len(weight),
                weight.shape[2:],
                stride=layer["stride"],
                padding=layer["padding"],
            )
        else:
            made = nn.Linear(weight.shape[1], len(weight))
            if not flat:
                modules.append(nn.Flatten())
            flat = True
        made.weight, made.bias = nn.Parameter(weight), nn.Parameter(-bias)
        modules.append(made)
        drive = int(weight.abs().flatten(1).sum(1).max()) * most + int(bias.abs().max())
        largest, most = max(largest, drive + HIGH), 1
        if layer["threshold"] is not None:
            integers = (layer[key].float() * mean_of for key in ("threshold", "v_init"))
            how = hard, conv, layer["leak"], layer["leak_first"]
            modules.append(IntegrateFire(*integers, *how))
        pool, mean_of = layer["pool"], 1
        if layer["pool_kind"] == "mean" and pool > 1:
            most = mean_of = pool**2
            modules.append(nn.AvgPool2d(pool, divisor_override=1))
        elif pool == 2:
            modules.append(nn.MaxPool2d(2))
    twin = Twin(*modules).requires_grad_(False)
    twin.ticks, twin.sequence, twin.votes = ticks, sequence, votes
    return (twin if largest < EXACT else twin.double()).eval()
