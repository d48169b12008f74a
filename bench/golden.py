"""Images per second of the golden model, of spikingjelly and of snnTorch, same network and CPU.

    python bench/golden.py [MODEL] [--data mnist] [--limit 400]

They take turns in one run, and the best of each counts, so that other work on the machine hurts all
alike; a first run of each is not counted. bench/peers.py says what the others compute.
"""

import sys
import time

import page
import peers
import torch

from volley.firmware import modelfile
from volley.model import golden
from volley.model.data import datasets

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
    parser = page.parser("golden.py", __doc__)
    parser.add_argument(
        "model", nargs="?", default=page.SHIPPED, help="model file (the shipped one)"
    )
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
        return page.failed("golden.py", error)
    present, absent = peers.installed()
    if absent:
        print(f"not installed, so left out: {', '.join(absent)} ({peers.INSTALL})", file=sys.stderr)
    speed, same = compare(model, pictures, options.runs, present)
    for name, rate in speed.items():
        print(
            f"{name}: {rate:.0f} images/s, ratio {speed[OURS] / rate:.2f}, "
            f"same class {100 * same[name]:.2f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
