"""``volley import --check``: a library's own spikes against those of the imported model file.

Layers run one behind another on both sides, so that a layer's differences include those that the
layers before it cause.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from volley.firmware import npy
from volley.model import golden
from volley.model.interchange.chain import InterchangeError, refuse
from volley.model.interchange.neurons import copied

CHUNK = 50  # pictures of a call


@dataclass
class Check:
    """What a comparison found on N pictures.

    layers: (name, spikes of the library, spikes of the file, neurons x ticks x pictures, of those how
    many differ); classes: int64 [2, N], the library's and the file's.
    """

    layers: list[tuple[str, int, int, int, int]]
    classes: np.ndarray

    def table(self, labels=None) -> str:
        """Text for a terminal; labels: the right classes [N], if they are known."""
        width = max(len(row[0]) for row in self.layers + [("layer", 0, 0, 0, 0)])
        lines = [f"{'layer':{width}}   library spikes      file spikes   differ of all"]
        for name, theirs, ours, count, wrong in self.layers:
            lines.append(f"{name:{width}} {theirs:16,} {ours:16,}   {wrong:,} of {count:,} "
                         f"({100 * wrong / max(1, count):.4f} %)")  # fmt: skip
        number = self.classes.shape[1]
        other = int((self.classes[0] != self.classes[1]).sum())
        lines.append(f"classes that differ: {other} of {number}")
        if labels is not None:
            right = [int((found == labels).sum()) for found in self.classes]
            lines.append(f"right: library {right[0]}, file {right[1]} of {number}")
        return "\n".join(lines)


def compare(module, walk, model, images, scale) -> Check:
    """A Check of a module (walk: trace.walk of it) against its model on pictures uint8 [N,C,H,W], or on
    spike trains [N,T,C,H,W]."""
    golden.check_images(model, images)
    module = copied(module).eval()
    neurons = _same(module, walk)
    found = [layer for layer in model.layers if not layer.readout]
    if len(neurons) != len(found):
        raise refuse("(network)", f"{len(neurons)} neurons for {len(found)} firing layers",
                     "compare by the twin")  # fmt: skip
    totals, outputs = np.zeros((len(found), 3), np.int64), [0] * len(found)
    classes: list[np.ndarray] = []
    for at in range(0, len(images), CHUNK):
        part = images[at : at + CHUNK]
        theirs, scores = _run(module, neurons, walk, part, model.ticks, scale)
        ours = golden.run(model, part)
        for index, (mine, other) in enumerate(zip(ours.spikes, theirs)):
            rows, columns = found[index].map_shape[1:]
            if other.ndim == 5:  # without what pooling leaves out
                other = other[..., :rows, :columns]
            packed = np.packbits(other.reshape(model.ticks, len(part), -1), 0, bitorder="little")
            mine = mine if mine.ndim == 5 else mine[:, None]
            mine = mine[:, :, : other.shape[2]]  # copies and maps that come along are behind
            outputs[index] = other.shape[2]
            packed = packed.transpose(1, 0, 2).reshape(mine.shape)
            totals[index] += [int(np.bitwise_count(x).sum()) for x in (packed, mine, packed ^ mine)]
        classes.append(np.stack([scores.argmax(1), ours.labels]))
    rows = []
    for layer, channels, (theirs_, mine_, wrong) in zip(found, outputs, totals.tolist()):
        height, width = layer.map_shape[1:]
        count = len(images) * model.ticks * channels * height * width
        rows.append((layer.name, theirs_, mine_, count, wrong))
    return Check(rows, np.concatenate(classes, 1))


def _same(module, walk):
    """The neurons of a copied module, in the order of the walk."""
    inside = dict(module.named_modules())
    paths = [p for p, m in walk.links if any(m is n for n in walk.neurons())]
    return [inside.get(path, module) for path in paths]


def _run(module, neurons, walk, images, ticks, scale):
    """(spikes bool [T,N,...] of each neuron, scores [N,classes]) of the library."""
    for part in module.modules():
        for name in ("reset", "reset_mem"):
            if callable(getattr(part, name, None)):
                getattr(part, name)()
                break
    kept: list[list] = [[] for _ in neurons]
    hooks = [
        neuron.register_forward_hook(
            lambda m, i, o, kept=kept_: kept.append(
                (o[0] if isinstance(o, tuple) else o).clone()  # the network may add to it in place
            )
        )
        for neuron, kept_ in zip(neurons, kept)
    ]
    x = torch.from_numpy(images).float()
    if x.ndim == 5:  # spike trains, ticks first
        x = x.transpose(0, 1).contiguous()
        at = list(x)
    else:
        x *= scale
        at = [x] * ticks
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), x.dtype)
    x, at = x.to(dtype), [tick.to(dtype) for tick in at]
    with torch.no_grad():
        if walk.by_sequence:
            given = torch.stack(at)
            out = module(given.transpose(0, 1) if walk.batch_first else given)
        elif walk.ticks:
            out = module(x)
        else:
            outs = [module(tick) for tick in at]
            out = torch.stack([o[0] if isinstance(o, tuple) else o for o in outs])
    for hook in hooks:
        hook.remove()
    out = (out[0] if isinstance(out, tuple) else out).double()
    if out.ndim % 2:  # [T,N,C] or [T,N,C,H,W], not yet added up
        out = out.sum(0)
    spikes = []
    for neuron, found in zip(neurons, kept):
        sequence = getattr(neuron, "step_mode", "s") == "m"
        made = found[0] if sequence else torch.stack(found)
        spikes.append(made.numpy() != 0)
    scores = out.reshape(len(images), out.shape[1], -1).sum(2)
    return spikes, scores.double().numpy()


def samples(source, count, folder, model):
    """(pictures uint8 [N,C,H,W], labels or None): the test pictures of a data set, or a .npy file."""
    from volley.model.data import datasets

    if source in datasets.SETS:
        pictures, labels = datasets.load(source, "test", folder)
        return pictures[:count], labels[:count]
    if not source.endswith(".npy"):
        raise InterchangeError(
            f"--check: found {source!r}; allowed: {', '.join(datasets.SETS)}, or FILE.npy"
        )
    if not Path(source).is_file():
        raise InterchangeError(f"{source}: no such file; an array uint8 [N,C,H,W] is needed")
    try:
        pictures = npy.parse(Path(source).read_bytes())
    except npy.NpyError as error:
        raise InterchangeError(f"{source}: not a .npy file ({error})") from None
    if not pictures.size:
        raise InterchangeError(f"{source}: holds no picture; an array uint8 [N,C,H,W] is needed")
    if pictures.dtype == bool:
        pictures = pictures.astype(np.uint8)
    if pictures.ndim == 3:
        pictures = pictures[:, None]
    wanted = math.prod((model.channels, model.height, model.width))
    if pictures.size % wanted == 0 and pictures.ndim == 4 and model.height == model.width == 1:
        pictures = pictures.reshape(len(pictures), -1, 1, 1)
    return pictures[:count] if pictures.ndim else pictures, None
