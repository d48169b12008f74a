"""Neuron modules of snnTorch and spikingjelly: which rule each follows, found by driving it.

Versions of the libraries differ in the order of leak, reset and comparison, so the class gives the
parameters alone; the rule is the one whose spikes are those of the module on the same drives.
"""

from __future__ import annotations

import copy

import numpy as np
import torch

from volley.model.interchange.chain import Fire, refuse

TICKS, NEURONS, STEP = 32, 4096, 16  # drives are multiples of 1/STEP of the threshold


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
    probe = copy.deepcopy(module)
    if library_of(module) == "snntorch":
        if kind != "Leaky":
            raise refuse(name, f"is {kind}", "use snntorch.Leaky with beta=1")
        if not bool((module.beta == 1).all()):
            raise refuse(name, f"leaks (beta {module.beta.flatten()[0].item():.3g})",
                         "format 2, not yet; use beta=1")  # fmt: skip
        for key, plain in (("inhibition", False), ("state_quant", False)):
            if getattr(module, key) is not plain:
                raise refuse(name, f"has {key}", f"set {key}=False")
        if not bool((torch.as_tensor(module.graded_spikes_factor) == 1).all()):
            raise refuse(name, "gives graded spikes", "set graded_spikes_factor=1")
        threshold = _per_channel(name, module.threshold, channels)
        probe.threshold.data = torch.ones(())
        probe.reset_mem()
        probe.init_hidden, probe.output = False, True
    else:
        if kind != "IFNode":
            leaks = "LIF" in kind
            raise refuse(name, f"is {kind}" + (", which leaks" if leaks else ""),
                         ("format 2, not yet; " if leaks else "") + "use neuron.IFNode")  # fmt: skip
        threshold = np.array(module.v_threshold - (module.v_reset or 0.0))
        probe.reset()
        probe.v_threshold, probe.step_mode = 1.0, "s"
        probe.v_reset = None if module.v_reset is None else 0.0
    reset, above = _rule(name, probe)
    return Fire(name, threshold, np.zeros(()), reset, above)


def _per_channel(name, value, channels):
    """A threshold tensor as a float64 scalar or [channels]."""
    values = value.detach().double().numpy()
    if values.size == 1:
        return values.reshape(())
    if values.shape not in ((channels,), (channels, 1, 1), (1, channels), (1, channels, 1, 1)):
        raise refuse(name, f"threshold of shape {list(values.shape)}",
                     f"one for all neurons, or one for each of {channels} channels")  # fmt: skip
    return values.reshape(channels)


def _rule(name, probe):
    """(reset, above) of the rule that gives the probe's spikes."""
    generator = torch.Generator().manual_seed(0)
    drives = torch.randint(-STEP, 2 * STEP + 1, (TICKS, 1, NEURONS), generator=generator) / STEP
    with torch.no_grad():
        outputs = [probe(drive) for drive in drives]
    spikes = torch.stack([out[0] if isinstance(out, tuple) else out for out in outputs])
    wrong = {}
    for reset in ("soft", "hard"):
        for above in (False, True):
            v, errors = torch.zeros_like(drives[0]), 0
            for drive, spike in zip(drives, spikes):
                v = v + drive
                fired = (v > 1 if above else v >= 1).float()
                v = v * (1 - fired) if reset == "hard" else v - fired
                errors += int((fired != spike).sum())
            if not errors:
                return reset, above
            wrong[f"{reset} reset, {'>' if above else '>='}"] = errors
    rule, errors = min(wrong.items(), key=lambda item: item[1])
    raise refuse(name, f"fires by a rule of its own ({100 * errors / drives.numel():.2f} % of the "
                 f"spikes of a probe differ from the nearest, {rule})",
                 "use the library's default reset timing")  # fmt: skip
