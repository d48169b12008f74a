"""The spikes of a pixel of all channels, counted."""

from myhdl import Signal, block, instances

from volley.firmware.isa import LANES
from volley.rtl.array.popcount import popcount, tree_latency
from volley.rtl.delay import delay


def fired_latency(channels, lut):
    """Clock cycles from the spikes of so many channels to their number."""
    return tree_latency([[LANES] * channels], lut)


@block
def count_fired(clk, firing, spikes, lut, total):
    """total = the spikes of CO channels where ``firing`` is set, else 0. Latency ``fired_latency``.

    spikes: a byte of each channel. lut: inputs of a LUT of the device.
    """
    counting = Signal(bool(0))
    counting_inst = delay(clk, fired_latency(len(spikes), lut) - 1, firing, counting)
    fired_bytes = [[(channel_spikes, 0, LANES) for channel_spikes in spikes]]
    popcount_inst = popcount(clk, fired_bytes, lut, total, counting)
    return instances()
