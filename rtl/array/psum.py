"""Partial sums of one row: what the array adds up over the input groups."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.isa import PSUM_BITS
from volley.rtl.delay import delay
from volley.rtl.neuron.signed import signed


class PsumPort:
    """What the psums of all channels and lanes share; driven by ``psum_control``,
    adding and storing by the line of valid bits.

    adding: differences are there. first: the psum begins. bypass: the pixel is that of the cycle before. storing:
    the cycle after adding, with pixel_before. complete: a cycle later, the psum was the last of its sum.
    read_pixel: ``pixel``, or where ``rare`` is set any, if no psum is read; then storing is as rare.
    """

    def __init__(self, beat, adding, storing, rare=False):
        self.adding, self.storing = adding, Signal(bool(0)) if rare else storing
        self.first, self.bypass, self.complete = (Signal(bool(0)) for _ in range(3))
        self.pixel, self.pixel_before = (Signal(intbv(0)[len(beat.pixel) :]) for _ in range(2))
        self.read_pixel = Signal(intbv(0)[len(beat.pixel) :]) if rare else self.pixel


@block
def psum_control(clk, beat, latency, valids, port):
    """Drives ``port``, a PsumPort, ``latency`` cycles after the beat: when the differences are there.

    valids[k]: ``beat.valid`` k cycles later.
    """
    valid_next = valids[latency - 1]
    pixel_soon, pixel_next = (Signal(intbv(0)[len(beat.pixel) :]) for _ in range(2))
    last_next, again, ending = (Signal(bool(0)) for _ in range(3))
    first_inst = delay(clk, latency, beat.first, port.first)
    next_insts = [
        delay(clk, latency - 1, beat.last, last_next),
        delay(clk, latency - 2, beat.pixel, pixel_soon),
        delay(clk, 1, pixel_soon, pixel_next),
    ]
    pixel_inst = delay(clk, 1, pixel_next, port.pixel)
    pixel_before_inst = delay(clk, 1, port.pixel, port.pixel_before)

    @always(clk.posedge)
    def look_ahead():
        # a cycle earlier than it is needed: what the psums see comes from registers alone
        again.next = valid_next and pixel_soon == pixel_next
        ending.next = valid_next and last_next
        port.bypass.next = again
        port.complete.next = ending

    return instances()


@block
def rare_accesses(clk, beat, latency, valids, dense, port):
    """Drives read_pixel and storing of a PsumPort that is ``rare``; valids, latency: as ``psum_control``'s.

    A psum is read if it goes on and is not that of the cycle before, and stored if it goes on. Those of a
    dense layer follow each other.
    """
    soon, stored = valids[latency - 1], valids[latency + 1]
    first, pixel = Signal(bool(0)), Signal(intbv(0)[len(beat.pixel) :])
    first_inst = delay(clk, latency - 1, beat.first, first)
    pixel_inst = delay(clk, latency - 1, beat.pixel, pixel)

    @always(clk.posedge)
    def look_up():
        if soon and not first and not (port.adding and pixel == port.pixel):
            port.read_pixel.next = pixel

    @always_comb
    def keep():
        port.storing.next = stored and not port.complete and not dense

    return instances()


def difference_signal(spikes):
    """A Signal for the sum that ``weigh`` gives of as many spikes as the Signal ``spikes`` holds."""
    return signed(len(spikes) + 1)


@block
def weigh(clk, hits, spikes, difference):
    """difference = 2 * hits - spikes. Latency 1.

    This is sum of w * s with w in {-1, +1}: hits = popcount(s & w), spikes = popcount(s).
    """

    @always(clk.posedge)
    def subtract():
        difference.next = 2 * hits - spikes

    return instances()


@block
def accumulate(clk, port, difference, psum, row_max):
    """psum = (0 if port.first else the psum of this pixel so far) + difference. Latency 1.

    port: PsumPort; difference: of ``weigh``.
    """
    low, high = -(1 << (PSUM_BITS - 1)), 1 << (PSUM_BITS - 1)
    valid, first, bypass, address = port.adding, port.first, port.bypass, port.read_pixel
    store, store_address = port.storing, port.pixel_before
    row = [Signal(intbv(0, min=low, max=high)) for _ in range(row_max)]

    @always(clk.posedge)
    def add():
        base = intbv(0, min=low, max=high)
        if valid:
            if first:
                base[:] = 0
            elif bypass:
                base[:] = psum
            else:
                base[:] = row[address]
            psum.next = base + difference

    @always(clk.posedge)
    def store_psum():
        if store:
            row[store_address].next = psum

    return instances()
