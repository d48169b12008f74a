"""Images per second of the golden model, of spikingjelly and of snnTorch, same network and CPU.

    python bench/golden.py [MODEL] [--data mnist] [--limit 400]

They take turns in one run, and the best of each counts, so that other work on the machine hurts all
alike; a first run of each is not counted. bench/peers.py says what the others compute.
"""

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peers  # noqa: E402
import torch  # noqa: E402

from volley.firmware import modelfile  # noqa: E402
from volley.model import golden  # noqa: E402
from volley.model.data import datasets  # noqa: E402

SHIPPED = Path(__file__).resolve().parents[1] / "model" / "pretrained" / "mnist.safetensors"
OURS = "golden model"


@torch.no_grad()
def compare(model, pictures, runs, networks=peers.ALL):
    """({name: images/s}, {name: share of pictures with the golden model's class}).

    pictures: uint8 [N,C,H,W]. networks: classes of bench.peers; ImportError if one is not installed.
    """
    inputs = torch.from_numpy(pictures).float()

    def work_of(network):
        return lambda: torch.cat([network(part) for part in inputs.split(100)]).argmax(1).numpy()

    work = {OURS: lambda: golden.run(model, pictures, layers=False).labels}
    work |= {network.name: work_of(network(model).eval()) for network in networks}
    labels = {name: one() for name, one in work.items()}
    seconds = dict.fromkeys(work, float("inf"))
    for _ in range(runs):
        for name, one in work.items():
            began = time.perf_counter()
            one()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    speed = {name: len(pictures) / best for name, best in seconds.items()}
    same = {name: float((found == labels[OURS]).mean()) for name, found in labels.items()}
    return speed, same


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
        speed, same = compare(model, pictures, options.runs)
    except ImportError as error:
        print(f"bench/golden.py: {error}; {peers.INSTALL}", file=sys.stderr)
        return 2
    for name, rate in speed.items():
        print(
            f"{name}: {rate:.0f} images/s, ratio {speed[OURS] / rate:.2f}, "
            f"same class {100 * same[name]:.2f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
