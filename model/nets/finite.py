"""Refuses NaN and infinity in the numbers of a network."""

import torch


class NotFiniteError(ValueError):
    """A network that holds NaN or infinity; names the tensor and what to do."""


def check(where, tensors, remedy):
    """Raise NotFiniteError at the first tensor that holds NaN or infinity.

    where: what holds them, such as a path; tensors: a dict as state_dict gives it, nested dicts and
    other values allowed; remedy: what the user can do.
    """
    for name, value in _named(tensors):
        wrong = ~torch.isfinite(value)
        count = int(wrong.sum())
        if count:
            first = value[wrong].flatten()[0].item()
            raise NotFiniteError(
                f"{where}: {name} holds {first} ({count} of {value.numel()} numbers are not "
                f"finite); {remedy}"
            )
        if name.endswith(".var") and bool((value < 0).any()):
            raise NotFiniteError(
                f"{where}: {name} holds {value.min().item():g}; a variance is 0 or more; {remedy}"
            )


def _named(tensors, prefix=""):
    """(name, tensor) of all floating-point tensors of nested dicts."""
    for key, value in tensors.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _named(value, f"{name}.")
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            yield name, value
