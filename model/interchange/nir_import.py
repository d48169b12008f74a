"""``from_nir``: a graph of the Neuromorphic Intermediate Representation (NIR) as a model file.

A file says neither the reset nor the comparison of its neurons, nor the length of a tick: they are
parameters. Equations of the nodes: Pedersen et al. 2024, "Neuromorphic intermediate representation",
Nature Communications 15, 8122. With dt of a tick, IF adds r * dt of the current.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from volley.firmware.modelfile import RESETS, Model
from volley.model.interchange import builder, neurons, nir_library, nir_metadata
from volley.model.interchange.chain import Fire, InterchangeError, refuse
from volley.model.interchange.fold import fold
from volley.model.interchange.nir_export import to_nir

DTS = (1.0, 1e-4)  # what the libraries write: sinabs 1, spikingjelly and snnTorch 1e-4
CLOSE = 1e-5  # relative: float32 quotients that should be equal
OR_AT = 0.25  # mean of 2 x 2 spikes of which one is set
CHAINS = "only chains without branches or feedback can be imported; train one"
INSTEAD = {
    "CubaLIF": "use IF: its synapse has a state of its own",
    "CubaLI": "use IF", "LI": "leave it out: scores are the sums of the currents", "I": "use IF",
    "Conv1d": "use Conv2d of height 1",
    "Delay": "leave it out: every layer has the same ticks",
    "Threshold": "use IF",
}  # fmt: skip


def from_nir(
    source,
    *,
    ticks: int | None = None,
    reset: str = "hard",
    above: bool = False,
    dt: float | None = None,
    input_shape: tuple[int, ...] | None = None,
    fraction_bits: int | None = None,
    scale: float = 1 / 255,
    bits: int = 8,
    spikes: int | None = None,
    binarise: bool = False,
    classes: list[str] | None = None,
    name: str = "imported",
    log: Callable[[str], None] | None = None,
) -> Model:
    """A model that gives the graph's spikes.

    source: a nir.NIRGraph or the path of a file; a chain of Conv2d (the first of any square kernel, the others
    3x3 or 1x1, stride 1, padded), Linear, Affine, IF, LIF (tau 2, 4, 8 or 16 ticks), Scale, Flatten, AvgPool2d or
    SumPool2d before a dense layer, or with an IF after it that fires at any spike (the maximum of spikes). reset: "hard" or "soft" of all neurons. above: they fire at v > threshold (snnTorch),
    not at v >= threshold (spikingjelly). dt: seconds of a tick; None finds 1 or 1e-4. input_shape: (C, H, W) or
    (n,), None for the Input node's. The rest: see ``from_torch``. A graph that ``to_nir`` wrote and nobody changed
    gives its very model back. Raises InterchangeError, which names the node.
    """  # fmt: skip
    library, log = nir_library.nir(), log or (lambda text: None)
    if reset not in RESETS:
        raise InterchangeError(f"reset: found {reset!r}; allowed: {', '.join(RESETS)}")
    if dt is not None and not 0 < dt < np.inf:
        raise InterchangeError(f"dt: found {dt!r}; allowed: seconds of a tick, above 0")
    graph = source if isinstance(source, library.NIRGraph) else nir_library.read(source)
    own = nir_metadata.model_of(graph, to_nir)
    if own:
        log("the model in the file's metadata, which its nodes agree with")
        return own
    if ticks is None:
        raise InterchangeError("ticks: not given; a NIR file does not say them; allowed: 1 to 32")
    nodes = _chain(library, graph)
    if input_shape is None:
        found = next(iter(nodes[0][1].input_type.values()))
        given = () if found is None else tuple(int(n) for n in np.atleast_1d(found))
        given = given[1:] if len(given) in (2, 4) and given[0] == 1 else given
        if len(given) not in (1, 3):
            raise refuse(nodes[0][0], f"has the shape {list(given)}",
                         "give input_shape: (C, H, W) or (n,)")  # fmt: skip
        input_shape = given
    shape = builder.input_shape(input_shape)
    reader = _Reader(library, shape, nodes, reset, above, dt)
    return fold(reader.chain.stages, shape, ticks, name, scale=scale, bits=bits, spikes=spikes,
                fraction_bits=fraction_bits, binarise=binarise, classes=classes,
                log=log)  # fmt: skip


def _chain(library, graph, prefix=""):
    """[(name, node)] from the Input to before the Output, graphs inside opened; refuses branches."""
    after: dict[str, list[str]] = {key: [] for key in graph.nodes}
    before: dict[str, list[str]] = {key: [] for key in graph.nodes}
    for a, b in sorted(set(map(tuple, graph.edges))):
        for key in (a, b):
            if key not in graph.nodes:
                raise refuse(prefix + key, "is in an edge, but no node", "write the graph again")
        after[a].append(b)
        before[b].append(a)
    starts = [k for k, n in graph.nodes.items() if isinstance(n, library.Input)]
    if len(starts) != 1:
        raise refuse(prefix + "(graph)", f"has {len(starts)} inputs", "give a graph of one Input")
    at, out, seen = starts[0], [], set()
    while True:
        node = graph.nodes[at]
        seen.add(at)
        if isinstance(node, library.NIRGraph):
            inside = _chain(library, node, f"{prefix}{at}.")
            out += inside[1:]
        elif not isinstance(node, library.Output):
            out.append((prefix + at, node))
        if len(after[at]) != (0 if isinstance(node, library.Output) else 1):
            targets = ", ".join(prefix + k for k in after[at]) or "nowhere"
            raise refuse(prefix + at, f"leads to {targets}", CHAINS)
        if not after[at]:
            break
        at = after[at][0]
        if len(before[at]) != 1:
            sources = ", ".join(prefix + k for k in before[at])
            again = ", recurrently" if _comes_back(after, at) else ""
            raise refuse(prefix + at, f"is reached from {sources}{again}", CHAINS)
    left = sorted(graph.nodes.keys() - seen)
    if left:
        raise refuse(prefix + left[0], "is not on the way from Input to Output", "remove it")
    return out


def _comes_back(after, start):
    """Whether edges lead from a node back to it."""
    left, seen = list(after[start]), set()
    while left:
        key = left.pop()
        if key == start:
            return True
        if key not in seen:
            seen.add(key)
            left += after[key]
    return False


class _Reader:
    """Reads the nodes of a chain into ``chain``, a ChainBuilder."""

    def __init__(self, library, shape, nodes, reset, above, dt):
        self.library, self.reset, self.above = library, reset, above
        self.chain = builder.ChainBuilder(shape)
        self.dt = dt or _tick(library, nodes)
        self.pooling = None  # (name, node) of a pool that waits for its neuron
        for name, node in nodes[1:]:
            self.add(name, node)
        self.mean()

    def mean(self):
        """A pool that no neuron follows is a mean."""
        if self.pooling:
            name, node = self.pooling
            total = isinstance(node, self.library.SumPool2d)
            self.chain.mean(name, node.kernel_size, node.stride, node.padding, total=total)
            self.pooling = None

    def add(self, name, node):
        """Adds one node."""
        lib, kind = self.library, type(node).__name__
        if not isinstance(node, lib.IF | lib.LIF):
            self.mean()
        if isinstance(node, lib.Conv2d):
            self.chain.conv(name, node.weight, node.bias, stride=node.stride, padding=node.padding,
                            dilation=node.dilation, groups=int(node.groups))  # fmt: skip
        elif isinstance(node, lib.Affine | lib.Linear):
            weight = np.asarray(node.weight, float)
            if weight.ndim != 2:
                raise refuse(name, f"has weights of shape {list(weight.shape)}", "give [out, n]")
            self.chain.dense(name, weight, getattr(node, "bias", None))
        elif isinstance(node, lib.Scale):
            scale = self.per_channel(name, "scale", node.scale)
            self.chain.scale(name, scale)
        elif isinstance(node, lib.IF | lib.LIF):
            self.fire(name, node)
        elif isinstance(node, lib.AvgPool2d | lib.SumPool2d):
            self.pooling = name, node
        elif isinstance(node, lib.Flatten):
            self.chain.flatten(name)
        else:
            raise refuse(name, f"is {kind}", INSTEAD.get(kind, "allowed: Conv2d, Linear, Affine, "
                         "IF, LIF, Scale, Flatten, AvgPool2d, SumPool2d"))  # fmt: skip

    def fire(self, name, node):
        """IF, or LIF that does not leak; after a pool, the one that makes it a maximum."""
        threshold, rest = (
            self.per_channel(name, k, getattr(node, k)) for k in ("v_threshold", "v_reset")
        )
        gain, leak = self.gain(name, node)
        distance = threshold - rest
        if self.pooling:
            pool, found = self.pooling
            one = OR_AT * gain * (4 if isinstance(found, self.library.SumPool2d) else 1)
            fires = distance < one if self.above else distance <= one
            if not np.all((distance > 0) & fires) or self.reset != "hard":
                raise refuse(name, f"fires at {np.max(distance):.3g} of the {type(found).__name__} "
                             f"'{pool}', {self.reset} reset",
                             "only the hard reset and a threshold that one spike reaches are a maximum "
                             "of spikes; put the neuron before the pool")  # fmt: skip
            self.chain.pool(pool, found.kernel_size, found.stride, found.padding)
            self.pooling = None
            return
        if not np.all(gain == 1):
            self.chain.gain(name, gain, 0.0)
        # snnTorch, which fires above the threshold, leaks before a soft reset
        first = bool(leak) and self.above and self.reset == "soft"
        self.chain.fire(Fire(name, distance, np.zeros(()), self.reset, self.above, leak, first))

    def gain(self, name, node):
        """(what a neuron makes of its current in a tick, scalar or [channels]; k of its leak)."""
        r = self.per_channel(name, "r", node.r)
        if isinstance(node, self.library.IF):
            return _round(r * self.dt), 0
        tau, rest = (self.per_channel(name, key, getattr(node, key)) for key in ("tau", "v_leak"))
        if np.any(rest != self.per_channel(name, "v_reset", node.v_reset)):
            raise refuse(name, "leaks to another value than it resets to", "use one for both")
        if np.all(np.isinf(tau)):
            if not np.all(np.isinf(r)):
                raise refuse(name, "has an infinite tau and a finite r", "use IF")
            return np.ones(()), 0  # snnTorch's beta = 1: r / tau is 1 / dt
        if tau.size > 1:
            raise refuse(name, "leaks by more than one tau", "use one for the layer")
        ticks = float(tau) / self.dt
        return _round(r * self.dt / float(tau)), neurons.shift(name, 1 / ticks, f"tau {ticks:.3g}")

    def per_channel(self, name, key, value):
        """A parameter as a float64 scalar or [channels]."""
        values, channels = np.asarray(value, float), self.chain.channels
        while values.ndim > 1 and values.shape[0] == 1 and values.shape[0] != channels:
            values = values[0]
        if values.size == 1 or (values.size and np.all(values == values.flat[0])):
            return values.flat[0] * np.ones(())
        if values.shape[0] == channels:
            rows = values.reshape(channels, -1)
            if np.all(rows == rows[:, :1]):
                return rows[:, 0].copy()
        raise refuse(name, f"{key} of shape {list(values.shape)} differs within a channel",
                     f"one value, or one for each of {channels} channels")  # fmt: skip


def _round(values):
    """Values, those that are 1 but for float32's rounding made 1."""
    return np.where(np.abs(values - 1) <= CLOSE, 1.0, values)


def _tick(library, nodes):
    """dt of a chain's neurons, 1 or 1e-4: with r * dt = 1 in all IF nodes, tau above it in LIF ones."""
    for dt in DTS:
        if all(_suits(library, node, dt) for _, node in nodes):
            return dt
    name, node = next((k, n) for k, n in nodes if isinstance(n, library.IF | library.LIF))
    raise refuse(name, f"has r {np.asarray(node.r).flat[0]:.3g}, which is 1 / dt neither of dt 1 nor "
                 "of 1e-4", "give dt, the seconds of a tick")  # fmt: skip


def _suits(library, node, dt):
    """Whether a node can have ticks of dt."""
    if isinstance(node, library.IF):
        return bool(np.all(_round(np.asarray(node.r, float) * dt) == 1))
    if isinstance(node, library.LIF):
        tau = np.asarray(node.tau, float)
        return bool(np.all(tau > dt))
    return True
