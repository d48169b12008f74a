"""The device that a training computes on: the CPU, a CUDA GPU, or Apple's (MPS)."""

import os

import torch

CHOICES = ("auto", "cpu", "cuda", "mps")


class DeviceError(ValueError):
    """A device that is not there; says which are."""


def found():
    """The kinds of devices that PyTorch finds here, the quickest first."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [kind for kind, is_there in there.items() if is_there] + ["cpu"]


def choose(name, say=print):
    """The torch.device of a --device; of cuda under torchrun this process's own.

    'auto' takes the first that is found, and says so. Raises DeviceError for one that is not there.
    """
    if name != "auto" and name not in found():
        raise DeviceError(
            f"--device {name}: PyTorch finds none here (there is {', '.join(found())}); name one "
            "that is there, or auto"
        )
    kind = found()[0] if name == "auto" else name
    if name == "auto":
        say(f"device: {title(kind)}")
    if kind == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device(kind)


def title(kind):
    """A kind of device in words."""
    return f"cuda, {torch.cuda.get_device_name()}" if kind == "cuda" else kind


def prepare(device):
    """Settings of PyTorch under which the same seeds give the same result on a device.

    Products are of TF32 on CUDA: psums are exact in it, since pixels, rates of up to 32 ticks and
    binary weights have at most 10 bits, and its sums are those of float32.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
