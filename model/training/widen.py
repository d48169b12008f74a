"""More outputs of hidden layers: the new ones are crossed from outputs that are there.

After Net2WiderNet (Chen et al. 2016, arXiv 1511.05641), which copies outputs and halves the weights
that read them. Binary weights cannot be halved; and of two equal outputs the second is worth nothing
until they part. So a new output takes the weights of one output at half of its inputs and those of
another at the rest, and is read as the first is.
"""

import torch

from volley.model.nets import net as networks

NORMALISATION = ("gain", "beta", "mean", "var")


def check(source, wanted):
    """Raises SpecError unless `wanted` (specs) is `source` (a Net) with more outputs in hidden layers."""
    have = [layer.spec for layer in source.layers]
    same = len(have) == len(wanted) and all(
        (a.kind, a.kernel, a.pool, a.in_shape[1:]) == (b.kind, b.kernel, b.pool, b.in_shape[1:])
        for a, b in zip(have, wanted)
    )
    counts = [[x.outputs for x in specs] for specs in (have, wanted)]
    more = [b - a for a, b in zip(*counts)]
    if not same or min(more) < 0 or max(more) == 0 or more[-1]:
        raise networks.SpecError(
            f"--widen: --init has layers of {counts[0]} outputs and --net of {counts[1]}; they must be "
            "the same network, --net with more outputs in at least one layer before the readout"
        )


@torch.no_grad()
def widened(source, net, seed):
    """The state of Net `net` with the weights of the narrower Net `source`; seed: of what is crossed."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(count, size):
        """`count` of `size` numbers, none twice before all came once."""
        rounds = [torch.randperm(size, generator=generator) for _ in range(-(-count // size))]
        return torch.cat(rounds or [torch.empty(0, dtype=torch.long)])[:count]

    state = {key: value.clone() for key, value in net.state_dict().items()}
    read = None  # for each input channel of a layer, which of the source's it is
    for number, (old, new) in enumerate(zip(source.layers, net.layers)):
        channels, height, width = old.spec.in_shape
        kernel = old.weight.view(old.spec.outputs, channels, -1)
        if read is not None:
            kernel = kernel[:, read]
        more = new.spec.outputs - old.spec.outputs
        first, second = drawn(more, old.spec.outputs), drawn(more, old.spec.outputs)
        half = torch.rand(more, kernel.shape[1], 1, generator=generator) < 0.5
        crossed = torch.where(half, kernel[first], kernel[second])
        state[f"layers.{number}.weight"] = torch.cat([kernel, crossed]).view(new.weight.shape)
        read = torch.cat([torch.arange(old.spec.outputs), first])
        if new.spec.readout:
            state[f"layers.{number}.bias"] = old.bias.clone()
            continue
        for name in NORMALISATION:
            state[f"layers.{number}.{name}"] = getattr(old, name)[read].clone()
    return state
