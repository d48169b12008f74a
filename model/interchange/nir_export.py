"""``to_nir``: a model as a graph of the Neuromorphic Intermediate Representation (NIR).

A firing layer's weights and bias are divided by threshold - 1/2, and its IF has threshold 1: the
membranes of the file are integers, so nothing lies at the threshold itself, and v > 1, v >= 1 and
a rounding of the reader fire alike. The maximum of 2 x 2 spikes is AvgPool2d(2) and an IF at 0.125.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from volley.firmware.modelfile import Model
from volley.model.interchange import nir_library, nir_metadata

OR_THRESHOLD = 0.125  # half of what one spike of four gives


def _to_stderr(text):
    print(f"warning: {text}", file=sys.stderr)


def to_nir(model: Model, warn: Callable[[str], None] | None = None):
    """The nir.NIRGraph of a model; its input is pixels 0 to 2^bits - 1, or spikes, its scores sum over the ticks.

    r = 1 with dt = 1. The graph's metadata has the model itself; a neuron's has its integers.
    warn: called with what NIR cannot say of this model (default: to stderr).
    """
    library = nir_library.nir()
    warn = warn or _to_stderr
    if model.reset == "soft":
        warn("NIR has no soft reset: readers take the hard one, and fire otherwise than this model; "
             "from_nir reads it from the metadata")  # fmt: skip
    if any(layer.leak for layer in model.layers):
        warn("NIR has no rounding of a leak: this model rounds its membranes at every tick, readers do "
             "not, and a few spikes differ")  # fmt: skip
    started = [x.name for x in model.layers if x.v_init is not None and x.v_init.any()]
    if started:
        warn(f"NIR has no start of the membrane other than 0: v_init of {', '.join(started)} is in the "
             "metadata alone")  # fmt: skip
    shape: tuple[int, ...] = (model.channels, model.height, model.width)
    nodes = {"input": library.Input(input_type={"input": np.array(shape)})}

    def add(name, node):  # a layer may have the name of another node
        while name in nodes or name == "output":
            name += "_"
        nodes[name] = node

    def neuron(name, threshold, shape, metadata, leak=0):
        full, zeros = np.full(shape, threshold), np.zeros(shape)
        if leak:  # tau dv = (v_leak - v) + r I, and r = tau: v * (1 - 1/tau) + I
            tau = np.full(shape, 2.0**leak)
            add(name, library.LIF(tau=tau, r=tau, v_leak=zeros, v_threshold=full, v_reset=zeros,
                                  metadata=metadata))  # fmt: skip
        else:
            add(
                name,
                library.IF(r=np.ones(shape), v_threshold=full, v_reset=zeros, metadata=metadata),
            )

    for layer in model.layers:
        weight, bias = _parameters(model, layer)
        if layer.kind == "conv":
            add(layer.name, library.Conv2d(
                input_shape=shape[1:], weight=weight, stride=(layer.stride,) * 2,
                padding=(layer.padding, layer.padding), dilation=(1, 1), groups=1, bias=bias,
            ))  # fmt: skip
            shape = (layer.outputs, *(_size(n, layer) for n in shape[1:]))
        else:
            if len(shape) == 3:
                flat = library.Flatten(
                    input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1
                )
                add(f"{layer.name}_flatten", flat)
            add(layer.name, library.Affine(weight=weight, bias=bias))
            shape = (layer.outputs,)
        if not layer.readout:
            own = {key: getattr(layer, key) for key in ("bias", "threshold", "v_init")}
            own["fraction_bits"] = model.fraction_bits_of(layer)
            neuron(f"{layer.name}_if", 1.0, shape, own, layer.leak)
        if layer.pool > 1:
            size = np.array([layer.pool, layer.pool])
            pool = library.AvgPool2d(kernel_size=size, stride=size, padding=np.array([0, 0]))
            add(f"{layer.name}_pool", pool)
            shape = layer.out_shape
            if layer.pool_kind == "or":
                neuron(f"{layer.name}_or", OR_THRESHOLD, shape, {})
    if model.votes > 1:
        votes = np.kron(np.eye(len(model.classes)), np.ones((1, model.votes))).astype(np.float32)
        add("votes", library.Linear(weight=votes))
        shape = (len(model.classes),)
    nodes["output"] = library.Output(output_type={"output": np.array(shape)})
    names = list(nodes)
    return library.NIRGraph(
        nodes=nodes, edges=list(zip(names, names[1:])), metadata=nir_metadata.of_model(model)
    )


def _size(size, layer):
    """A side of a convolution's map, what pooling leaves out included."""
    return (size + 2 * layer.padding - layer.kernel) // layer.stride + 1


def _parameters(model, layer):
    """(weight, bias) float32 of a layer's node; behind a mean of n spikes, steps are of 1 / n."""
    # scores of a readout behind a mean are in these steps
    over = 1 / layer.mean_of if layer.readout else layer.threshold - 0.5 / layer.mean_of
    rows = layer.weight * 2.0 ** model.fraction_bits_of(layer)
    over_rows = np.reshape(over, (-1,) + (1,) * (rows.ndim - 1))
    return (rows / over_rows).astype(np.float32), (-layer.bias / over).astype(np.float32)
