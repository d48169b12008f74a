"""The constants of a layer on their way along the channels.

One register that drives the multipliers of all channels has a wire across the device, which was the
longest path of routed designs. A constant may come some cycles late: nothing is in the pipeline when
it changes, and the first psum leaves the array later than that.
"""

from myhdl import Signal, block

from volley.rtl.delay import delay


class ChannelActive:
    """What a channel needs of ``volley.rtl.control.active.Active``; driven by ``carry``.

    encode, scale, soft; leak and leak_first, if the design's neurons leak; restart, if it packs lanes; pair
    and second, if it reads pixels in pairs.
    """

    def __init__(self, active, design):
        self.names = ["encode", "scale", "soft"]
        self.names += ["leak", "leak_first"] if design.leak else []
        self.names += ["restart"] if design.pack else []
        self.names += ["pair", "second"] if design.pair else []
        for name in self.names:
            setattr(self, name, Signal(getattr(active, name).val))


@block
def carry(clk, source, moved):
    """Drives moved, a ChannelActive, with what source, another one or an Active, is a cycle earlier."""
    copies = [delay(clk, 1, getattr(source, name), getattr(moved, name)) for name in moved.names]
    return copies


def carried(active, latest, design):
    """The ChannelActive of each channel, or of each two that share a neuron, and a (source, moved) pair for each
    ``carry`` that drives them.

    latest: cycles after those of ``active`` in which they have to be there, at least 1.
    """
    count = design.neurons
    steps = min(count, latest)
    chain = [active, *(ChannelActive(active, design) for _ in range(steps))]
    return [chain[1 + k * steps // count] for k in range(count)], list(zip(chain, chain[1:]))
