"""The spikes of a pixel of all channels, counted."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import LANES
from volley.rtl.array.popcount import popcount, tree_latency
from volley.rtl.delay import delay


@block
def count_fired(clk, firing, spikes, lut, total):
    """total = the spikes of CO channels, some cycles after ``firing``, and 0 without it.

    spikes: a byte of each channel. lut: inputs of a LUT of the device.
    """
    counted = Signal(bool(0))
    fired = Signal(intbv(0)[len(total) :])
    counted_inst = delay(clk, tree_latency([[LANES] * len(spikes)], lut), firing, counted)
    fired_bytes = [[(channel_spikes, 0, LANES) for channel_spikes in spikes]]
    popcount_inst = popcount(clk, fired_bytes, lut, fired)

    @always(clk.posedge)
    def drive_total():
        total.next = 0
        if counted:
            total.next = fired

    return instances()
