"""From a trained network to the integers of a model file."""

import numpy as np

from volley.firmware.modelfile import Layer, Model
from volley.model.nets.neuron import EPS, V_INIT
from volley.model.nets.quantise import LIMIT, fold, sign_bits


def _array(parameter):
    return parameter.detach().cpu().numpy().astype(np.float64)


def to_model(net, name, data, fraction_bits):
    """The Model that runs as `net` does, with its running statistics.

    net: a trained model.net.Net; data: the datasets.DataSet whose pictures it classifies.
    Bias, threshold and v_init are rounded to fraction_bits and clamped to the hardware's 24 bits,
    so nothing is left to be rounded later.
    """
    layers = []
    for index, trained in enumerate(net.layers):
        spec = trained.spec
        weight = sign_bits(trained.weight)
        layer = Layer(
            spec.name,
            spec.kind,
            int(np.prod(weight.shape[1:]) // spec.kernel**2),
            spec.outputs,
            spec.kernel,
            spec.kernel // 2,
            encode=index == 0,
            pool=spec.pool,
            readout=spec.readout,
        )
        if spec.readout:
            # Training adds the bias to the psum, the hardware subtracts its own.
            bias = np.rint(-_array(trained.bias) * 2.0**fraction_bits)
            layer.weight, layer.bias = weight, np.clip(bias, -LIMIT - 1, LIMIT).astype(np.int32)
        else:
            layer.weight, layer.bias, layer.threshold, layer.v_init = fold(
                weight,
                *map(_array, (trained.gain, trained.beta, trained.mean, trained.var)),
                EPS,
                V_INIT,
                fraction_bits,
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
    )
