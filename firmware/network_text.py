"""Networks as a text such as 64C3-P2-64C3-P2-128-10: the one parser of that form."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from volley.firmware.layers import MAX_SIZE, MAX_WEIGHTS, Layer, Model
from volley.firmware.modelfile import validate

SPEC_HELP = (
    'layers joined by "-": 64C3 = 3x3 convolution with 64 output channels (64C1: 1x1), '
    "P2 = 2x2 pooling of the layer before it, 128 = dense layer; the last is the readout "
    "and has one output per class, or several that are added up. Example: 64C3-P2-64C3-P2-128-10"
)


class SpecError(ValueError):
    """A network text that Volley cannot build; says what was found and what is allowed."""


@dataclass(frozen=True)
class Spec:
    """One layer: kind 'conv' or 'dense'; in_shape (C,H,W); outputs; kernel; pool 1 or 2."""

    name: str
    kind: str
    in_shape: tuple[int, int, int]
    outputs: int
    kernel: int = 1
    pool: int = 1
    readout: bool = False

    @property
    def weights(self) -> int:
        """How many it has."""
        channels, height, width = self.in_shape
        inputs = channels * (height * width if self.kind == "dense" else self.kernel**2)
        return self.outputs * inputs

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """(C, H, W) after pooling."""
        if self.kind == "dense":
            return (self.outputs, 1, 1)
        return (self.outputs, self.in_shape[1] // self.pool, self.in_shape[2] // self.pool)


def _outputs(text, digits):
    """A number of outputs."""
    if len(digits) > len(str(MAX_SIZE)) or int(digits) > MAX_SIZE:
        raise SpecError(
            f"net {text!r:.80}: a layer of {digits:.12} outputs; allowed: 1 to {MAX_SIZE}"
        )
    return int(digits)


def parse(text: str, in_shape: tuple[int, int, int], classes: int | None = None) -> list[Spec]:
    """Layers of a network text for pictures of in_shape (C,H,W), the last one the readout.

    classes: the readout has as many outputs, or a multiple of it; None for any number. Raises ``SpecError``.
    """
    words, layers, shape = text.split("-"), list[Spec](), in_shape
    for word in words:
        conv = re.fullmatch(r"([1-9]\d*)C([13])", word)
        if word == "P2":
            if not layers or layers[-1].kind != "conv" or layers[-1].pool != 1:
                raise SpecError(f"net {text!r:.200}: P2 must follow a convolution; {SPEC_HELP}")
            last = layers[-1]
            if min(shape[1:]) < 2:
                raise SpecError(
                    f"net {text!r:.200}: P2 after {last.name} pools a map of {shape[1]}x"
                    f"{shape[2]}; 2x2 pooling needs two rows and two columns"
                )
            layers[-1] = Spec(last.name, "conv", last.in_shape, last.outputs, last.kernel, 2)
        elif conv:
            if layers and layers[-1].kind == "dense":
                raise SpecError(
                    f"net {text!r:.200}: {word} follows a dense layer; convolutions come first"
                )
            number = sum(x.kind == "conv" for x in layers) + 1
            layers.append(
                Spec(f"conv{number}", "conv", shape, _outputs(text, conv[1]), int(conv[2]))
            )
        elif re.fullmatch(r"[1-9]\d*", word):
            number = sum(x.kind == "dense" for x in layers) + 1
            layers.append(Spec(f"fc{number}", "dense", shape, _outputs(text, word)))
        else:
            raise SpecError(f"net {text!r:.200}: {word!r} is not a layer; allowed: {SPEC_HELP}")
        shape = layers[-1].out_shape
        if sum(layer.weights for layer in layers) > MAX_WEIGHTS:
            raise SpecError(f"net {text!r:.80}: more than {MAX_WEIGHTS} weights up to {word:.20}")
    last = layers[-1]
    if last.kind != "dense":
        wanted = "an output" if classes is None else f"{classes} outputs, one"
        raise SpecError(
            f"net {text!r} ends in {words[-1]}; it must end in a dense readout with {wanted} per "
            "class"
        )
    if classes is not None and last.outputs % classes:
        raise SpecError(
            f"net {text!r:.200}: the readout has {last.outputs} outputs; the data set has "
            f"{classes} classes: allowed is as many, or a multiple, whose scores are added up"
        )
    layers[-1] = Spec(last.name, "dense", last.in_shape, last.outputs, readout=True)
    return layers


def network(text: str, in_shape: tuple[int, int, int], ticks: int = 8) -> Model:
    """A model of a network text with all weights +1, for what depends on its sizes alone.

    Its pictures have 8 bits; it has 4 fraction bits and the soft reset. Raises ``SpecError``.
    """
    model = Model(text, ticks, 4, "soft", *in_shape, 8, [])
    for number, spec in enumerate(parse(text, in_shape)):
        channels, height, width = spec.in_shape
        dense = spec.kind == "dense"
        layer = Layer(
            spec.name, spec.kind, channels * height * width if dense else channels, spec.outputs,
            spec.kernel, spec.kernel // 2, encode=number == 0, pool=spec.pool, readout=spec.readout,
        )  # fmt: skip
        layer.weight = np.ones(layer.weight_shape, np.int8)
        layer.bias = np.zeros(layer.outputs, np.int32)
        if not layer.readout:
            layer.threshold = np.ones(layer.outputs, np.int32)
            layer.v_init = np.zeros(layer.outputs, np.int32)
        model.layers.append(layer)
    model.classes = [str(k) for k in range(model.layers[-1].outputs)]
    validate(model)
    return model
