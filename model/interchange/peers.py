"""The processes of one data-parallel run, as torchrun starts them, talking through gloo or NCCL."""

import os

import torch
import torch.distributed as dist


class Peers:
    """All processes of a run, or just this one when torchrun did not start it."""

    def __init__(self, backend="gloo"):
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        if self.count > 1:
            dist.init_process_group(backend)

    @property
    def first(self):
        """Whether this process writes files and prints."""
        return self.rank == 0

    def mine(self, batch):
        """This process's share of a batch, the same number of pictures for each process."""
        return batch[self.rank :: self.count]

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
