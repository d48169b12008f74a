"""Neuron modules of snnTorch and spikingjelly: which rule each follows, found by driving it.

Versions of the libraries differ in the order of leak, reset and comparison, so the class gives the
parameters alone; the rule is the one whose spikes are those of the module on the same drives.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch

from volley.firmware.isa import MAX_LEAK
from volley.model.interchange.chain import Fire, refuse

TICKS, NEURONS, STEP = 32, 4096, 16  # drives are multiples of 1/STEP of the threshold
EQUAL = 1e-5  # relative: a float32 beta is the one that it stands for
ROUNDED = 1e-4  # share of a leaking probe's spikes that its own rounding may change


def copied(module):
    """A copy on the CPU; a membrane of a training step, which torch does not copy, loses its graph."""
    memo = {}
    for part in module.modules():
        held = (part.__dict__, part._buffers, getattr(part, "_memories", {}))
        for value in (value for values in held for value in values.values()):
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(module, memo).cpu()


def library_of(module) -> str | None:
    """'snntorch' or 'spikingjelly' for a module of that library, else None."""
    parts = {c.__module__.split(".")[0] for c in type(module).__mro__}
    return next((name for name in ("snntorch", "spikingjelly") if name in parts), None)


def is_neuron(module) -> bool:
    """Whether the module is a neuron of one of the libraries."""
    if library_of(module) == "snntorch":
        return hasattr(module, "threshold") and hasattr(module, "reset_mechanism")
    return library_of(module) == "spikingjelly" and hasattr(module, "v_threshold")


def read(name, module, channels) -> Fire:
    """The Fire stage of a neuron module after a layer of that many channels."""
    kind = type(module).__name__
    module = copied(module)
    probe = copy.deepcopy(module)
    leak, weight = 0, 1.0  # weight: of the current
    if library_of(module) == "snntorch":
        if kind != "Leaky":
            raise refuse(name, f"is {kind}", INSTEAD.get(kind, "use snntorch.Leaky"))
        beta = module.beta.detach().double().flatten()
        if not bool((beta == beta[0]).all()):
            raise refuse(name, "leaks by more than one beta", "use one for the layer")
        leak = shift(name, 1 - float(beta[0]), f"beta {float(beta[0]):.3g}")
        for key, plain in (("inhibition", False), ("state_quant", False)):
            if getattr(module, key) is not plain:
                raise refuse(name, f"has {key}", f"set {key}=False")
        if not bool((torch.as_tensor(module.graded_spikes_factor) == 1).all()):
            raise refuse(name, "gives graded spikes", "set graded_spikes_factor=1")
        threshold = _per_channel(name, module.threshold, channels)
        probe.threshold.data = torch.ones((), dtype=torch.float64)
        probe.beta.data = beta[:1].reshape(())
        probe.reset_mem()
        probe.init_hidden, probe.output = False, True
    else:
        if kind not in ("IFNode", "LIFNode", "ParametricLIFNode"):
            raise refuse(name, f"is {kind}", INSTEAD.get(kind, "use neuron.IFNode or LIFNode"))
        if kind != "IFNode":
            tau = float(module.tau) if kind == "LIFNode" else 1 / float(module.w.sigmoid())
            leak = shift(name, 1 / tau, f"tau {tau:.3g}")
            weight = 1 / tau if module.decay_input else 1.0
        threshold = np.array((module.v_threshold - (module.v_reset or 0.0)) / weight)
        probe.reset()
        probe.v_threshold, probe.step_mode = weight, "s"
        probe.v_reset, probe.v = None if module.v_reset is None else 0.0, 0.0
        if hasattr(probe, "backend"):
            probe.backend = "torch"
    reset, above, first = _rule(name, probe, leak)
    return Fire(name, threshold, np.zeros(()), reset, above, leak, first)


INSTEAD = {
    "Lapicque": "use snntorch.Leaky with its beta",
    "Synaptic": "use Leaky: the current's own state is not there",
    "Alpha": "use Leaky: the current's own state is not there",
    "RLeaky": "use Leaky: recurrent layers are not there",
    "RSynaptic": "use Leaky: recurrent layers are not there",
    "SLSTM": "use Leaky: recurrent layers are not there",
    "SConv2dLSTM": "use Leaky: recurrent layers are not there",
    "CUBALIFNode": "use LIFNode: the current's own state is not there",
}


def shift(name, share, found):
    """k of a leak that takes 2^-k of the membrane, 0 for none."""
    if share <= 0:
        return 0
    k = round(-math.log2(share))
    if not 1 <= k <= MAX_LEAK or abs(share * 2**k - 1) > EQUAL:
        taus = ", ".join(str(2**n) for n in range(1, MAX_LEAK + 1))
        raise refuse(name, f"leaks with {found}", f"allowed: tau {taus} (beta 1 - 1/tau); train "
                     "with the nearest")  # fmt: skip
    return k


def _per_channel(name, value, channels):
    """A threshold tensor as a float64 scalar or [channels]."""
    values = value.detach().double().numpy()
    if values.size == 1:
        return values.reshape(())
    if values.shape not in ((channels,), (channels, 1, 1), (1, channels), (1, channels, 1, 1)):
        raise refuse(name, f"threshold of shape {list(values.shape)}",
                     f"one for all neurons, or one for each of {channels} channels")  # fmt: skip
    return values.reshape(channels)


def _rule(name, probe, leak):
    """(reset, above, leak first) of the rule that gives the probe's spikes."""
    generator = torch.Generator().manual_seed(0)
    drives = torch.randint(-STEP, 2 * STEP + 1, (TICKS, 1, NEURONS), generator=generator) / STEP
    drives = drives.double()
    with torch.no_grad():
        outputs = [probe(drive) for drive in drives]
    spikes = torch.stack([out[0] if isinstance(out, tuple) else out for out in outputs])
    wrong, allowed = {}, ROUNDED * spikes.numel() if leak else 0
    for reset, first in (("soft", False), ("hard", False), ("soft", True))[: 3 if leak else 2]:
        for above in (False, True):
            errors = _errors(drives, spikes, leak, reset, first, above)
            if errors <= allowed:
                return reset, above, first
            wrong[f"{reset} reset, {'>' if above else '>='}"] = errors
    rule, errors = min(wrong.items(), key=lambda item: item[1])
    raise refuse(name, f"fires by a rule of its own ({100 * errors / drives.numel():.2f} % of the "
                 f"spikes of a probe differ from the nearest, {rule})",
                 "use the library's default reset timing")  # fmt: skip


def _errors(drives, spikes, leak, reset, first, above):
    """Spikes that differ from those of a rule with threshold 1."""
    v, late, errors, keep = torch.zeros_like(drives[0]), 0.0, 0, 1 - 2.0**-leak if leak else 1.0
    for drive, spike in zip(drives, spikes):
        v = v * keep - late + drive
        fired = (v > 1 if above else v >= 1).to(v.dtype)
        if first:
            late = fired
        else:
            v = v * (1 - fired) if reset == "hard" else v - fired
        errors += int((fired != spike).sum())
    return errors
