"""How the ticks and pixels of a layer use the eight lanes of the array: passes and packing.

More than eight ticks take passes. Of 4, 2 or 1 ticks, a design with lane packing puts 2, 4 or 8
pixels of a row into one word of a spike map, and computes them together in a convolution. A design
with ``pair`` does so with two pixels of a picture: four lanes are the bit planes of half a byte, and the
two halves are channels.
"""

from __future__ import annotations

import math

from volley.firmware import isa
from volley.firmware.design import Design
from volley.firmware.inputs import PAIR
from volley.firmware.modelfile import Layer, Model


def describe(ticks: int, design: Design) -> str:
    """How a number of ticks uses the lanes, in words."""
    lanes = isa.LANES
    if ticks > lanes:
        return f"{ticks} ticks in {math.ceil(ticks / lanes)} passes of {lanes} lanes"
    if ticks == lanes:
        return f"{ticks} ticks fill the {lanes} lanes"
    if lanes % ticks:
        return f"{ticks} of {lanes} lanes, unpacked: {ticks} does not divide {lanes}"
    if not design.pack:
        return f"{ticks} of {lanes} lanes, unpacked: the design has no lane packing (pack = 0)"
    alone = "encoding and dense layers compute one at a time"
    if design.pair:
        alone = "a picture is read two at a time, dense layers compute one"
    return f"{lanes // ticks} pixels of {ticks} ticks share the {lanes} lanes; {alone}"


def in_pairs(layer: Layer, model: Model, design: Design) -> bool:
    """Whether a layer of the model, before it is lowered to pairs, reads its picture in pairs of pixels.

    Sums of a pixel have to fit the bits of a lane's psum; pairs that share a word of the output are whole.
    """
    if not design.pair or not layer.encode or layer.kind == "dense" or layer.readout:
        return False
    pixels = packed_pixels(model, design)
    channels, _, width = (int(n) for n in layer.in_shape)
    groups, paired = (math.ceil(n / design.ci) for n in (channels, PAIR * channels))
    return (
        pixels > 1
        and channels * layer.kernel**2 * ((1 << isa.LANES) - 1) <= isa.MAX_FAN_IN
        and paired * math.ceil(width / PAIR) < groups * width
        and (width % PAIR == 0 or pixels == PAIR)
    )


def passes_of(layer: Layer, model: Model) -> int:
    """Passes of up to eight ticks; a picture that goes straight to scores needs one."""
    if layer.readout and layer.encode:
        return 1
    return math.ceil(model.ticks / isa.LANES)


def packed_pixels(model: Model, design: Design) -> int:
    """Pixels of a row in a word of a spike map."""
    fits = design.pack and isa.LANES % model.ticks == 0
    return isa.LANES // model.ticks if fits and model.ticks <= isa.LANES else 1


def pack_code(layer: Layer, model: Model, design: Design) -> int:
    """Field ``pack`` of the layer's descriptor: log2 of the pixels of a word."""
    if layer.kind == "dense" and layer.encode:
        return 0  # reads a picture and writes one pixel
    return packed_pixels(model, design).bit_length() - 1


def beat_pixels(layer: Layer, model: Model, design: Design) -> int:
    """Pixels of an input row that a beat takes."""
    if layer.pair:
        return PAIR
    return 1 if layer.encode or layer.kind == "dense" else packed_pixels(model, design)


def row_beats(layer: Layer, model: Model, design: Design) -> int:
    """Beats of an input row of one group: words of a packed map, or else pixels."""
    return math.ceil(int(layer.in_shape[2]) / beat_pixels(layer, model, design))


def last_lanes(layer: Layer, model: Model, design: Design) -> int:
    """Mask of the lanes that fire in the last pass or, packed, in the last word of a row."""
    lanes = (model.ticks - 1) % isa.LANES + 1
    lanes *= (int(layer.map_shape[2]) - 1) % beat_pixels(layer, model, design) + 1
    return (1 << lanes) - 1


def drops_last(layer: Layer, model: Model, design: Design) -> bool:
    """Whether pooling leaves out all that the last beat of a row computes: of an odd width."""
    if layer.kind == "dense" or layer.map_shape[2] == layer.in_shape[2]:
        return False
    return int(layer.map_shape[2]) % beat_pixels(layer, model, design) == 0
