"""Fewer outputs of the layer before the readout: those go that part the classes least."""

import torch

from volley.model.nets import net as networks

PICTURES = 400  # that outputs are compared on


def check(source, wanted, count):
    """Raises SpecError unless `wanted` (specs) is `source` (a Net) with `count` outputs fewer."""
    have = [layer.spec for layer in source.layers]
    same = [x for x in have[:-2]] == list(wanted[:-2]) and len(have) == len(wanted)
    if not same or have[-2].outputs - count != wanted[-2].outputs:
        raise networks.SpecError(
            f"--prune {count}: the layer before the readout has {have[-2].outputs} outputs in --init "
            f"and {wanted[-2].outputs} in --net, which must be the same network with {count} fewer"
        )


@torch.no_grad()
def pruned(source, net, pictures):
    """The state of Net `net` with the weights of the larger Net `source` that matter most.

    An output matters by the variance over pictures of what it adds to the scores, less the mean over
    the classes; what the others add in the mean goes into the readout's bias. pictures: uint8
    [N,C,H,W] of the training part.
    """
    last, before = source.layers[-1], source.layers[-2]
    seen = []
    original = last.psum
    object.__setattr__(last, "psum", lambda x: seen.append(x) or original(x))
    try:
        source(torch.from_numpy(pictures[:PICTURES]).float())
    finally:
        object.__delattr__(last, "psum")
    rates = seen[0].mean(0)  # [B,h,w,C]
    c, h, w = last.spec.in_shape
    used = last.used().view(-1, c, h, w)
    adds = torch.einsum("bhwc,ochw->boc", rates, used)
    weight = (adds - adds.mean(1, keepdim=True)).var(0).sum(0)
    order = weight.argsort(descending=True)
    size = net.layers[-2].spec.outputs
    kept, gone = order[:size].sort().values, order[size:]
    state = {key: value.clone() for key, value in source.state_dict().items()}
    at = len(source.layers) - 2
    for key in ("weight", "gain", "beta", "mean", "var"):
        state[f"layers.{at}.{key}"] = getattr(before, key).detach()[kept].clone()
    state[f"layers.{at + 1}.weight"] = last.weight.view(-1, c, h, w)[:, kept].flatten(1).clone()
    state[f"layers.{at + 1}.bias"] += adds.mean(0)[:, gone].sum(1)
    return state
