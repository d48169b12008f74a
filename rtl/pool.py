"""2x2 pooling of spikes: the bitwise OR of four pixels."""

from myhdl import Signal, always, block, instances, intbv


@block
def pool(clk, valid, pooling, odd_x, odd_y, place, spikes, write, pooled, places):
    """Passes each pixel on, or every second one of every second row, ORed with its neighbours.

    valid, odd_x, odd_y, place and spikes belong together; place: of two columns, in each pass, below
    ``places``. ``write`` says that ``pooled`` is to be written. Latency 1.
    """
    left = Signal(intbv(0)[len(spikes) :])
    above = [Signal(intbv(0)[len(spikes) :]) for _ in range(places)]

    @always(clk.posedge)
    def gather():
        write.next = False
        if valid:
            if not pooling:
                pooled.next = spikes
                write.next = True
            elif odd_x and odd_y:
                pooled.next = above[place] | left | spikes
                write.next = True
            left.next = spikes

    @always(clk.posedge)
    def keep():
        if valid and odd_x and not odd_y:
            above[place].next = left | spikes

    return instances()
