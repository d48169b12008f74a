"""Two networks of the libraries' own examples, trained there, made binary, and trained on by Volley.

    csnn      spikingjelly's CSNN: 128C3-P2-128C3-P2-2048-10 with batch normalisation, IF, hard reset, 4 ticks
    snntorch  snnTorch's convolutional tutorial network, 12 and 64 channels and 10 classes, soft reset, 8 ticks; with
              3x3 kernels for 5x5 ones, the pool after the neuron instead of before it, beta 1

    python bench/library_networks.py csnn

Trains the real-valued network with the library's neurons and surrogate gradient, imports it with binary
weights, trains on with ``volley train``, and prints what each step reached on MNIST's test pictures; then
cycles and scores on the simulated board. Files go to build/library_networks/.
"""

import argparse
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from volley.firmware import modelfile  # noqa: E402
from volley.firmware.files import BUILD, whole_file  # noqa: E402
from volley.model import golden  # noqa: E402
from volley.model.data import datasets  # noqa: E402

SHAPE = (1, 28, 28)
SCALE = 1 / 255
BATCH = 25


def csnn():
    """(module, ticks) of spikingjelly's CSNN, one tick a call."""
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    def block(inputs):
        return [layer.Conv2d(inputs, 128, 3, padding=1, bias=False), layer.BatchNorm2d(128),
                neuron.IFNode(), layer.MaxPool2d(2, 2)]  # fmt: skip

    return nn.Sequential(*block(1), *block(128), layer.Flatten(),
                         layer.Linear(128 * 49, 2048, bias=False), neuron.IFNode(),
                         layer.Linear(2048, 10, bias=False), neuron.IFNode()), 4  # fmt: skip


def snntorch():
    """(module, ticks) of snnTorch's tutorial network as Volley can run it, one tick a call."""
    import snntorch as snn
    from torch import nn

    def leaky():
        return snn.Leaky(beta=1.0, init_hidden=True)

    return nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), leaky(), nn.MaxPool2d(2),
                         nn.Conv2d(12, 64, 3, padding=1), leaky(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(64 * 49, 10), leaky()), 8  # fmt: skip


NETWORKS = {"csnn": csnn, "snntorch": snntorch}
RATES = {"csnn": 2e-4, "snntorch": 1e-3}
"""Learning rates of the libraries' training: 2048 inputs of one sign make a step of the CSNN's outputs large, and silence them."""
PORTS = {"csnn": "sim:acorn", "snntorch": "sim"}
"""Where the network's weights stay on the chip or, of the CSNN's last layers, come over PCIe."""


def clear(module):
    """Clears the membranes of either library's neurons."""
    for part in module.modules():
        for name in ("reset", "reset_mem"):
            if callable(getattr(part, name, None)):
                getattr(part, name)()
                break


def rates(module, ticks, pictures):
    """Mean output per tick [N, classes] of pictures uint8."""
    import torch

    clear(module)
    x = torch.from_numpy(pictures).float() * SCALE
    return sum(module(x) for _ in range(ticks)) / ticks


def train_real(module, ticks, pictures, labels, rate):
    """One epoch with the library's surrogate gradient; cross-entropy of the rates."""
    import torch
    import torch.nn.functional as F

    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    module.train()
    for at in range(0, len(labels) - BATCH + 1, BATCH):
        wanted = torch.from_numpy(labels[at : at + BATCH]).long()
        loss = F.cross_entropy(10 * rates(module, ticks, pictures[at : at + BATCH]), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    module.eval()


def accuracy(module, ticks, pictures, labels):
    """Share of the library's classes that are right."""
    import torch

    right = 0
    with torch.no_grad():
        for at in range(0, len(labels), BATCH):
            found = rates(module, ticks, pictures[at : at + BATCH]).argmax(1).numpy()
            right += int((found == labels[at : at + BATCH]).sum())
    return right / len(labels)


def share(model, pictures, labels):
    """Share of the golden model's classes that are right."""
    return float(np.mean(golden.run(model, pictures, layers=False).labels == labels))


def on_board(path, model, pictures, port):
    """Prints cycles of the simulated board; raises where a score is not the golden model's."""
    from volley.host import Device

    wanted = golden.run(model, pictures, layers=False).scores
    with Device.open(port) as device:
        device.load(path)
        found = [device.infer(picture) for picture in pictures]
    for result, scores in zip(found, wanted):
        np.testing.assert_array_equal(result.scores, scores)
    result = found[0]
    print(f"simulated board {port}: {result.cycles:,} cycles a picture ({', '.join(f'{n:,}' for n in result.layer_cycles)} "
          f"by layer), {1e6 / result.latency_us:,.0f} images/s of the core; scores of {len(found)} "
          "pictures are the golden model's")  # fmt: skip


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench/library_networks.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("network", choices=list(NETWORKS))
    add("--pictures", type=int, default=4000, metavar="N", help="of the real training (4000)")
    add("--epochs", type=int, default=4, help="of the binary training (4)")
    add("--epoch-pictures", type=int, default=10000, metavar="N", help="of such an epoch (10000)")
    add("--board-pictures", type=int, default=2, metavar="N", help="on the simulated board (2)")
    add("--test-pictures", type=int, default=10000, metavar="N", help="at the end (10000)")
    add("--port", help=f"simulated board (default: {PORTS})")
    add("--data-dir", metavar="DIR", help="folder of the data sets")
    options = parser.parse_args(arguments)
    import torch

    from volley.model import train
    from volley.model.interchange import check, finetune, torch_import
    from volley.model.interchange.fold import fold

    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        pictures, labels = datasets.load("mnist", "train", options.data_dir)
        test, right = datasets.load("mnist", "test", options.data_dir)
        module, ticks = NETWORKS[options.network]()
    except (datasets.DataError, ModuleNotFoundError) as error:
        print(f"library_networks.py: {error}", file=sys.stderr)
        return 2
    folder = BUILD / "library_networks"
    folder.mkdir(parents=True, exist_ok=True)
    began = time.time()
    train_real(
        module,
        ticks,
        pictures[: options.pictures],
        labels[: options.pictures],
        RATES[options.network],
    )
    print(f"real weights, {options.pictures} pictures: {100 * accuracy(module, ticks, test[:1000], right[:1000]):.2f} % "
          f"of 1,000 by the library, {time.time() - began:.0f} s", flush=True)  # fmt: skip
    net = torch_import.read(module, SHAPE)
    model = fold(net.stages, SHAPE, ticks, options.network, scale=SCALE, binarise=True, log=print)
    print(check.compare(module, net.walk, model, test[:100], SCALE).table(right[:100]))
    print(f"binarised: {100 * share(model, test[:1000], right[:1000]):.2f} % of 1,000", flush=True)
    state, text, reset = finetune.start(net.stages, SHAPE, ticks, "mnist", SCALE, pictures)
    start, tuned = (
        folder / f"{options.network}-start.ckpt",
        folder / f"{options.network}.safetensors",
    )
    with whole_file(start) as part:
        torch.save(state, part)
    given = ["--net", text, "--data", "mnist", "--ticks", str(ticks), "--reset", reset,
             "--init", str(start), "--rate-epochs", "0", "--epochs", str(options.epochs),
             "--epoch-pictures", str(options.epoch_pictures), "--gradient", "rate", "--batch", "50",
             "--test-limit", "1000", "--threads", "1", "--force", "--out", str(tuned)]  # fmt: skip
    given += ["--data-dir", options.data_dir] if options.data_dir else []
    print("volley train " + " ".join(given), flush=True)
    began = time.time()
    code = train.main(given)
    if code:
        return code
    model = modelfile.load(tuned)
    test, right = test[: options.test_pictures], right[: options.test_pictures]
    print(f"trained on for {time.time() - began:.0f} s: {100 * share(model, test, right):.2f} % of "
          f"{len(right):,} test pictures, integer golden model", flush=True)  # fmt: skip
    if options.board_pictures:
        on_board(
            tuned, model, test[: options.board_pictures], options.port or PORTS[options.network]
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
