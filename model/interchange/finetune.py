"""Where training goes on after weights became binary: a checkpoint for ``volley train --init``.

The checkpoint's latent weights are the network's own, so that training decides again at which sign those near
0 are; its normalisation gives each neuron the current of the imported one, with mean and variance of the
psums measured on training pictures.
"""

from __future__ import annotations

import numpy as np
import torch

from volley.firmware.network_text import SpecError, parse
from volley.model.data import datasets
from volley.model.interchange.chain import InterchangeError, Mean
from volley.model.interchange.groups import group_stages
from volley.model.nets import net as networks
from volley.model.nets.neuron import EPS, if_bn, moments

LATENT = 0.1  # mean magnitude of the latent weights, as a fresh network's
PICTURES = 200  # that means and variances are measured on
SEED = 1


def data_set(shape, classes) -> str | None:
    """The name of the first data set with pictures of this shape and this many classes."""
    for name, data in datasets.SETS.items():
        if data.shape == tuple(shape) and len(data.classes) == classes:
            return name
    return None


def text_of(groups) -> str:
    """The network as ``volley train --net`` takes it; InterchangeError for what it has no words for."""
    words = []
    for group in groups:
        weight = group.stage.weight
        plain = weight.ndim == 2 or (group.stage.stride, group.stage.padding) == (
            1,
            weight.shape[2] // 2,
        )
        other = isinstance(group.pool, Mean) or group.adds or group.fire and group.fire.leak
        if not plain or other:
            raise InterchangeError(f"volley train has no stride, cut edge, mean, sum or leak as at "
                                   f"'{group.stage.name}'; train it in its own library")  # fmt: skip
        words.append(f"{len(weight)}C{weight.shape[2]}" if weight.ndim == 4 else f"{len(weight)}")
        if group.pool:
            words.append("P2")
    return "-".join(words)


def start(stages, shape, ticks, data, scale, pictures):
    """(checkpoint, --net's text, --reset) of a chain of stages; a last neuron becomes a readout.

    data: the data set's name; scale: of a pixel; pictures: uint8 [N,C,H,W] of its training part.
    Raises InterchangeError for what ``volley train`` cannot train.
    """
    groups = group_stages(stages)
    text, classes = text_of(groups), len(datasets.SETS[data].classes)
    try:
        specs = parse(text, tuple(shape), classes)
    except SpecError as error:
        raise InterchangeError(f"volley train cannot go on with it: {error}") from None
    hard = any(g.fire and g.fire.reset == "hard" for g in groups)
    net = networks.Net(specs, ticks, hard=hard, votes=specs[-1].outputs // classes).eval()
    with torch.no_grad():
        for index, (group, layer) in enumerate(zip(groups, net.layers)):
            _fill(layer, group, group.stage.scale * (scale if index == 0 else 1.0))
        scores = _normalise(net, torch.from_numpy(pictures[:PICTURES]).float())
    reset = "hard" if hard else "soft"
    settings = {"net": text, "data": data, "ticks": ticks, "reset": reset, "seed": SEED}
    state = {"settings": {**settings, "gradient": "ticks"}, "net": net.state_dict(),
             "average": None, "rows": [], "log_scale": -torch.log(scores.std() + EPS),
             "optimiser": None}  # fmt: skip
    return state, text, reset


def _fill(layer, group, scale):
    """A layer's latent weights, and what makes a psum the current, in thresholds."""
    weight = group.stage.weight
    rows = np.abs(weight.reshape(len(weight), -1))
    magnitude = rows.mean(1)
    per_row = (-1,) + (1,) * (weight.ndim - 1)
    latent = np.clip(weight / magnitude.reshape(per_row) * LATENT, -1, 1)
    a, b = group.gain * magnitude * scale, np.broadcast_to(group.offset, magnitude.shape)
    if layer.spec.readout:
        # one gain for all classes: a class of negative gain has its weights the other way round
        latent = latent * np.sign(np.broadcast_to(a, magnitude.shape)).reshape(per_row)
        layer.bias.copy_(torch.from_numpy(b / np.mean(np.abs(a))))
    else:
        layer.gain.copy_(torch.from_numpy(a / group.fire.threshold))
        layer.beta.copy_(torch.from_numpy(b / group.fire.threshold))
    # the sign of 0 is +1 on both sides
    layer.weight.copy_(torch.from_numpy(latent))


def _normalise(net, pictures):
    """Takes mean and variance of each layer's psums, and gains and offsets that undo them; the scores."""
    x = pictures.permute(0, 2, 3, 1).unsqueeze(0).contiguous()
    for layer in net.layers[:-1]:
        y = layer.psum(x)
        mean, var = moments(y)
        gain = layer.gain * torch.sqrt(var + EPS)
        layer.beta += layer.gain * mean
        layer.gain.copy_(gain)
        layer.mean.copy_(mean)
        layer.var.copy_(var)
        x = if_bn(y, layer.gain, layer.beta, mean, var, ticks=net.ticks, pool=layer.spec.pool,
                  hard=net.hard)  # fmt: skip
    last = net.layers[-1]
    return last.psum(x).mean(0).flatten(1) + last.bias
