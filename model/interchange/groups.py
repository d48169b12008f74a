"""A chain of stages (chain.py) as groups: what one layer of a model file is made of."""

from __future__ import annotations

from volley.model.interchange.chain import (
    Add,
    Fire,
    Flatten,
    Gain,
    Mean,
    Pool,
    Votes,
    Weights,
    refuse,
)


class Group:
    """The stages of one layer, and its current's gain and offset per output.

    reads: the groups whose spikes are added up to its input, by number, as often as they are added; none of
    the first, which reads the network's input. adds: whether others' spikes are added to its own.
    """

    def __init__(self, stage, reads):
        self.stage, self.gain, self.offset = stage, 1.0, stage.bias.astype(float)
        self.fire, self.pool, self.reads, self.adds = None, None, reads, False


def group_stages(chain):
    """The chain as Groups, one for each layer of the file; InterchangeError where it cannot be one."""
    groups, open_, flat = [], None, False
    here = []  # what the map so far is the sum of
    maps = [None]  # of each map behind so many stages, None where it is not one of spikes
    for stage in chain:
        if isinstance(stage, Weights):
            _check_weights(stage, groups, open_, flat)
            flat = flat or stage.weight.ndim == 2
            open_ = Group(stage, here)
            groups.append(open_)
        elif isinstance(stage, Gain):
            if not open_:
                raise refuse(stage.name, "normalises spikes, not the current of a layer",
                             "put it between the layer and its neuron")  # fmt: skip
            open_.offset = stage.gain * open_.offset + stage.offset
            open_.gain = open_.gain * stage.gain
        elif isinstance(stage, Fire):
            if not open_:
                raise refuse(stage.name, "a neuron without a layer before it", "remove it")
            open_.fire, open_ = stage, None
            here = [len(groups) - 1]
        elif isinstance(stage, Pool | Mean):
            if open_ or not groups or groups[-1].pool or flat:
                raise refuse(stage.name, "pools something else than the spikes of a convolution "
                             "(the maximum of currents fires otherwise than that of spikes)",
                             "put it right after the neuron, and train so")  # fmt: skip
            if groups[-1].adds and isinstance(stage, Pool):
                raise refuse(stage.name, "is the maximum of sums of spikes",
                             "put it right after the neuron, before the addition")  # fmt: skip
            groups[-1].pool = stage
        elif isinstance(stage, Add):
            if open_ or not groups or groups[-1].pool or not maps[stage.source]:
                raise refuse(stage.name, "adds something else than the spikes of two layers of one "
                             "size", "add spikes, right after the neuron")  # fmt: skip
            here = here + maps[stage.source]
            groups[-1].adds = True
        elif isinstance(stage, Flatten):
            if open_:
                raise refuse(stage.name, "stands between a layer and its neuron",
                             "put it after the neuron")  # fmt: skip
            flat = True
        elif isinstance(stage, Votes) and (stage is not chain[-1] or groups and groups[-1].adds):
            raise refuse(stage.name, "votes before the end, or on sums of spikes",
                         "vote over the last layer's outputs")  # fmt: skip
        fires = not open_ and groups and not isinstance(groups[-1].pool, Mean)
        maps.append(here if fires else None)
    _check_end(groups, chain)
    return groups


def _check_weights(stage, groups, open_, flat):
    """Raises where a layer cannot stand."""
    if open_:
        raise refuse(stage.name, f"follows '{open_.stage.name}' without a neuron between",
                     "put an IF neuron between them")  # fmt: skip
    if groups and stage.weight.ndim == 2 and not flat:
        raise refuse(stage.name, "a dense layer on maps", "put Flatten before it")
    if groups and isinstance(groups[-1].pool, Mean) and stage.weight.ndim == 4:
        raise refuse(stage.name, f"is a convolution behind the mean '{groups[-1].pool.name}'",
                     "a mean may stand before a dense layer alone")  # fmt: skip


def _check_end(groups, chain):
    """Raises where a network cannot end so."""
    if not groups:
        raise refuse("(network)", "has no convolution or dense layer", "give one")
    if isinstance(groups[-1].pool, Mean):
        raise refuse(groups[-1].pool.name, "is a mean that no dense layer follows", "remove it")
    if groups[-1].adds:
        name = next(stage.name for stage in reversed(chain) if isinstance(stage, Add))
        raise refuse(name, "is a sum of spikes that no layer follows", "end in a dense layer")
