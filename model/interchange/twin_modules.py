"""The modules of a twin: PyTorch alone, so that an exported FILE.py begins with this file's text."""

from torch import nn

EXACT = 2**24  # float32 holds every integer up to here
LOW, HIGH = -(2**23), 2**23 - 1  # of a membrane


class IntegrateFire(nn.Module):
    """Neurons with integer parameters, one tick a call: spikes 0.0 or 1.0, shaped as the drive.

    threshold and v_init: of each channel; hard: a spike clears the membrane, else the threshold is
    taken off. v is the membrane, None before the first tick.
    """

    def __init__(self, threshold, v_init, hard, maps):
        super().__init__()
        shape = (-1, 1, 1) if maps else (-1,)
        self.register_buffer("threshold", threshold.float().view(shape))
        self.register_buffer("v_init", v_init.float().view(shape))
        self.hard, self.v = hard, None

    def forward(self, drive):
        v = self.v_init if self.v is None else self.v
        v = (v + drive).clamp(LOW, HIGH)
        spikes = (v >= self.threshold).to(v.dtype)
        self.v = v * (1 - spikes) if self.hard else v - self.threshold * spikes
        return spikes


class Twin(nn.Sequential):
    """The layers of one tick; a call runs all ticks from the start.

    Takes pixels [N,C,H,W], 0 to 2^bits - 1; gives scores float64 [N, classes].
    """

    ticks = 1

    def clear(self):
        for module in self:
            if isinstance(module, IntegrateFire):
                module.v = None

    def forward(self, x):
        self.clear()
        x, scores = x.to(next(self.parameters()).dtype), 0.0
        for _ in range(self.ticks):
            scores = scores + super().forward(x).double()
        self.clear()
        return scores.flatten(2).sum(2) if scores.ndim == 4 else scores


def build(layers, ticks, hard, brightest):
    """A Twin of layers, each a dict: kind "conv" or "dense", weight (+-2^F), bias, threshold and
    v_init (None on a readout), padding, pool. brightest: the largest pixel.

    Float32, where every sum is an integer below 2^24; float64 where one can pass it.
    """
    modules, largest, flat, most = [], 0, False, brightest
    for layer in layers:
        weight, bias = layer["weight"].float(), layer["bias"]
        conv = layer["kind"] == "conv"
        if conv:
            made = nn.Conv2d(
                weight.shape[1], len(weight), weight.shape[2:], padding=layer["padding"]
            )
        else:
            made = nn.Linear(weight.shape[1], len(weight))
            if not flat:
                modules.append(nn.Flatten())
            flat = True
        made.weight, made.bias = nn.Parameter(weight), nn.Parameter(-bias.float())
        modules.append(made)
        drive = int(weight.abs().flatten(1).sum(1).max()) * most + int(bias.abs().max())
        largest, most = max(largest, drive + HIGH), 1
        if layer["threshold"] is not None:
            modules.append(IntegrateFire(layer["threshold"], layer["v_init"], hard, conv))
        if layer["pool"] == 2:
            modules.append(nn.MaxPool2d(2))
    twin = Twin(*modules).requires_grad_(False)
    twin.ticks = ticks
    return (twin if largest < EXACT else twin.double()).eval()
