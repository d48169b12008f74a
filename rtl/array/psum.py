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

    early: psums are read a cycle earlier than they are added to, see ``early_row``: next_pixel and next_first are then.
    forward: the psum that is read is the one being stored. store_low, store_high: storing, to one half of the row.
    keeps: some channels show what their row buffer has; where none does, an early port has no ``first``.
    """

    def __init__(self, beat, adding, storing, rare=False, early=False, keeps=True):
        self.adding, self.storing = adding, Signal(bool(0)) if rare else storing
        self.first, self.bypass, self.complete = (Signal(bool(0)) for _ in range(3))
        self.pixel, self.pixel_before = (Signal(intbv(0)[len(beat.pixel) :]) for _ in range(2))
        self.read_pixel = Signal(intbv(0)[len(beat.pixel) :]) if rare else self.pixel
        self.keeps = keeps
        self.early, self.next_pixel = early, Signal(intbv(0)[len(beat.pixel) :])
        self.next_first = Signal(bool(0))
        self.forward, self.store_low, self.store_high = (Signal(bool(0)) for _ in range(3))


@block
def psum_control(clk, beat, latency, valids, port):
    """Drives ``port``, a PsumPort, ``latency`` cycles after the beat: when the differences are there.

    valids[k]: ``beat.valid`` k cycles later.
    """
    pixel_soon, pixel_next = Signal(intbv(0)[len(beat.pixel) :]), port.next_pixel
    next_first, last_next = port.next_first, Signal(bool(0))
    next_insts = [
        delay(clk, latency - 1, beat.first, next_first),
        delay(clk, latency - 1, beat.last, last_next),
        delay(clk, latency - 2, beat.pixel, pixel_soon),
        delay(clk, 1, pixel_soon, pixel_next),
        delay(clk, 1, pixel_next, port.pixel),
        delay(clk, 1, port.pixel, port.pixel_before),
    ]
    if port.keeps or not port.early:
        first_inst = delay(clk, 1, next_first, port.first)
    look = look_far_ahead if port.early else look_ahead
    look_inst = look(clk, beat, latency, valids, pixel_soon, port)
    ending, valid_next = Signal(bool(0)), valids[latency - 1]

    @always(clk.posedge)
    def drive_complete():
        ending.next = valid_next and last_next
        port.complete.next = ending

    return instances()


@block
def look_ahead(clk, beat, latency, valids, pixel_soon, port):
    """Drives ``port.bypass``, from ``port.next_pixel`` and pixel_soon, a cycle before it."""
    again = Signal(bool(0))
    valid_next, pixel_next, next_first = valids[latency - 1], port.next_pixel, port.next_first

    @always(clk.posedge)
    def look():
        # a cycle earlier than it is needed: what the psums see comes from registers alone
        again.next = valid_next and pixel_soon == pixel_next
        port.bypass.next = again and not next_first

    return instances()


@block
def look_far_ahead(clk, beat, latency, valids, pixel_soon, port):
    """``look_ahead`` for an early port, with forward, store_low and store_high: what is compared is far apart, and so
    are those who need it, so that each flag has two registers more on its way."""
    first_soon, same, same_as_stored, again, bypass_soon, forward_soon, low_soon, high_soon = (
        Signal(bool(0)) for _ in range(8)
    )
    pixel_early, pixel_sooner = (Signal(intbv(0)[len(beat.pixel) :]) for _ in range(2))
    early_insts = [
        delay(clk, latency - 2, beat.first, first_soon),
        delay(clk, latency - 4, beat.pixel, pixel_early),
        delay(clk, 1, pixel_early, pixel_sooner),
    ]
    valid_soon, valid_next, pixel_next = valids[latency - 2], valids[latency - 1], port.next_pixel
    top = len(pixel_next) - 1

    @always(clk.posedge)
    def look():
        same.next = pixel_early == pixel_sooner
        again.next = valid_soon and same
        bypass_soon.next = again and not first_soon
        port.bypass.next = bypass_soon
        same_as_stored.next = pixel_early == pixel_soon
        forward_soon.next = valid_next and same_as_stored
        port.forward.next = forward_soon
        low_soon.next = valid_next and not pixel_next[top]
        high_soon.next = valid_next and pixel_next[top]
        port.store_low.next = low_soon
        port.store_high.next = high_soon

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
def accumulate(clk, port, difference, psum, row_max, kept=None):
    """psum = (0 if port.first else the psum of this pixel so far) + difference. Latency 1.

    port: PsumPort; difference: of ``weigh``. kept: the psum of this pixel that the row buffer has, or None.
    """
    if port.early:
        shown = signed(PSUM_BITS)
        blocks = [
            early_row(clk, port, psum, shown, row_max, kept is None),
            add_to_shown(clk, port, difference, shown, psum, kept is None),
        ]
        return [*blocks, delay(clk, 1, shown, kept)] if kept is not None else blocks
    return add_to_row(clk, port, difference, psum, row_max, kept)


@block
def early_row(clk, port, psum, shown, row_max, clears):
    """shown = the psum of the pixel that comes next, or where ``clears`` 0 if it begins. Latency 1.

    A row in two halves, each with a flag that it is stored to: one address bit less before the memory's flag.
    """
    low, high = -(1 << (PSUM_BITS - 1)), 1 << (PSUM_BITS - 1)
    half = row_max // 2
    top = len(port.pixel) - 1
    forward, address, store_address = port.forward, port.next_pixel, port.pixel_before
    store_low, store_high = port.store_low, port.store_high
    row_low = [Signal(intbv(0, min=low, max=high)) for _ in range(half)]
    row_high = [Signal(intbv(0, min=low, max=high)) for _ in range(half)]

    if clears:
        clear = port.next_first

        @always(clk.posedge)
        def show_or_clear():
            if clear:
                shown.next = 0
            elif forward:
                shown.next = psum
            elif address[top]:
                shown.next = row_high[address[top:]]
            else:
                shown.next = row_low[address[top:]]

    else:

        @always(clk.posedge)
        def show():
            if forward:
                shown.next = psum
            elif address[top]:
                shown.next = row_high[address[top:]]
            else:
                shown.next = row_low[address[top:]]

    @always(clk.posedge)
    def store_psum_low():
        if store_low:
            row_low[store_address[top:]].next = psum

    @always(clk.posedge)
    def store_psum_high():
        if store_high:
            row_high[store_address[top:]].next = psum

    return instances()


@block
def add_to_shown(clk, port, difference, shown, psum, cleared):
    """``accumulate``, where ``early_row`` has shown the psum; cleared: or 0."""
    low, high = -(1 << (PSUM_BITS - 1)), 1 << (PSUM_BITS - 1)
    valid, bypass = port.adding, port.bypass

    if cleared:

        @always(clk.posedge)
        def add():
            base = intbv(0, min=low, max=high)
            if valid:
                if bypass:
                    base[:] = psum
                else:
                    base[:] = shown
                psum.next = base + difference

    else:
        first = port.first

        @always(clk.posedge)
        def add_or_begin():
            base = intbv(0, min=low, max=high)
            if valid:
                if first:
                    base[:] = 0
                elif bypass:
                    base[:] = psum
                else:
                    base[:] = shown
                psum.next = base + difference

    return instances()


@block
def add_to_row(clk, port, difference, psum, row_max, kept):
    """``accumulate`` in one cycle."""
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

    if kept is not None:

        @always(clk.posedge)
        def show():
            kept.next = row[address]

    return instances()
