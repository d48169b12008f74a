"""The training loop: two stages, checkpoints, resuming, and data parallel over processes."""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from volley.model.data import sources
from volley.model.interchange.peers import Peers
from volley.model.nets import finite
from volley.model.training import augment, checkpoint, knobs, schedule, training_log
from volley.model.training.checkpoint import LATER, ResumeError, digest, load_into, read
from volley.model.training.ema import Average
from volley.model.training.outputs import Outputs

STAGES = ("rate", "spikes")
LOG_SCALE = -4.0  # scores start at a size where the loss is about that of a guess
SETTINGS = (
    "net data name ticks reset fraction_bits seed rate_epochs epochs epoch_pictures batch rate_lr lr "
    "neuron tau schedule warm_up ema augment smooth distil validate train_limit test_limit gradient half "
    "kernels real centre tet width mix picture prune widen"
).split()
CPU = torch.device("cpu")
BAR = 50  # steps between two looks at the loss on an accelerator, which waits for each
FILES = ("init", "teacher")  # options that name a checkpoint: what counts is its content


class Trainer:
    """Trains a Net on pictures held in memory.

    options is the parsed command line of train.py; train and held_out are (pictures uint8
    [N,C,H,W], labels uint8 [N]). After each epoch: a checkpoint OUT.ckpt, a row of OUT.csv, OUT.png,
    and save(net), which writes the model file; where held_out are validation pictures, only if no
    earlier epoch of the stage did better on them. With options.ema, net is the averaged one.
    """

    def __init__(self, net, options, train, held_out, save, device=CPU):
        self.net, self.options, self.save = net.to(device), options, save
        self.device = device
        # pictures stay on the device as bytes; there is no loader
        self.train, self.held_out = (
            [torch.from_numpy(a).to(device) for a in part] for part in (train, held_out)
        )
        self.peers = Peers("nccl" if device.type == "cuda" else "gloo")
        if self.peers.count > 1:
            net.share = self.peers.average
        self.log_scale = nn.Parameter(
            torch.tensor(LOG_SCALE, device=device)
        )  # of the scores; not exported
        self.average = Average(net, options.ema) if options.ema else None
        self.teacher, self.mixing = None, None  # a function; the epoch's generator
        self.done = []  # rows of the CSV
        self.files = Outputs(options.out)
        named = {key: getattr(options, key) for key in FILES}
        self.digests = {key: path and digest(path) for key, path in named.items()}
        self.digests["pictures"] = sources.digest(options.data, options.picture)
        self.parameters = list(net.parameters()) + [self.log_scale]

    # -- checkpoints ---------------------------------------------------------------------------

    def settings(self):
        """What must be equal for a resumed run to be the same run.

        With the content of files and of pictures of one's own. Not here: where data lie, threads and
        processes, which may change, --keep and --stop.
        """
        return {key: getattr(self.options, key) for key in SETTINGS} | self.digests

    def checkpoint(self, optimiser):
        """Write OUT.ckpt: everything that the next epoch depends on."""
        state = {
            "settings": self.settings(),
            "device": self.device.type,
            "net": self.net.state_dict(),
            "average": self.average and self.average.state_dict(),
            "rows": self.done,
            "log_scale": self.log_scale.detach(),
            "optimiser": optimiser.state_dict(),
        }
        checkpoint.write(self.files.ckpt, state)

    def resume(self):
        """Read OUT.ckpt; returns the optimiser's state for the stage that it was saved in."""
        path = self.files.ckpt
        state = read(path, "start without --resume")
        if state["optimiser"] is None:
            raise ResumeError(f"{path}: holds no optimiser's state; start from it with --init")
        before = {**LATER, **state["settings"]}
        moved = state.get("device", "cpu") != self.device.type
        for key, now in self.settings().items():
            option = f"--{key.replace('_', '-')}"
            if key == "kernels" and moved:
                continue
            if key not in before:
                raise ResumeError(
                    f"{path}: does not say which {option} it was trained with (an earlier version "
                    f"wrote it), now {now!r}; start from it with --init and another --out"
                )
            if key == "pictures" and before[key] != now:
                raise ResumeError(
                    f"{path}: the pictures or classes of --data {self.options.data} have changed since; "
                    "give the same ones, or start from it with --init and another --out"
                )
            if before[key] != now:
                raise ResumeError(
                    f"{path}: was trained with {option} = {before[key]!r}, now {now!r}; "
                    "give the same options, or another --out to start anew"
                )
        load_into(path, self.net, state["net"], "start without --resume")
        if self.average:
            if state["average"] is None:
                raise ResumeError(f"{path}: holds no averaged weights; start without --resume")
            load_into(path, self.average.net, state["average"]["net"], "start without --resume")
            self.average.load_state_dict(state["average"])
        with torch.no_grad():
            self.log_scale.copy_(state["log_scale"])
        self.done = state["rows"]
        return state["optimiser"]

    # -- the loop ------------------------------------------------------------------------------

    def run(self, resume=False):
        """Train both stages, from the beginning or from OUT.ckpt."""
        state = self.resume() if resume else None
        if self.options.force and self.peers.first:
            self.files.clear()
        if resume and self.peers.first:
            self.restore()
        for stage, epochs, peak in zip(
            STAGES,
            (self.options.rate_epochs, self.options.epochs),
            (self.options.rate_lr, self.options.lr),
        ):
            for net in self.nets():
                net.rate = stage == "rate"
            finished = sum(row["stage"] == stage for row in self.done)
            if finished >= epochs:
                continue
            optimiser = torch.optim.Adam(self.parameters, lr=peak, fused=True)
            if finished and state:
                self.restore_optimiser(optimiser, state)
            for epoch in range(finished, epochs):
                if self.stopped():
                    break
                self.epoch(stage, epoch, epochs, peak, optimiser)
        spikes = any(row["stage"] == "spikes" for row in self.done)
        if self.peers.first and self.options.keep == "last" and spikes:
            self.save(self.nets()[-1])
        if self.peers.first and not spikes and not self.net.real:
            print(
                f"{self.files.model}: not written; a model comes from the stage of spikes (--epochs), "
                f"which may begin with --init {self.files.ckpt}"
            )
        self.peers.close()

    def stopped(self):
        """Whether --stop ends the run here."""
        return self.options.stop is not None and len(self.done) >= self.options.stop

    def restore_optimiser(self, optimiser, state):
        """Give the optimiser a checkpoint's state; raises ResumeError where it is not of this network."""
        try:
            optimiser.load_state_dict(state)
            for parameter, known in optimiser.state.items():
                for key in ("exp_avg", "exp_avg_sq"):
                    if known[key].shape != parameter.shape:
                        raise ValueError(f"{key} of shape {list(known[key].shape)}")
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ResumeError(
                f"{self.files.ckpt}: its optimiser's state is of another network ({reason}); start from "
                "it with --init and another --out"
            ) from None

    def restore(self):
        """Write again what a resumed run has lost of its files, and say if it is finished."""
        for path, write in (
            (self.files.csv, training_log.write_log),
            (self.files.png, training_log.draw),
        ):
            if self.done and not path.exists():
                write(self.done, path)
                print(f"{path}: was not there; written again")
        spikes = [row for row in self.done if row["stage"] == "spikes"]
        total = self.options.rate_epochs + self.options.epochs
        total = min(total, self.options.stop or total)
        if len(self.done) >= total:
            print(f"{self.files.ckpt}: a finished run of {total} epochs; no more is trained")
        if not spikes or self.files.model.exists():
            return
        for net in self.nets():
            net.rate = False
        self.save(self.nets()[-1])
        print(f"{self.files.model}: was not there; written again from the last epoch's weights")
        best = max(range(len(spikes)), key=lambda k: spikes[k][self.best_key()])
        if self.options.validate and self.options.keep == "best" and best + 1 < len(spikes):
            print(
                f"{self.files.model}: epoch {best + 1} was better on the held-out pictures, but its "
                "weights are in no checkpoint"
            )

    def best_key(self):
        """The column of the log by which epochs are compared."""
        if self.average:
            return "ema_accuracy"
        return "validation_accuracy" if self.options.validate else "test_accuracy"

    def nets(self):
        """The network in training and, with --ema, its average."""
        return [self.net] + ([self.average.net] if self.average else [])

    def picks(self, stage, epoch):
        """Indices of the training pictures of one epoch, in order.

        The epochs of a stage are cut out of one row of shuffles of all training pictures.
        """
        count = len(self.train[1])
        size = self.options.epoch_pictures or count
        shuffles = range(epoch * size // count, -(-(epoch + 1) * size // count))
        seed = self.options.seed * 1_000_003 + STAGES.index(stage) * 1009
        order = np.concatenate(
            [torch.randperm(count, generator=seeded(seed + s)).numpy() for s in shuffles]
        )
        return order[epoch * size - shuffles[0] * count :][:size]

    def epoch(self, stage, epoch, epochs, peak, optimiser):
        """Train on the epoch's pictures, test on those held out, and write the files."""
        began = time.time()
        generator = seeded(
            self.options.seed * 7919 + STAGES.index(stage) * 1009 + epoch, self.device
        )
        order = self.picks(stage, epoch)
        steps = len(order) // self.options.batch
        self.net.train()
        losses, right, seen = [], 0, 0
        self.mixing = generator
        every = 1 if self.device.type == "cpu" else BAR
        bar = tqdm(
            range(steps),
            desc=f"{stage} {epoch + 1}/{epochs}",
            unit="batch",
            leave=False,
            disable=not self.peers.first,
            mininterval=2,
        )
        for step in bar:
            rate = schedule.rate(
                self.options.schedule,
                epoch * steps + step,
                epochs * steps,
                peak,
                self.options.warm_up,
            )
            for group in optimiser.param_groups:
                group["lr"] = rate
            self.net.window = knobs.width(self.options.width, epoch * steps + step, epochs * steps)
            x, y = self.batch(order[step * self.options.batch :][: self.options.batch], generator)
            loss, scores = self.step(x, y, optimiser)
            losses.append(loss)
            right = right + (scores.argmax(1) == y).sum()
            seen += len(y)
            if step % every == every - 1:
                bar.set_postfix(
                    loss=f"{sum(map(float, losses[-BAR:])) / len(losses[-BAR:]):.4f}",
                    accuracy=f"{100 * int(right) / seen:.2f} %",
                    refresh=False,
                )
        row = {
            "stage": stage,
            "epoch": epoch + 1,
            "learning_rate": rate,
            "loss": sum(map(float, losses)) / steps,
            "train_accuracy": int(right) / seen,
        }
        finite.check(
            f"{stage}, epoch {epoch + 1}",
            {**self.net.state_dict(), "log_scale": self.log_scale},
            "training diverged and this epoch is not kept; give a lower learning rate",
        )
        if self.peers.first:
            self.close_epoch(row, epochs, began, optimiser)

    def batch(self, picks, generator):
        """This process's share of a batch: varied pictures float32 [B,C,H,W], labels int64 [B]."""
        at = torch.from_numpy(picks).to(self.device)
        x = augment.CHOICES[self.options.augment](self.train[0][at].float(), generator)
        y = self.train[1][at].long()
        return self.peers.mine(x), self.peers.mine(y)

    def step(self, x, y, optimiser):
        """One optimiser step; returns (loss, scores) of this process's pictures."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast()):
            loss, scores = self.loss(x, y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.peers.average([p.grad for p in self.parameters])
        optimiser.step()
        self.net.clip_weights()
        if self.average:
            self.average.update(self.net)
        return loss.detach(), scores.detach()

    def autocast(self):
        """Whether products are of bfloat16: --half on an accelerator; the CPU has half.cpp."""
        return self.options.half and self.device.type != "cpu"

    def close_epoch(self, row, epochs, began, optimiser):
        """Complete the epoch's row with the held-out pictures, write the files, and print it."""
        held_out = "validation_accuracy" if self.options.validate else "test_accuracy"
        row[held_out] = self.accuracy(self.net)
        best = self.best_key()
        if self.average:
            row[best] = self.accuracy(self.average.net)
        row["seconds"] = time.time() - began
        before = [r[best] for r in self.done if r["stage"] == row["stage"]]
        self.done.append(row)
        training_log.write_log(self.done, self.files.csv)
        training_log.draw(self.done, self.files.png)
        is_best = not self.options.validate or row[best] > max(before, default=-1)
        if self.options.keep == "last" or is_best:
            self.save(self.nets()[-1])
        # at last: what is cut off before it is trained and written again
        self.checkpoint(optimiser)
        shown = ", ".join(
            f"{key.replace('_', ' ')} {100 * value:.2f} %"
            for key, value in row.items()
            if key.endswith("_accuracy")
        )
        print(
            f"{row['stage']} {row['epoch']}/{epochs}: loss {row['loss']:.4f}, {shown}, "
            f"{row['seconds']:.0f} s",
            flush=True,
        )

    def loss(self, x, y):
        """Cross-entropy of the scaled scores, with label smoothing and, if asked, a teacher."""
        scale = self.log_scale.exp()
        x, other, kept = knobs.mixed(self.options.mix, x, y, self.mixing)
        by_tick = self.net.by_tick(x) * scale
        scores = by_tick.mean(0)
        loss = self.to_labels(scores, y, other, kept)
        if self.options.tet:
            # temporal efficient training, Deng et al. 2022, arXiv 2202.11946
            ticks = torch.stack([self.to_labels(s, y, other, kept) for s in by_tick]).mean()
            loss = (1 - self.options.tet) * loss + self.options.tet * ticks
        if self.teacher is not None:
            # Hinton et al. 2015, arXiv 1503.02531
            heat, share = 3.0, self.options.distil
            with torch.no_grad():
                wanted = F.softmax(self.teacher(x) / heat, 1)
            told = F.kl_div(F.log_softmax(scores / heat, 1), wanted, reduction="batchmean")
            loss = (1 - share) * loss + share * heat * heat * told
        return loss, scores

    def to_labels(self, scores, y, other, kept):
        """Cross-entropy with the labels y; of mixed pictures the share kept, and the rest with other."""
        smooth = self.options.smooth
        loss = F.cross_entropy(scores, y, label_smoothing=smooth)
        if other is None:
            return loss
        return kept * loss + (1 - kept) * F.cross_entropy(scores, other, label_smoothing=smooth)

    @torch.no_grad()
    def accuracy(self, net):
        """Share of the held-out pictures whose class is right, with the stage's own forward pass."""
        training = net.training
        net.eval()
        pictures, labels = self.held_out
        size, right = self.options.batch, 0
        for at in range(0, len(labels), size):
            found = net(pictures[at : at + size].float()).argmax(1)
            right += (found == labels[at : at + size]).sum()
        net.train(training)
        return int(right) / max(1, len(labels))


def seeded(seed, device="cpu"):
    """A torch.Generator of a device with this seed."""
    return torch.Generator(device).manual_seed(seed)
