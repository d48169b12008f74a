"""A checkpoint of a model file's network, to train on from: ``--init`` and ``--teacher`` take model files too.

A model file holds signs and integers. Latent weights become the sign times LATENT, so that training
decides again which of them turn; normalisation becomes the one that folds into the file's bias and
threshold, with mean and variance of the psums measured on training pictures.

A checkpoint by itself, for another number of ticks (run from the repository's root):

    python model/training/from_model.py model/pretrained/cifar10.safetensors --data cifar10 --ticks 4 \\
        --out t4.ckpt
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np  # noqa: E402

from volley.firmware import modelfile, pipe  # noqa: E402
from volley.model.data import sources  # noqa: E402
from volley.model.training import checkpoint  # noqa: E402
from volley.model.training.checkpoint import ResumeError  # noqa: E402

LATENT = 0.1  # magnitude of the latent weights, as the largest of a fresh network's
PICTURES = 500  # that means and variances are measured on
SEED = 1
SMOOTH = 0.02  # label smoothing where the scores' scale is measured


def is_model(path):
    """Whether a path names a model file and not a checkpoint."""
    return str(path).endswith(".safetensors")


def text_of(model, path="the model"):
    """The network as --net takes it; ResumeError for a layer that training has no words for."""
    words = []
    for layer in model.layers:
        plain = layer.plain and layer.pool in (1, 2) and layer.pool_kind == "or" and not layer.leak
        if not plain or model.kind != "picture" or model.bits != 8:
            raise ResumeError(
                f"{path}: layer {layer.name}: training has 1x1 and 3x3 kernels, 2x2 OR-pools and "
                "neurons without a leak, on pictures of 8 bits; name a checkpoint (OUT.ckpt)"
            )
        conv = layer.kind == "conv"
        words.append(f"{layer.outputs}C{layer.kernel}" if conv else f"{layer.outputs}")
        words += ["P2"] * (layer.pool == 2)
    if not model.layers[-1].readout:
        raise ResumeError(f"{path}: has no readout; name a checkpoint (OUT.ckpt)")
    return "-".join(words)


def state_of(path, data, pictures, labels, ticks=None, classes=None):
    """The dict of a checkpoint (checkpoint.KEYS) with a model file's network.

    data: the data set's name; pictures uint8 [N,C,H,W] and labels of its training part, to measure
    means, variances and the scale of the scores on; ticks: None for the model's own; classes: the
    data set's. Raises ResumeError, and DataError where the classes are others.
    """
    import torch

    from volley.model.nets import net as networks

    try:
        model = modelfile.load(path)
    except modelfile.ModelError as error:
        raise ResumeError(str(error)) from None
    if classes is not None:
        sources.check_classes(data, classes, path, model.classes)
    text = text_of(model, path)
    if pictures.shape[1:] != model.input_shape:
        have, wanted = ("x".join(map(str, s)) for s in (pictures.shape[1:], model.input_shape))
        raise ResumeError(f"{path}: takes pictures of {wanted}; those of {data} are {have}")
    specs = networks.parse(text, model.input_shape, len(model.classes))
    ticks = ticks or model.ticks
    net = networks.Net(specs, ticks, hard=model.reset == "hard", votes=model.votes).eval()
    x = torch.from_numpy(pictures[:PICTURES]).float()
    with torch.no_grad():
        scores = _fill(net, model, x)
        log_scale = _scale(scores, torch.from_numpy(labels[:PICTURES].astype(np.int64)))
    settings = dict(net=text, data=data, ticks=ticks, reset=model.reset, seed=SEED)
    return {
        "settings": {**settings, "gradient": "ticks"},
        "net": net.state_dict(),
        "average": None,
        "rows": [],
        "log_scale": log_scale,
        "optimiser": None,
    }


def _fill(net, model, pictures):
    """Sets a Net's weights and normalisation to a Model's; returns its scores of the pictures."""
    import torch

    from volley.model.nets.neuron import EPS, if_bn, moments

    x = pictures.permute(0, 2, 3, 1).unsqueeze(0).contiguous()
    for layer, given in zip(net.layers, model.layers):
        unit = 2.0 ** model.fraction_bits_of(given)
        layer.weight.copy_(torch.from_numpy(given.weight * LATENT))
        bias = torch.from_numpy(given.bias / unit).float()
        if given.readout:
            layer.bias.copy_(-bias)
            break
        threshold = torch.from_numpy(given.threshold / unit).float()
        psum = layer.psum(x)
        mean, _ = moments(psum)
        # training normalises the mean over the ticks
        _, var = moments(psum.mean(0, keepdim=True).contiguous())
        layer.mean.copy_(mean)
        layer.var.copy_(var)
        layer.gain.copy_((var + EPS).sqrt() / threshold)
        layer.beta.copy_((mean - bias) / threshold)
        how = dict(ticks=net.ticks, pool=layer.spec.pool, hard=net.hard)
        x = if_bn(psum, layer.gain, layer.beta, mean, var, **how)
    last = net.layers[-1]
    scores = last.psum(x).mean(0).flatten(1) + last.bias
    return scores.unflatten(1, (-1, net.votes)).sum(2)


def _scale(scores, labels):
    """log of the factor of the scores at which their cross-entropy is least, to a quarter.

    Labels are smoothed: where every picture is right, as many of those trained on are, cross-entropy
    itself only falls with the factor.
    """
    import torch
    import torch.nn.functional as F

    tried = torch.arange(-8.0, 4.0, 0.25)
    losses = [
        F.cross_entropy(scores * scale.exp(), labels, label_smoothing=SMOOTH) for scale in tried
    ]
    return tried[int(torch.stack(losses).argmin())].clone()


def main(arguments=None):
    """Command line; returns the exit code."""
    from volley.model.data import datasets

    parser = pipe.Parser(
        prog="from_model.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="model file (.safetensors)")
    parser.add_argument("--data", required=True, choices=list(datasets.SETS), help="its data set")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data sets")
    parser.add_argument("--ticks", type=int, help="of the checkpoint (the model's)")
    parser.add_argument("--out", required=True, metavar="CKPT", help="checkpoint to write")
    options = parser.parse_args(arguments)
    try:
        train = datasets.load(options.data, "train", options.data_dir)
        classes = datasets.SETS[options.data].classes
        state = state_of(options.model, options.data, *train, options.ticks, classes)
        checkpoint.write(options.out, state)
    except (ValueError, OSError) as error:
        return pipe.fail("from_model.py", error)
    print(f"{options.out}: {state['settings']['net']}, {state['settings']['ticks']} ticks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
