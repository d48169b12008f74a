"""The membranes of a row between two passes of ticks."""

from myhdl import Signal, always, always_comb, block, instances, intbv

from volley.firmware.isa import LANES, MEMBRANE_BITS
from volley.rtl.neuron.signed import signed


class MembranePort:
    """What the membranes of all channels share; driven by the pipeline.

    first_pass: pixel ``pixel`` begins with v_init. take_stored: its membrane is the one that is being
    stored. store: keep the membrane of stored_pixel. lanes: those that may fire. start: a pixel begins, where
    no other begins; None: that is not told. soon_pixel: pixel a cycle earlier, or None; where it is told, take_before:
    its membrane was being stored in the cycle before.
    """

    def __init__(self, pixel, store, stored_pixel, start=None, soon_pixel=None):
        self.first_pass, self.take_stored = (Signal(bool(0)) for _ in range(2))
        self.soon_pixel, self.take_before = soon_pixel, Signal(bool(0))
        self.lanes = Signal(intbv(0)[LANES:])
        self.pixel, self.store, self.stored_pixel = pixel, store, stored_pixel
        self.start = start


@block
def rare_membranes(clk, passes, part, pixel, stored, port):
    """Drives pixel and store of ``port`` where a layer has several passes alone: else no membrane is kept.

    part, pixel: of the pixel that begins a cycle later. stored: a membrane is there.
    """

    @always(clk.posedge)
    def look_up():
        if part != 0:
            port.pixel.next = pixel

    @always_comb
    def keep():
        port.store.next = stored and passes != 1

    return instances()


@block
def carry_membrane(clk, port, v_init, v_end, v_start, row_max):
    """v_start = v_init in the first pass, else what was kept of v_end for port.pixel. Latency 1.

    port: MembranePort.
    """
    first_pass, bypass, address = port.first_pass, port.take_stored, port.pixel
    store, store_address = port.store, port.stored_pixel
    low, high = -(1 << (MEMBRANE_BITS - 1)), 1 << (MEMBRANE_BITS - 1)
    row = [Signal(intbv(0, min=low, max=high)) for _ in range(row_max)]

    if port.soon_pixel is not None:  # read in two steps, as a block RAM is
        soon_address, before = port.soon_pixel, port.take_before
        shown, v_before = signed(MEMBRANE_BITS), signed(MEMBRANE_BITS)

        @always(clk.posedge)
        def show():
            shown.next = row[soon_address]
            v_before.next = v_end

        @always(clk.posedge)
        def drive_start():
            if first_pass:
                v_start.next = v_init
            elif bypass:
                v_start.next = v_end
            elif before:
                v_start.next = v_before
            else:
                v_start.next = shown

    elif port.start is None:

        @always(clk.posedge)
        def drive_start():
            if first_pass:
                v_start.next = v_init
            elif bypass:
                v_start.next = v_end
            else:
                v_start.next = row[address]

    else:
        start = port.start

        @always(clk.posedge)
        def drive_start():
            if start:
                if first_pass:
                    v_start.next = v_init
                elif bypass:
                    v_start.next = v_end
                else:
                    v_start.next = row[address]

    @always(clk.posedge)
    def store_membrane():
        if store:
            row[store_address].next = v_end

    return instances()
