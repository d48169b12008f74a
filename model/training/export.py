"""From a trained network to the integers of a model file."""

import sys

import numpy as np

from volley.firmware.modelfile import Layer, Model
from volley.model.nets import finite
from volley.model.nets.neuron import EPS, V_INIT
from volley.model.nets.quantise import LIMIT, fold, sign_bits


def _array(parameter):
    return parameter.detach().cpu().numpy().astype(np.float64)


def _warn(text):
    print(f"warning: {text}", file=sys.stderr)


def _channels(flags):
    """The channels of a bool array that are set, in words."""
    found = [str(k) for k in np.flatnonzero(flags)]
    rest = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return f"channel{'s' * (len(found) > 1)} {', '.join(found[:8])}{rest}"


def to_model(net, name, data, fraction_bits, warn=_warn):
    """The Model that runs as `net` does, with its running statistics.

    net: a trained model.net.Net; data: the sets.DataSet whose pictures it classifies.
    Bias, threshold and v_init are rounded to fraction_bits and scaled to the hardware's 24 bits
    where they are too large (see quantise.fold; `warn` is called with a text that names layer and
    channels), so nothing is left to be rounded later. Raises finite.NotFiniteError where a parameter
    is NaN or infinite.
    """
    finite.check(f"network {name}", net.state_dict(), "train it again, or export an earlier one")
    layers = []
    for index, trained in enumerate(net.layers):
        spec = trained.spec
        weight = sign_bits(trained.latent())
        layer = Layer(
            spec.name,
            spec.kind,
            int(np.prod(weight.shape[1:]) // spec.kernel**2),
            spec.outputs,
            spec.kernel,
            spec.kernel // 2,
            encode=index == 0 and data.kind == "picture",
            pool=spec.pool,
            readout=spec.readout,
            leak=0 if net.tau is None or spec.readout else int(np.log2(net.tau)),
        )
        if spec.readout:
            # Training adds the bias to the psum, the hardware subtracts its own.
            bias = np.rint(-_array(trained.bias) * 2.0**fraction_bits)
            layer.weight, layer.bias = weight, np.clip(bias, -LIMIT - 1, LIMIT).astype(np.int32)
            if (layer.bias != bias).any():
                warn(
                    f"layer {spec.name}, {_channels(layer.bias != bias)}: bias is beyond the 24 bits "
                    "of the hardware and is cut off; fewer fraction bits hold it"
                )
        else:
            layer.weight, layer.bias, layer.threshold, layer.v_init, scaled = fold(
                weight,
                *map(_array, (trained.gain, trained.beta, trained.mean, trained.var)),
                EPS,
                V_INIT,
                fraction_bits,
            )
            if scaled.any():
                warn(
                    f"layer {spec.name}, {_channels(scaled)}: threshold or bias is beyond the 24 bits "
                    "of the hardware (gain near 0); scaled together to fit"
                )
        layers.append(layer)
    return Model(
        name,
        net.ticks,
        fraction_bits,
        "hard" if net.hard else "soft",
        *data.shape,
        8,
        list(data.classes),
        layers,
        data.kind,
        votes=net.votes,
        fit=getattr(data, "fit", False),
    )
