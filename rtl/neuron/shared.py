"""What two output channels that share a neuron bring to it: psums that are complete, or were a pass ago."""

from myhdl import ConcatSignal, Signal, always, always_comb, block, instances, intbv

from volley.firmware.isa import LANES


@block
def take_half(clk, owed, complete, kept, lanes):
    """lanes = psums that are ``complete`` in this cycle, or those that were ``kept``. Latency 1.

    owed: the second channel's, which are kept, come next. complete, kept, lanes: a Signal for each lane.
    """
    return [take_lane(clk, owed, complete[t], kept[t], lanes[t]) for t in range(LANES)]


@block
def take_lane(clk, owed, complete, kept, lane):
    """``take_half`` of a lane."""

    @always(clk.posedge)
    def choose():
        if owed:
            lane.next = kept
        else:
            lane.next = complete

    return instances()


@block
def owed_target(clk, beat, layout, target, row_max):
    """target = the target of the beat, or of the pixel whose second half is taken in it.

    layout, target: ``volley.rtl.control.beat.Target`` with halves, and its Signal. The target of each pixel
    of a row is kept until its second half has been taken.
    """
    given, whole = beat.target, Signal(intbv(0)[len(beat.target) :])
    kept = [Signal(intbv(0)[len(beat.target) :]) for _ in range(row_max)]
    keep, owed, pixel = Signal(bool(0)), beat.owed, beat.pixel

    @always_comb
    def choose():
        keep.next = beat.valid and beat.last
        if owed:
            whole.next = kept[pixel]
        else:
            whole.next = given

    @always(clk.posedge)
    def store():
        if keep:
            kept[pixel].next = given

    # the fields of the beat's layout, from the highest on, and the half below three of them
    own, halved = beat.target_layout, ("pixel", "sub", "param")
    names = ("param", "address", "bank", "sub", "lane", "cut", "pixel")
    fields = []
    for name in names:
        fields.append(own.take(whole, name))
        if name in halved:
            fields.append(owed)
    fields.append(whole(own.part[0], 0))
    together = ConcatSignal(*fields)
    assert len(together) == layout.width

    @always_comb
    def drive():
        target.next = together

    return instances()
