"""Images per second of the golden model and of spikingjelly, same network, same CPU, same run.

    python bench/golden.py [MODEL] [--data mnist] [--limit 400]

spikingjelly runs the model file's weights with thresholds normalised to 1, all ticks in one call
(multi-step mode), the encoding convolution once per picture. Its first run is not counted. The two
take turns, and the best of each counts, so that other work on the machine hurts both alike.
"""

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch  # noqa: E402
from torch import nn  # noqa: E402

from firmware import modelfile  # noqa: E402
from model import datasets, golden  # noqa: E402

SHIPPED = Path(__file__).resolve().parents[1] / "model" / "pretrained" / "mnist.safetensors"
INSTALL = "pip install --no-deps spikingjelly && pip install loguru"


class Jelly(nn.Module):
    """A model file as a spikingjelly network; forward: pictures float [N,C,H,W] to scores."""

    def __init__(self, model):
        super().__init__()
        from spikingjelly.activation_based import functional, neuron

        self.reset_net = functional.reset_net
        self.ticks, self.layers = model.ticks, model.layers
        self.sums, self.nodes, self.starts = nn.ModuleList(), nn.ModuleList(), []
        for layer in model.layers:
            scale = torch.ones(layer.outputs)
            if not layer.readout:
                scale = 2.0**model.fraction_bits / torch.from_numpy(layer.threshold)
                self.starts.append(torch.from_numpy(layer.v_init / layer.threshold).float())
                self.nodes.append(
                    neuron.IFNode(step_mode="m", v_reset=0.0 if model.reset == "hard" else None)
                )
            if layer.kind == "conv":
                part = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, padding=layer.padding)
            else:
                part = nn.Linear(layer.inputs, layer.outputs)
            shape = (-1,) + (1,) * (layer.weight.ndim - 1)
            part.weight.data = torch.from_numpy(layer.weight).float() * scale.view(shape)
            part.bias.data = (
                -torch.from_numpy(layer.bias) / 2.0**model.fraction_bits * scale
            ).float()
            self.sums.append(part)

    def forward(self, x):
        """Mean scores [N, classes]."""
        self.reset_net(self)
        for index, layer in enumerate(self.layers):
            rows = x if layer.encode else x.flatten(0, 1)
            y = self.sums[index](rows.flatten(1) if layer.kind == "dense" else rows)
            y = (
                y.expand(self.ticks, *y.shape)
                if layer.encode
                else y.view(self.ticks, -1, *y.shape[1:])
            )
            if layer.readout:
                return y.mean(0)
            y = y.clone() if layer.encode else y
            y[0] += self.starts[index].view(-1, *(1,) * (y.ndim - 3))
            x = self.nodes[index](y)
            if layer.pool == 2:
                x = nn.functional.max_pool2d(x.flatten(0, 1), 2).unflatten(0, (self.ticks, -1))
        return x.mean(0).flatten(2).sum(2) if x.ndim > 3 else x.mean(0)


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench/golden.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="?", default=SHIPPED, help="model file (the shipped one)")
    parser.add_argument("--data", default="mnist", choices=list(datasets.SETS))
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data sets")
    parser.add_argument("--limit", type=int, default=400, metavar="N", help="pictures a run (400)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (5)")
    options = parser.parse_args(arguments)
    try:
        model = modelfile.load(options.model)
        pictures = datasets.load(options.data, "test", options.data_dir)[0][: options.limit]
        golden.check_images(model, pictures)
    except (modelfile.ModelError, datasets.DataError, golden.GoldenError) as error:
        print(f"bench/golden.py: {error}", file=sys.stderr)
        return 2
    try:
        jelly = Jelly(model).eval()
    except ImportError as error:
        print(
            f"bench/golden.py: spikingjelly is not installed ({error}); {INSTALL}", file=sys.stderr
        )
        return 2
    inputs = torch.from_numpy(pictures).float()

    @torch.no_grad()
    def theirs():
        return torch.cat([jelly(part) for part in inputs.split(100)])

    best = {}
    result, scores = golden.run(model, pictures, layers=False), theirs()
    for _ in range(options.runs):
        for name, work in (
            ("golden model", lambda: golden.run(model, pictures, layers=False)),
            ("spikingjelly", theirs),
        ):
            began = time.perf_counter()
            work()
            best[name] = min(best.get(name, 1e9), time.perf_counter() - began)
    for name, seconds in best.items():
        print(f"{name}: {len(pictures) / seconds:.0f} images/s")
    same = (scores.argmax(1).numpy() == result.labels).mean()
    print(f"same class: {100 * same:.2f} %")
    print(f"ratio: {best['spikingjelly'] / best['golden model']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
