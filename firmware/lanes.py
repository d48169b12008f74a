"""How the ticks of a layer use the eight lanes of the array: passes."""

from __future__ import annotations

from firmware import isa
from firmware.modelfile import Layer, Model


def passes_of(layer: Layer, model: Model) -> int:
    """Passes of up to eight ticks; a picture that goes straight to scores needs one."""
    if layer.readout and layer.encode:
        return 1
    return -(-model.ticks // isa.LANES)


def last_lanes(model: Model) -> int:
    """Mask of the lanes whose ticks exist in the last pass."""
    return (1 << (model.ticks - 1) % isa.LANES + 1) - 1
