"""The integer golden model: what the hardware must compute, spike by spike and score by score.

It reads a model file (firmware.modelfile) and nothing else, and uses numpy alone. Per layer:

    x_t = sum of w * s_t                 spike layer; of a mean, w * the sum of its spikes
    x_t = sum of w * pixel, every t      first layer of a picture
    v   = v - ((v + 2^(k-1)) >> k)       leak, k > 0; leak_first: before a soft reset, not behind it
    v   = saturate24(v + 2^F * x_t - bias);  spike_t = v >= threshold
    v   = 0 (hard reset)  or  v - threshold (soft reset)   on a spike
    readout: score = saturate32(score + 2^F * x_t - bias)

Behind a mean of n spikes bias, threshold and v_init count n times. The score of a class with several
outputs (votes) is their sum.

Spike trains are bytes: bit t is tick t, and more than 8 ticks take several bytes.

Why it is fast and still exact: psums come from float32 matrix products (BLAS), whose terms and
sums are integers below 2^24. A float32 has room for the sums of two ticks at once, PAIR apart, so
where no psum can reach PAIR/2 a product computes two ticks. Pictures go through in small chunks
that stay in the cache; with threadpoolctl installed, on several threads.

    python model/golden.py MODEL --data mnist --limit 1000
"""

from __future__ import annotations

import math
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

try:
    from threadpoolctl import ThreadpoolController
except ImportError:  # optional: makes long runs faster
    ThreadpoolController = None

from volley.firmware import modelfile, pipe  # noqa: E402
from volley.firmware.isa import MEMBRANE_MAX, MEMBRANE_MIN  # noqa: E402

SCORE_MIN, SCORE_MAX = -(2**31), 2**31 - 1
EXACT = 2**24  # float32 holds every integer up to here
PAIR = 4096  # weight of the second tick of a pair
CHUNK_NEURONS = 200_000  # neurons of the largest map that go through together


class GoldenError(ValueError):
    """Pictures that do not fit the model; says what was found and what is allowed."""


@dataclass
class Result:
    """What a model computes for N pictures.

    scores int64 [N, classes]; labels int64 [N], the largest score, the lowest index on a tie;
    spike_counts int64 [N, firing layers], before pooling. With layers=True also, for each firing
    layer, spikes (before pooling) and maps (after): uint8 [N,C,H,W], bit t = tick t; for more than
    8 ticks [N, ceil(ticks/8), C,H,W].
    """

    scores: np.ndarray
    labels: np.ndarray
    spike_counts: np.ndarray
    spikes: list[np.ndarray]
    maps: list[np.ndarray]


def run(model, images, layers=True, threads=None):
    """Run a model on pictures or spike trains.

    model: firmware.modelfile.Model; images: uint8 [N,C,H,W] of the model's size, of spikes
    [N,T,C,H,W] counts up to the model's ``most``; layers: whether
    to keep the spikes of each layer; threads: None for one per core. Returns a Result; raises
    GoldenError for pictures that do not fit.
    """
    check_images(model, images)
    largest = max(math.prod(layer.map_shape) for layer in model.layers)
    size = max(1, CHUNK_NEURONS // largest)
    chunks = [images[at : at + size] for at in range(0, len(images), size)]
    if len(chunks) < 2 or ThreadpoolController is None:
        parts = [_run_chunk(model, chunk, layers) for chunk in chunks or [images]]
    else:
        # One BLAS thread for each of our own: many BLAS threads for many callers get in each
        # other's way.
        with (
            ThreadpoolController().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(threads or os.cpu_count()) as pool,
        ):
            parts = list(pool.map(lambda chunk: _run_chunk(model, chunk, layers), chunks))
    scores, counts, spikes, maps = zip(*parts)
    scores = np.concatenate(scores)
    return Result(
        scores,
        scores.argmax(1),
        np.concatenate(counts),
        [np.concatenate(p) for p in zip(*spikes)],
        [np.concatenate(p) for p in zip(*maps)],
    )


def check_images(model, images):
    """Raise GoldenError unless images is uint8 [N, ...] of the model's input size and range."""
    shape = model.input_shape
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise GoldenError(
            f"images: found {images.dtype} of shape {list(images.shape)}; allowed: "
            f"uint8 of shape [N, {', '.join(map(str, shape))}]"
        )
    if model.kind == "spikes":
        if images.size and images.max() > model.most:
            raise GoldenError(
                f"images: found {images.max()} spikes in a tick; allowed: 0 to {model.most}"
            )
        return
    if images.size and images.max() >> model.bits:
        raise GoldenError(
            f"images: found a pixel of {images.max()}; allowed: 0 to "
            f"{2**model.bits - 1} ({model.bits} bits)"
        )


def _run_chunk(model, images, keep):
    """(scores, spike counts, [spikes], [maps]) of a few pictures, as in Result."""
    n, counts, spikes, maps = len(images), [], [], []
    scores, x, sums = None, None, None
    if model.kind == "spikes":
        sums = images.transpose(1, 0, 3, 4, 2)
    for layer in model.layers:
        if layer.encode:
            drives = _encode_psums(layer, images.transpose(0, 2, 3, 1))
        elif sums is not None:  # more than one spike a tick
            drives = _sum_psums(layer, sums)
        else:
            drives = _spike_psums(layer, x, model.ticks)
        if layer.readout:
            scores = _readout(model, layer, drives).reshape(n, -1)
            break
        _, rows, columns = layer.map_shape  # without what pooling leaves out
        drives = drives[:, :, :rows, :columns]
        x = _fire(model, layer, drives)  # [groups, n, H, W, C] bytes
        counts.append(np.bitwise_count(x).sum((0, 2, 3, 4), dtype=np.int64))
        if keep:
            spikes.append(_public(x))
        sums = _block_sums(x, layer.pool, model.ticks) if layer.pool_kind == "mean" else None
        if layer.pool_kind == "or" and layer.pool == 2:
            x = x[:, :, ::2, ::2] | x[:, :, ::2, 1::2] | x[:, :, 1::2, ::2] | x[:, :, 1::2, 1::2]
        if keep:
            maps.append(_public(x))
    if scores is None:  # the model ends in a firing layer
        scores = np.bitwise_count(x).sum((0, 2, 3), dtype=np.int64)
    scores = scores.reshape(n, len(model.classes), model.votes).sum(2)
    return scores, np.reshape(counts, (len(counts), n)).T.astype(np.int64), spikes, maps


def _public(x):
    """Bytes [groups,n,H,W,C] as [n,C,H,W], or [n,groups,C,H,W] when there are several groups."""
    x = x.transpose(1, 0, 4, 2, 3)
    return np.ascontiguousarray(x[:, 0] if x.shape[1] == 1 else x)


def _matrix(layer):
    """Weights as a float matrix [inputs, out], inputs in the order (ky, kx, c) or (y, x, c)."""
    if layer.kind == "conv":
        weight = layer.weight.transpose(2, 3, 1, 0)
    else:
        weight = layer.weight.reshape(-1, *layer.in_shape).transpose(2, 3, 1, 0)
    return weight.reshape(-1, layer.outputs)


def _product(layer, x, dtype):
    """Layer's weights times maps x [n,H,W,C]: [n,H,W,out], both in the given float dtype."""
    n, h, w, c = x.shape
    k, p, step = layer.kernel, layer.padding, layer.stride
    if layer.kind == "dense":
        rows, h, w = x.reshape(n, -1), 1, 1
    elif (k, p, step) == (1, 0, 1):
        rows = x.reshape(-1, c)
    else:
        padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (1, 2))
        windows = windows[:, ::step, ::step]
        h, w = windows.shape[1:3]
        rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * h * w, k * k * c)
    return (rows @ _matrix(layer).astype(dtype)).reshape(n, h, w, layer.outputs)


def _encode_psums(layer, pixels):
    """Psums [1, n,H,W,out] int64 of pixels uint8 [n,H,W,C]; the same for every tick."""
    terms = len(_matrix(layer))
    dtype = np.float32 if 255 * terms < EXACT else np.float64
    return _product(layer, pixels.astype(dtype), dtype).astype(np.int64)[None]


def _sum_psums(layer, sums):
    """Psums [ticks, n,H,W,out] int64 of uint8 sums of spikes [ticks, n,H,W,C]."""
    dtype = np.float32 if 255 * len(_matrix(layer)) < EXACT else np.float64
    found = _product(layer, sums.reshape(-1, *sums.shape[2:]).astype(dtype), dtype)
    return found.astype(np.int64).reshape(*sums.shape[:2], *found.shape[1:])


def _block_sums(x, size, ticks):
    """Spikes of each block of size x size pixels: int64 [ticks, n,H/size,W/size,C]."""
    spikes = np.stack([x[t // 8] >> t % 8 & 1 for t in range(ticks)])
    t, n, h, w, c = spikes.shape
    blocks = spikes.reshape(t, n, h // size, size, w // size, size, c)
    return blocks.sum((3, 5), dtype=np.int64)


def _spike_psums(layer, x, ticks):
    """Psums [ticks, n,H,W,out] int32 of spike bytes x [groups, n,H,W,C]."""
    paired = len(_matrix(layer)) < PAIR // 2
    step = 2 if paired else 1
    byte = np.arange(256)
    words = []
    for t in range(0, ticks, step):
        table = (byte >> t % 8) & 1
        if paired and t + 1 < ticks:
            table = table + PAIR * (byte >> (t + 1) % 8 & 1)
        words.append(table.astype(np.float32)[x[t // 8]])
    sums = _product(layer, np.concatenate(words), np.float32).astype(np.int32)
    sums = sums.reshape(len(words), -1, *sums.shape[1:])
    if not paired:
        return sums
    # sums = first + PAIR * second, with -PAIR/2 < first < PAIR/2
    first = ((sums + PAIR // 2) & (PAIR - 1)) - PAIR // 2
    second = (sums - first) // PAIR
    return np.stack([first, second], 1).reshape(-1, *sums.shape[1:])[:ticks]


def _fire(model, layer, psums):
    """Integrate and fire: bytes [groups, n,H,W,out] from psums [ticks or 1, n,H,W,out]."""
    # int32 holds v and its next sum unless the psums are huge; no value is ever rounded or wrapped.
    shift, leak = model.fraction_bits_of(layer), layer.leak
    bias, threshold, v_init = (
        a.astype(np.int64) * layer.mean_of for a in (layer.bias, layer.threshold, layer.v_init)
    )
    largest = (int(np.abs(psums).max(initial=0)) << shift) + _most(bias)
    dtype = np.int32 if largest < 2**30 else np.int64
    saturates = leak or _most(v_init) + model.ticks * largest > MEMBRANE_MAX
    bias, threshold, v_init = (a.astype(dtype) for a in (bias, threshold, v_init))
    out = np.zeros((-(-model.ticks // 8), *psums.shape[1:]), np.uint8)
    v = np.broadcast_to(v_init, psums.shape[1:]).copy()
    drive, late = None, None  # late: thresholds to be subtracted behind the leak
    for t in range(model.ticks):
        if drive is None or len(psums) > 1:
            drive = (psums[t].astype(dtype) << shift) - bias
        if leak:
            v -= (v + (1 << leak - 1)) >> leak
            if late is not None:
                v -= late
        v += drive
        if saturates:
            np.clip(v, MEMBRANE_MIN, MEMBRANE_MAX, out=v)
        fired = v >= threshold
        if leak and layer.leak_first and model.reset == "soft":
            late = fired * threshold
        else:
            v -= fired * (v if model.reset == "hard" else threshold)
        out[t // 8] |= fired.view(np.uint8) << t % 8
    return out


def _most(values):
    """Largest absolute value of an int32 array."""
    return int(np.abs(values.astype(np.int64)).max())


def _readout(model, layer, psums):
    """Scores int64 [n,1,1,classes]: the drives of all ticks, saturated to 32 bits at each."""
    score = np.zeros(psums.shape[1:], np.int64)
    for t in range(model.ticks):
        x = psums[min(t, len(psums) - 1)].astype(np.int64)
        score += (x << model.fraction_bits_of(layer)) - layer.bias.astype(np.int64) * layer.mean_of
        np.clip(score, SCORE_MIN, SCORE_MAX, out=score)
    return score


def main(arguments=None):
    """Command line: accuracy of a model file on a data set; returns the exit code."""
    from volley.model.data import datasets, sources

    parser = pipe.Parser(
        prog="golden.py",
        description="Accuracy of a model file on test pictures, by the integer golden model.",
    )
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument("--data", required=True, metavar="SET", help=sources.HELP)
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of the data sets (default: $VOLLEY_DATA, or ./data)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="the first N test pictures only")
    options = parser.parse_args(arguments)
    try:
        if options.limit is not None and options.limit < 1:
            raise GoldenError(f"--limit: found {options.limit}; allowed: 1 or more")
        model = modelfile.load(options.model)
        own = None if options.data in datasets.SETS else model.input_shape
        if own and model.kind == "spikes":
            raise GoldenError(
                f"{options.model} takes spike trains; --data {options.data} has pictures"
            )
        classes = sources.data_set(options.data, own).classes
        sources.check_classes(options.data, classes, options.model, model.classes)
        pictures, labels = sources.load(
            options.data, "test", options.data_dir, own, ticks=model.ticks, limit=options.limit
        )
        pictures, labels = pictures[: options.limit], labels[: options.limit]
        began = time.perf_counter()
        result = run(model, pictures, layers=False)
        seconds = time.perf_counter() - began
    except (modelfile.ModelError, datasets.DataError, GoldenError, OSError) as error:
        return pipe.fail("golden.py", error)
    right = int((result.labels == labels).sum())
    firing = [layer for layer in model.layers if not layer.readout]
    for index, layer in enumerate(firing):
        neurons = len(labels) * math.prod(layer.map_shape) * model.ticks
        print(f"{layer.name}: firing rate {result.spike_counts[:, index].sum() / neurons:.4f}")
    print(
        f"{right} of {len(labels)} right: {100 * right / len(labels):.2f} %, "
        f"{len(labels) / seconds:.0f} images/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
