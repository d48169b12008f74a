"""``to_torch``: a model file as a PyTorch module, the twin, whose spikes are the file's."""

from __future__ import annotations

import torch
from torch import nn

from volley.firmware.modelfile import MEMBRANE_MAX, MEMBRANE_MIN, Model

EXACT = 2**24  # float32 holds every integer up to here


class IntegrateFire(nn.Module):
    """Neurons with the file's integers, one tick a call: spikes 0.0 or 1.0, shaped as the drive."""

    def __init__(self, layer, reset):
        super().__init__()
        shape = (-1, 1, 1) if layer.kind == "conv" else (-1,)
        for key in ("threshold", "v_init"):
            values = torch.from_numpy(getattr(layer, key)).float().view(shape)
            self.register_buffer(key, values)
        self.hard, self.v = reset == "hard", None

    def forward(self, drive):
        v = self.v_init if self.v is None else self.v
        v = (v + drive).clamp(MEMBRANE_MIN, MEMBRANE_MAX)
        spikes = (v >= self.threshold).to(v.dtype)
        self.v = v * (1 - spikes) if self.hard else v - self.threshold * spikes
        return spikes


class Twin(nn.Sequential):
    """The layers of one tick; a call runs all ticks from the start.

    Takes pixels [N,C,H,W], 0 to 2^bits - 1; gives scores float64 [N, classes].
    """

    ticks = 1

    def forward(self, x):
        for module in self:
            if isinstance(module, IntegrateFire):
                module.v = None
        x = x.to(next(self.parameters()).dtype)
        scores = sum(super(Twin, self).forward(x).double() for _ in range(self.ticks))
        return scores.flatten(2).sum(2) if scores.ndim == 4 else scores


def to_torch(model: Model) -> Twin:
    """The twin of a model: weights +-2^F, integer biases and thresholds.

    Float32, where every sum is an integer below 2^24; float64 for a model that can pass it.
    """
    modules: list[nn.Module] = []
    largest, flat = 0, False
    for layer in model.layers:
        assert layer.weight is not None and layer.bias is not None  # a valid model has them
        weight = torch.from_numpy(layer.weight).float() * 2**model.fraction_bits
        if layer.kind == "conv":
            made: nn.Conv2d | nn.Linear = nn.Conv2d(
                layer.inputs, layer.outputs, layer.kernel, padding=layer.padding
            )
        else:
            made = nn.Linear(layer.inputs, layer.outputs)
            if not flat:
                modules.append(nn.Flatten())
            flat = True
        made.weight = nn.Parameter(weight)
        made.bias = nn.Parameter(-torch.from_numpy(layer.bias).float())
        modules.append(made)
        most = 2**model.bits - 1 if layer.encode else 1
        drive = int((weight[0].numel() * most) << model.fraction_bits) + int(abs(layer.bias).max())
        largest = max(largest, int(drive) + MEMBRANE_MAX)
        if not layer.readout:
            modules.append(IntegrateFire(layer, model.reset))
        if layer.pool == 2:
            modules.append(nn.MaxPool2d(2))
    twin = Twin(*modules)
    twin.ticks = model.ticks
    return (twin if largest < EXACT else twin.double()).eval()
