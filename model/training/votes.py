"""A readout of several outputs a class, begun from one of fewer: the same function, with room to learn more."""

import dataclasses

import torch

SEED = 1


def suits(source, net):
    """Whether Net `net` is Net `source`, or that with so many times the outputs of its readout."""
    have, wanted = ([layer.spec for layer in each.layers] for each in (source, net))
    more = net.votes // source.votes
    have[-1] = dataclasses.replace(have[-1], outputs=have[-1].outputs * more)
    return have == wanted and net.votes == source.votes * more


@torch.no_grad()
def spread(source, net):
    """(state of Net `net` with the weights of Net `source`, factor of the scores that makes them those of `source`).

    Copies of an output have its signs, and latent weights of 0 to 2 times its own: from the same gradient they
    turn one after the other.
    """
    copies = net.votes // source.votes
    state = {key: value.clone() for key, value in source.state_dict().items()}
    if copies == 1:
        return state, 1.0
    last = f"layers.{len(source.layers) - 1}"
    weight = state[f"{last}.weight"].repeat_interleave(copies, 0)
    factor = torch.rand(weight.shape, generator=torch.Generator().manual_seed(SEED)) * 2
    state[f"{last}.weight"] = weight * factor.clamp_min(
        torch.finfo(factor.dtype).eps
    )  # 0 has no sign
    state[f"{last}.bias"] = state[f"{last}.bias"].repeat_interleave(copies)
    return state, 1 / copies
