"""A network as a model file describes it: ``Model`` and its ``Layer``s, and the limits of both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MAX_FRACTION_BITS = 8
MAX_SIZE = 65535  # of a map's side, and of a number of channels
RESETS = ("soft", "hard")
KINDS = ("conv", "dense")
INPUTS = ("picture", "spikes")
POOLS = ("or", "mean")
MAX_KERNEL = 255  # of a first layer, and its stride
MAX_COUNT = 255  # spikes of an input in a tick

MAX_LAYERS = 1024
MAX_TEXT = 1000  # characters of a name
MAX_VALUES = 1 << 25  # of an input or a map: channels x height x width x ticks
MAX_WEIGHTS = 1 << 27  # of all layers, as the compiler lays them out


class ModelError(ValueError):
    """A model that breaks a rule; says which tensor or key, what was found, what is allowed."""


@dataclass
class Layer:
    """One layer. Order inside a layer: psum, fire, pool.

    fraction_bits: None for the model's. leak: shift of the leak, 0: none; leak_first: a soft reset
    comes after it. pool_kind: "or", or "mean" before a dense layer.

    weight: int8 -1/+1, conv [out, in, k, k], dense [out, n]; bias int32 [out]; threshold and
    v_init int32 [out], None on the readout. The three shapes are (C, H, W) and are filled in by
    ``load`` and ``validate``: of the input, of the map before pooling, and after pooling. The map
    before pooling has no row or column that pooling leaves out. mean_of, filled in as well: spikes
    that each input is the mean of. pair, filled in by the compiler: two pixels of a picture are
    read at a time, a channel as two of four bits.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    kernel: int = 1
    padding: int = 0
    encode: bool = False
    pool: int = 1
    readout: bool = False
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    threshold: np.ndarray | None = None
    v_init: np.ndarray | None = None
    fraction_bits: int | None = None
    leak: int = 0
    leak_first: bool = False
    stride: int = 1
    pool_kind: str = "or"
    in_shape: tuple[int, int, int] = (0, 0, 0)
    map_shape: tuple[int, int, int] = (0, 0, 0)
    out_shape: tuple[int, int, int] = (0, 0, 0)
    mean_of: int = 1
    pair: bool = False

    @property
    def plain(self) -> bool:
        """Whether the array computes the layer's kernel as it is: 1x1, or 3x3 with padding 1."""
        kernel = (self.kernel, self.padding, self.stride)
        return self.kind == "dense" or kernel in ((1, 0, 1), (3, 1, 1))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of ``weight``: [out, in, k, k] or [out, n]."""
        if self.kind == "conv":
            return (self.outputs, self.inputs, self.kernel, self.kernel)
        return (self.outputs, self.inputs)


@dataclass
class Model:
    """A network: input pictures are unsigned, of ``bits`` bits, shape (channels, height, width).

    kind: "picture", or "spikes": then the input is a picture of spikes for each tick, counts of up to
    ``most``. votes: outputs of a class; their scores are added up. fit: pictures of other sizes are
    scaled to the input, as those that the model learnt from were.
    A model whose last layer is no readout scores by spike count, per output channel.
    """

    name: str
    ticks: int
    fraction_bits: int
    reset: str
    channels: int
    height: int
    width: int
    bits: int
    classes: list[str]
    layers: list[Layer] = field(default_factory=list)
    kind: str = "picture"
    most: int = 1
    votes: int = 1
    fit: bool = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width) of a picture; of spikes, the ticks before them."""
        shape = (self.channels, self.height, self.width)
        return shape if self.kind == "picture" else (self.ticks, *shape)

    def fraction_bits_of(self, layer: Layer) -> int:
        """Fraction bits of a layer."""
        return self.fraction_bits if layer.fraction_bits is None else layer.fraction_bits
