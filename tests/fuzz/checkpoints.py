"""Mutated checkpoints of training."""

import copy
import functools
import io

import torch

from tests.fuzz import mutate
from volley.model import train
from volley.model.nets import finite
from volley.model.nets import net as networks
from volley.model.training import checkpoint as checkpoints

REFUSALS = (checkpoints.ResumeError, finite.NotFiniteError, networks.SpecError)
VALUES = [
    None, 3, -1, 1 << 70, 2.5, float("nan"), "x", "9" * 5000, [], {}, (), True, "99999999-10", "64C3-P2-10",
    "10", "cifar10",
]  # fmt: skip


@functools.cache
def base():
    """The state of an untrained network."""
    options = train.parser("").parse_args(["--net", "4C3-P2-10", "--data", "mnist", "--out", "m"])
    net = train.build(options)
    settings = {
        key: value for key, value in vars(options).items() if isinstance(value, (int, float, str))
    }
    row = {"stage": "rate", "epoch": 1, "loss": 2.0, "seconds": 1.0}
    return {
        "settings": settings, "net": net.state_dict(), "average": None, "rows": [row],
        "log_scale": torch.tensor(-4.0), "optimiser": None,
    }  # fmt: skip


def checkpoint(rng):
    """The bytes of a checkpoint."""
    state = copy.deepcopy(base())
    for _ in range(rng.choice((0, 1, 1, 2))):
        owner = rng.choice((state, state["settings"], state["net"], state["rows"]))
        if not owner or not isinstance(owner, dict | list):
            continue
        key = rng.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
        what, value = rng.randrange(4), owner[key]
        if what == 0:
            del owner[key]
        elif isinstance(value, torch.Tensor) and not value.is_sparse:
            changes = [value[..., :0] if value.dim() else value.reshape(1), value.double(), value.int(), value.reshape(-1), value * float("nan"),
                       torch.zeros(()), value.to_sparse() if value.dim() else value,
                       torch.zeros(1).expand(1 << 30)]  # fmt: skip
            owner[key] = rng.choice(changes)
        else:
            owner[key] = mutate.some(rng, VALUES)
        if not isinstance(state.get("settings"), dict) or not isinstance(state.get("net"), dict):
            break
        if not isinstance(state.get("rows"), list):
            break
    data = io.BytesIO()
    torch.save(rng.choice((state, state, state, state, [state], None, 5)), data)
    return mutate.raw(rng, data.getvalue()) if rng.random() < 0.3 else data.getvalue()
