"""Training pictures per second, with the kernels of kernels.cpp and without, in one run.

    python bench/training.py [--net 64C3-...] [--shape 3x32x32] [--batch 50] [--steps 3] [--threads 1]

The first table is a step of training (forward, backward, optimiser) in each way, on the CPU and on
the accelerators that PyTorch finds. The second is one
3x3 convolution with its gradients, 128 to 128 channels of 16x16 pixels, as PyTorch computes it with
the two memory layouts and in bfloat16, and as winograd.py does. The ways take turns and the best of
each counts, so that other work on the machine hurts all alike; a first round is not counted.
"""

import sys
import time

import page
import torch
import torch.nn.functional as F

from volley.model.nets import native, winograd
from volley.model.nets import net as networks
from volley.model.training import devices

CIFAR = "64C3-64C3-P2-128C3-128C3-P2-256C3-256C3-P2-10"


def best(ways, rounds):
    """Seconds of the quickest call of each of `ways`, a dict of functions; they take turns."""
    seconds = dict.fromkeys(ways, float("inf"))
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if turn:
                seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds


WAYS = {  # (rate stage, gradient of rates, kernels, bfloat16)
    "rate, torch": (True, False, "torch", False),
    "rate, native": (True, False, "native", False),
    "rate, native, --half": (True, False, "native", True),
    "spikes, --gradient ticks, torch": (False, False, "torch", False),
    "spikes, --gradient ticks, native": (False, False, "native", False),
    "spikes, --gradient rate, native": (False, True, "native", False),
    "spikes, --gradient rate, native, --half": (False, True, "native", True),
}


def stage_step(options, rate, by_rate, kernels, half, device="cpu"):
    """A function that takes one optimiser step on random pictures, and waits for it."""
    shape = tuple(map(int, options.shape.split("x")))
    net = networks.Net(networks.parse(options.net, shape, 10), options.ticks).train().to(device)
    net.rate, net.by_rate = rate, by_rate
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)
    x = torch.randint(0, 256, (options.batch, *shape)).float().to(device)
    labels = torch.randint(0, 10, (options.batch,)).to(device)

    def step():
        native.use(kernels, half)
        optimiser.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=half and device != "cpu"):
            loss = F.cross_entropy(net(x) * 0.01, labels)
        loss.backward()
        optimiser.step()
        net.clip_weights()
        if device != "cpu":
            loss.item()  # waits for the device

    return step


def convolutions(batch):
    """Functions that run a convolution forward and backward, by name."""
    weight = torch.randn(128, 128, 3, 3).sign()
    maps = torch.randn(batch, 128, 16, 16)

    def plain(dtype, layout):
        x, w = (t.to(dtype, memory_format=layout).requires_grad_() for t in (maps, weight))
        return lambda: F.conv2d(x, w, padding=1).sum().backward()

    rows = maps.permute(0, 2, 3, 1).contiguous().requires_grad_()
    own = weight.clone().requires_grad_()

    def tiled(half):
        native.use("native", half)
        winograd.conv3x3(rows, own).sum().backward()

    return {
        "conv2d": plain(torch.float32, torch.contiguous_format),
        "conv2d, channels last": plain(torch.float32, torch.channels_last),
        "conv2d, bfloat16": plain(torch.bfloat16, torch.channels_last),
        "winograd.py": lambda: tiled(False),
        "winograd.py, --half": lambda: tiled(True),
    }


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = page.parser("training.py", __doc__)
    parser.add_argument("--net", default=CIFAR, metavar="TEXT", help=networks.SPEC_HELP)
    parser.add_argument("--shape", default="3x32x32", help="of a picture, CxHxW (3x32x32)")
    parser.add_argument("--ticks", type=int, default=8, help="time steps of the second stage (8)")
    parser.add_argument("--batch", type=int, default=50, help="pictures a step (50)")
    parser.add_argument("--steps", type=int, default=3, help="steps that are timed (3)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        native.keep_memory()
        ways = {name: stage_step(options, *how) for name, how in WAYS.items()}
        for kind in devices.found()[:-1]:  # the last is the CPU
            devices.prepare(torch.device(kind, 0))
            for name, (rate, by_rate, kernels, half) in WAYS.items():
                if kernels == "torch" or half:
                    name = name.replace(", native", "").replace(", torch", "")
                    how = (rate, by_rate, "torch", half, kind)
                    ways[f"{name}, {devices.title(kind)}"] = stage_step(options, *how)
        print("| stage | images/s |\n| --- | ---: |")
        for name, seconds in best(ways, options.steps).items():
            print(f"| {name} | {options.batch / seconds:.1f} |", flush=True)
        print("\n| convolution with gradients | images/s |\n| --- | ---: |")
        for name, seconds in best(convolutions(options.batch), options.steps).items():
            print(f"| {name} | {options.batch / seconds:.0f} |", flush=True)
    except (networks.SpecError, native.CompileError, ValueError) as error:
        return page.failed("training.py", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
