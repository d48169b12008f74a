"""Weights of nextpnr's router2 for ECP5, as settings in the netlist: the command line has none for them.

A netlist's top module may carry nextpnr's own settings, by the names under which its source reads
them. docs/decisions/array-levers.md has what each of these does to an array that fills its tiles.
"""

from __future__ import annotations

ROUTER2 = {
    "router2/initCurrCongWeight": "4.0",
    "router2/currCongWeightMult": "2.0",
    "router2/histCongWeight": "1.0",
    "router2/estimateWeight": "1.0",
    "router2/biasCostFactor": "0.0",
}
"""What a wire costs that another net has: in the first pass, more in each later one, and for every pass in which
it had too many; the share that the estimate of the rest of a path has, and the pull to a net's middle.
nextpnr's own: 0.5, 2, 1, 1.25 and 0.25."""


def set_weights(data: dict, top: str, weights: dict[str, str] = ROUTER2) -> None:
    """Puts ``weights`` into the settings of a netlist's top module."""
    data["modules"][top].setdefault("settings", {}).update(weights)
