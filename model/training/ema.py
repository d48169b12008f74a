"""Exponential moving average of a network in training."""

import copy

import torch


class Average:
    """An average of a Net's weights and running statistics over its latest steps.

    decay: the share that the average keeps at each step, below 1; about 1 / (1 - decay) steps
    count. In the first steps it keeps less, (1 + step) / (10 + step), so that the random weights of
    the beginning are soon forgotten. Weights are averaged as they are trained, before binarisation.
    """

    def __init__(self, net, decay):
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay, self.step = decay, 0

    @torch.no_grad()
    def update(self, net):
        """Take in the network after an optimiser step."""
        keep = min(self.decay, (1 + self.step) / (10 + self.step))
        self.step += 1
        for mean, now in zip(self.net.state_dict().values(), net.state_dict().values()):
            mean.lerp_(now, 1 - keep)

    def state_dict(self):
        """For the checkpoint."""
        return {"net": self.net.state_dict(), "step": self.step}

    def load_state_dict(self, state):
        """As state_dict gave it."""
        self.net.load_state_dict(state["net"])
        self.step = state["step"]
