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
    """Run a firmware.modelfile.Model on images uint8 [N,C,H,W], or [N,T,C,H,W] of spikes (numpy).

    Returns (spikes, maps, scores): for each firing layer spikes float64 0/1 [T,N,C,H,W] before
    pooling and maps after it; scores int64 [N, classes].
    """
    inputs = [torch.from_numpy(images).double()] * model.ticks
    if model.kind == "spikes":
        inputs = list(torch.from_numpy(images).double().unbind(1))
    all_spikes, all_maps = [], []
    for layer in model.layers:
        gain = 2.0 ** model.fraction_bits_of(layer) * layer.mean_of  # of means that are fractions
        bias = torch.from_numpy(layer.bias).double().view(1, -1, 1, 1) * layer.mean_of
        drives = [(gain * _psum(layer, x)).round() - bias for x in inputs]
        if layer.readout:
            score = torch.zeros_like(drives[0])
            for drive in drives:
                score = (score + drive).clamp(-SCORE, SCORE - 1)
            return all_spikes, all_maps, _classes(model, score.flatten(1))
        _, rows, columns = layer.map_shape
        drives = [drive[:, :, :rows, :columns] for drive in drives]
        threshold = torch.from_numpy(layer.threshold).double().view(1, -1, 1, 1) * layer.mean_of
        v = torch.from_numpy(layer.v_init).double().view(1, -1, 1, 1) * layer.mean_of
        spikes, late = [], 0.0
        for drive in drives:
            if layer.leak:
                v = v - torch.floor((v + 2 ** (layer.leak - 1)) / 2**layer.leak) - late
            v = (v + drive).clamp(-MEMBRANE, MEMBRANE - 1)
            spike = (v >= threshold).double()
            spikes.append(spike)
            if layer.leak and layer.leak_first and model.reset == "soft":
                late = threshold * spike
            else:
                v = v * (1 - spike) if model.reset == "hard" else v - threshold * spike
        mean = layer.pool_kind == "mean"
        inputs = [(F.avg_pool2d if mean else F.max_pool2d)(s, layer.pool) for s in spikes]
        all_spikes.append(torch.stack(spikes))
        all_maps.append(torch.stack(spikes if mean else inputs))
    return all_spikes, all_maps, _classes(model, sum(inputs).sum((2, 3)))


def _classes(model, scores):
    """Scores int64 [N, classes] of the outputs' float64 [N, classes * votes]."""
    return scores.view(-1, len(model.classes), model.votes).sum(2).round().long()


def _psum(layer, x):
    """Binary-weight sums float64 [N,out,H,W] of maps x [N,C,H,W]."""
    weight = torch.from_numpy(layer.weight).double()
    if layer.kind == "conv":
        return F.conv2d(x, weight, padding=layer.padding, stride=layer.stride)
    return F.linear(x.flatten(1), weight)[:, :, None, None]
