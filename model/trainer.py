"""The training loop: two stages, checkpoints, resuming, curves, and data parallel over processes."""

import csv
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from model import augment, schedule

COLUMNS = ("stage", "epoch", "learning_rate", "loss", "train_accuracy", "test_accuracy", "seconds")
STAGES = ("rate", "spikes")


class ResumeError(ValueError):
    """A checkpoint that cannot be used; says why and what to do."""


class Peers:
    """The processes of one data-parallel run (torchrun, gloo), or just this one."""

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        if self.count > 1:
            dist.init_process_group("gloo")

    @property
    def first(self):
        """Whether this process writes files and prints."""
        return self.rank == 0

    def average(self, tensors):
        """Replace each tensor by its mean over all processes, in one message."""
        if self.count == 1:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.count
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def close(self):
        """Leave the process group."""
        if self.count > 1:
            dist.destroy_process_group()


class Trainer:
    """Trains a Net on pictures held in memory.

    options is the parsed command line of train.py; train and test are (pictures uint8 [N,C,H,W],
    labels uint8 [N]). After each epoch: a checkpoint OUT.ckpt, a row of OUT.csv, OUT.png, and
    save(net), which writes the model file.
    """

    def __init__(self, net, options, train, test, save):
        self.net, self.options, self.save = net, options, save
        self.train, self.test = train, test
        self.peers = Peers()
        self.log_scale = nn.Parameter(torch.tensor(-2.0))  # of the scores; not exported
        self.teacher = None
        self.done = []  # rows of the CSV
        self.paths = {k: Path(f"{options.out}.{k}") for k in ("ckpt", "csv", "png")}
        self.parameters = list(net.parameters()) + [self.log_scale]

    # -- checkpoints ---------------------------------------------------------------------------

    def settings(self):
        """What must be equal for a resumed run to be the same run."""
        keys = (
            "net",
            "data",
            "ticks",
            "reset",
            "seed",
            "rate_epochs",
            "epochs",
            "batch",
            "rate_lr",
            "lr",
            "augment",
            "smooth",
            "distil",
            "train_limit",
        )
        return {k: getattr(self.options, k) for k in keys}

    def checkpoint(self, optimiser):
        """Write OUT.ckpt: everything that the next epoch depends on."""
        state = {
            "settings": self.settings(),
            "net": self.net.state_dict(),
            "rows": self.done,
            "log_scale": self.log_scale.detach(),
            "optimiser": optimiser.state_dict(),
        }
        part = self.paths["ckpt"].with_name(self.paths["ckpt"].name + ".part")
        torch.save(state, part)
        part.replace(self.paths["ckpt"])

    def resume(self):
        """Read OUT.ckpt; returns the optimiser's state for the stage that it was saved in."""
        state = read_checkpoint(self.paths["ckpt"])
        for key, now in self.settings().items():
            if state["settings"].get(key) != now:
                raise ResumeError(
                    f"{self.paths['ckpt']}: was trained with {key} = "
                    f"{state['settings'].get(key)!r}, now {now!r}; give the same "
                    "options, or another --out to start anew"
                )
        self.net.load_state_dict(state["net"])
        with torch.no_grad():
            self.log_scale.copy_(state["log_scale"])
        self.done = [tuple(row) for row in state["rows"]]
        return state["optimiser"]

    # -- the loop ------------------------------------------------------------------------------

    def run(self, resume=False):
        """Train both stages, from the beginning or from OUT.ckpt."""
        state = self.resume() if resume else None
        for stage, epochs, peak in zip(
            STAGES,
            (self.options.rate_epochs, self.options.epochs),
            (self.options.rate_lr, self.options.lr),
        ):
            finished = sum(row[0] == stage for row in self.done)
            if finished >= epochs:
                continue
            optimiser = torch.optim.Adam(self.parameters, lr=peak, fused=True)
            if finished and state:
                optimiser.load_state_dict(state)
            self.net.rate = stage == "rate"
            for epoch in range(finished, epochs):
                self.epoch(stage, epoch, epochs, peak, optimiser)
        self.peers.close()

    def epoch(self, stage, epoch, epochs, peak, optimiser):
        """One pass over the training pictures, then the test pictures, then the files."""
        began = time.time()
        generator = torch.Generator().manual_seed(
            self.options.seed * 1_000_003 + STAGES.index(stage) * 1009 + epoch
        )
        pictures, labels = self.train
        order = torch.randperm(len(labels), generator=generator).numpy()
        size = self.options.batch
        steps = len(order) // size
        self.net.train()
        losses, right = 0.0, 0
        bar = tqdm(
            range(steps),
            desc=f"{stage} {epoch + 1}/{epochs}",
            unit="batch",
            leave=False,
            disable=not self.peers.first,
            mininterval=2,
        )
        for step in bar:
            rate = schedule.cosine(epoch * steps + step, epochs * steps, peak, self.options.warm_up)
            for group in optimiser.param_groups:
                group["lr"] = rate
            picks = order[step * size : (step + 1) * size]
            x = torch.from_numpy(pictures[picks]).float()
            y = torch.from_numpy(labels[picks].astype(np.int64))
            x = augment.CHOICES[self.options.augment](x, generator)
            mine = slice(self.peers.rank, None, self.peers.count)
            loss, scores = self.loss(x[mine], y[mine])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.peers.average([p.grad for p in self.parameters])
            optimiser.step()
            self.net.clip_weights()
            losses += loss.item()
            right += (scores.argmax(1) == y[mine]).sum().item()
            if step % 10 == 9:
                seen = (step + 1) * len(y[mine])
                bar.set_postfix(
                    loss=f"{losses / (step + 1):.4f}", accuracy=f"{100 * right / seen:.2f} %"
                )
        self.peers.average([b for b in self.net.buffers()])
        if not self.peers.first:
            return
        seen = max(1, steps) * len(range(size)[mine]) if steps else 1
        row = (
            stage,
            epoch + 1,
            rate,
            losses / max(1, steps),
            right / seen,
            self.accuracy(*self.test),
            time.time() - began,
        )
        self.done.append(row)
        self.checkpoint(optimiser)
        self.write_curves()
        self.save(self.net)
        print(
            f"{stage} {epoch + 1}/{epochs}: loss {row[3]:.4f}, training accuracy "
            f"{100 * row[4]:.2f} %, test accuracy {100 * row[5]:.2f} %, {row[6]:.0f} s",
            flush=True,
        )

    def loss(self, x, y):
        """Cross-entropy of the scaled scores, with label smoothing and, if asked, a teacher."""
        scores = self.net(x) * self.log_scale.exp()
        loss = F.cross_entropy(scores, y, label_smoothing=self.options.smooth)
        if self.teacher is not None:
            # Hinton et al. 2015, arXiv 1503.02531
            heat, share = 3.0, self.options.distil
            with torch.no_grad():
                wanted = F.softmax(self.teacher(x) / heat, 1)
            told = F.kl_div(F.log_softmax(scores / heat, 1), wanted, reduction="batchmean")
            loss = (1 - share) * loss + share * heat * heat * told
        return loss, scores

    @torch.no_grad()
    def accuracy(self, pictures, labels):
        """Share of pictures whose class is right, with the stage's own forward pass."""
        self.net.eval()
        size, right = self.options.batch // self.peers.count, 0
        for at in range(0, len(labels), size):
            x = pictures[at : at + size]
            short = size - len(x)  # one batch size: one compiled kernel
            padded = np.concatenate([x, np.zeros((short, *x.shape[1:]), np.uint8)]) if short else x
            found = self.net(torch.from_numpy(padded).float()).argmax(1).numpy()
            right += int((found[: len(x)] == labels[at : at + size]).sum())
        return right / max(1, len(labels))

    def write_curves(self):
        """Write OUT.csv and OUT.png from the rows so far."""
        part = self.paths["csv"].with_name(self.paths["csv"].name + ".part")
        with open(part, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row in self.done:
                writer.writerow([*row[:2], *(f"{x:.6g}" for x in row[2:])])
        part.replace(self.paths["csv"])
        plot(self.done, self.paths["png"])


def read_checkpoint(path):
    """A checkpoint's dict; ResumeError when it is absent or damaged."""
    try:
        return torch.load(path, weights_only=True)
    except FileNotFoundError:
        raise ResumeError(f"{path}: no such checkpoint; start without --resume") from None
    except Exception as error:
        raise ResumeError(
            f"{path}: not a checkpoint of this program "
            f"({type(error).__name__}); start without --resume"
        ) from None


def plot(rows, path):
    """Draw loss and error rate over the epochs of both stages as a small PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    epochs = range(1, len(rows) + 1)
    left.plot(epochs, [r[3] for r in rows])
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    right.plot(epochs, [100 * (1 - r[4]) for r in rows], label="training")
    right.plot(epochs, [100 * (1 - r[5]) for r in rows], label="test")
    right.set(xlabel="epoch", ylabel="error, %", yscale="log")
    right.legend()
    border = sum(r[0] == "rate" for r in rows)
    if 0 < border < len(rows):
        for axis in (left, right):
            axis.axvline(border + 0.5, color="grey", linestyle=":")
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=80)
    part.replace(path)
    pyplot.close(figure)
