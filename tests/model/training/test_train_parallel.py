"""Data parallel training computes what one process would."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from tests.support.striped import command, data  # noqa: F401
from volley.firmware import modelfile
from volley.model import golden
from volley.model.data import datasets
from volley.model.nets import native, net

ROOT = Path(__file__).resolve().parents[3]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


class Room:
    """Averages tensors over threads that stand for processes."""

    def __init__(self, count):
        self.barrier, self.lists = threading.Barrier(count, timeout=60), [None] * count

    def share(self, rank):
        def average(tensors):
            self.lists[rank] = [t.clone() for t in tensors]
            self.barrier.wait()
            means = [torch.stack(same).mean(0) for same in zip(*self.lists)]
            self.barrier.wait()
            for tensor, mean in zip(tensors, means):
                tensor.copy_(mean)

        return average


def build(rate):
    torch.manual_seed(5)
    model = net.Net(net.parse("8C3-P2-8C3-12-10", (1, 8, 8), 10), 4).train()
    model.rate = rate
    return model


def backward(model, x, labels):
    """Gradients of all parameters, and the running statistics after the step."""
    torch.nn.functional.cross_entropy(model(x) * 0.1, labels).backward()
    return [p.grad for p in model.parameters()], list(model.buffers())


@pytest.mark.parametrize("kernels", ["torch", "auto"])
@pytest.mark.parametrize("rate", [True, False])
def test_halves_of_a_batch_give_its_gradients(kernels, rate):
    """Two peers with half the batch each: gradients average to those of the whole batch."""
    native.use(kernels)
    x, labels = torch.randint(0, 256, (12, 1, 8, 8)).float(), torch.arange(12) % 10
    wanted, statistics = backward(build(rate), x, labels)
    room, found = Room(2), [None, None]

    def peer(rank):
        model = build_of[rank]
        model.share = room.share(rank)
        found[rank] = backward(model, x[rank::2], labels[rank::2])

    build_of = [build(rate), build(rate)]
    threads = [threading.Thread(target=peer, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    native.use("torch")
    for one, two, whole in zip(found[0][0], found[1][0], wanted):
        torch.testing.assert_close((one + two) / 2, whole, rtol=1e-3, atol=1e-5)
    for one, two, whole in zip(found[0][1], found[1][1], statistics):
        assert torch.equal(one, two)
        torch.testing.assert_close(one, whole, rtol=1e-5, atol=1e-5)


STARTER = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from dataclasses import replace
from volley.model import train
from volley.model.data import datasets
datasets.SETS['mnist'] = replace(datasets.SETS['mnist'], content_hashes={{}})
sys.exit(train.main())
"""


@pytest.mark.slow
def test_torchrun(data, tmp_path):  # noqa: F811
    """torchrun's two processes through gloo end in the weights of one process, and classify."""
    starter = tmp_path / "starter.py"
    starter.write_text(STARTER)
    weights = {}
    for name, start in (("one", [sys.executable]), ("two", TWO)):
        out = tmp_path / f"{name}.safetensors"
        more = ["--rate-epochs", "1", "--epochs", "0", "--epoch-pictures", "20"]
        done = subprocess.run(
            [*start, str(starter), *command(data, out, *more)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        weights[name] = torch.load(f"{out}.ckpt", weights_only=True)["net"]
    for key, value in weights["one"].items():
        torch.testing.assert_close(weights["two"][key], value, rtol=1e-3, atol=1e-4)
    out = tmp_path / "trained.safetensors"
    done = subprocess.run([*TWO, str(starter), *command(data, out)], timeout=300)
    assert done.returncode == 0
    pictures, labels = datasets.load("mnist", "test", data)
    assert (golden.run(modelfile.load(out), pictures).labels == labels).mean() > 0.5
