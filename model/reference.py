"""The first rung of the ladder: a model file's integers run by PyTorch's own layers.

Independent of golden.py: PyTorch's convolutions in float64 (exact: every sum is an integer far
below 2^53), one tick at a time, spikes as 0.0/1.0 maps, `torch.nn.functional.max_pool2d` for the
OR of spikes. Slow and plain on purpose.
"""

import torch
import torch.nn.functional as F

MEMBRANE = 2**23  # 24 bits signed
SCORE = 2**31  # 32 bits signed


def run(model, images):
    """Run a firmware.modelfile.Model on images uint8 [N,C,H,W] (numpy).

    Returns (spikes, maps, scores): for each firing layer spikes float64 0/1 [T,N,C,H,W] before
    pooling and maps after it; scores int64 [N, classes].
    """
    gain = 2.0**model.fraction_bits
    inputs = [torch.from_numpy(images).double()] * model.ticks
    all_spikes, all_maps = [], []
    for layer in model.layers:
        bias = torch.from_numpy(layer.bias).double().view(1, -1, 1, 1)
        drives = [gain * _psum(layer, x) - bias for x in inputs]
        if layer.readout:
            score = torch.zeros_like(drives[0])
            for drive in drives:
                score = (score + drive).clamp(-SCORE, SCORE - 1)
            return all_spikes, all_maps, score.flatten(1).long()
        threshold = torch.from_numpy(layer.threshold).double().view(1, -1, 1, 1)
        v = torch.from_numpy(layer.v_init).double().view(1, -1, 1, 1)
        spikes = []
        for drive in drives:
            v = (v + drive).clamp(-MEMBRANE, MEMBRANE - 1)
            spike = (v >= threshold).double()
            spikes.append(spike)
            v = v * (1 - spike) if model.reset == "hard" else v - threshold * spike
        inputs = [F.max_pool2d(s, layer.pool) for s in spikes]
        all_spikes.append(torch.stack(spikes))
        all_maps.append(torch.stack(inputs))
    return all_spikes, all_maps, sum(inputs).sum((2, 3)).long()


def _psum(layer, x):
    """Binary-weight sums float64 [N,out,H,W] of maps x [N,C,H,W]."""
    weight = torch.from_numpy(layer.weight).double()
    if layer.kind == "conv":
        return F.conv2d(x, weight, padding=layer.padding)
    return F.linear(x.flatten(1), weight)[:, :, None, None]
