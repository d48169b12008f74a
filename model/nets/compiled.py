"""Elementwise functions that torch.compile makes one loop of, where it is asked to.

A neuron's ticks are some dozens of elementwise operations: one by one each goes through the memory
of an accelerator. `use` chooses the backend of torch.compile, None for none.
"""

import functools

import torch

SHAPES = 256  # maps that a function may be compiled for: layers, training and testing

_backend = None


def use(backend):
    """Compile with this backend of torch.compile from now on; None: run as written."""
    global _backend
    _backend = backend
    if backend is not None:
        import torch._dynamo

        torch._dynamo.config.recompile_limit = SHAPES


def fused(function):
    """A function of tensors, compiled where `use` says so."""
    made = {}

    @functools.wraps(function)
    def call(*arguments):
        if _backend is None:
            return function(*arguments)
        if _backend not in made:
            made[_backend] = torch.compile(function, backend=_backend, dynamic=False)
        return made[_backend](*arguments)

    return call
