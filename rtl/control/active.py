"""The constants of the layer that runs, as the pipeline needs them."""

from myhdl import Signal, always, block, instances, intbv

from volley.firmware.isa import DESCRIPTOR, INSTRUCTION, LANES
from volley.rtl.control.fields import descriptor_signals, field_signal


class Active:
    """What the pipeline needs of the descriptor, constant until it has drained.

    Driven by ``layer_registers``: fields of the descriptor, and ``layer``, its number.
    Driven by ``packing_registers``, if the design packs lanes: window_pack, select_pack, place_pack:
    field ``pack`` where a 3x3 convolution reads packed words, where a dense layer reads them, and
    where the pixels of two packed words are pooled. restart: the lanes in which another pixel starts.
    Driven by ``pair_registers``, if the design reads pixels in pairs: pair; second: the lanes that the
    second pixel of a pair fires in.
    Driven by ``leak_registers``, if the design's neurons leak: leak, leak_first.
    """

    NAMES = ("kernel3", "dense", "encode", "readout", "soft", "pool", "passes", "last_lanes")

    def __init__(self):
        for name in self.NAMES:
            setattr(self, name, field_signal(DESCRIPTOR[name]))
        limit = DESCRIPTOR["scale"].largest + 1
        self.scale = Signal(intbv(0, min=-limit, max=limit))
        self.layer = field_signal(INSTRUCTION["layer"])
        self.window_pack, self.select_pack, self.place_pack = descriptor_signals(*["pack"] * 3)
        self.restart = Signal(intbv(0)[LANES:])
        self.pair = field_signal(DESCRIPTOR["pair"])
        self.second = Signal(intbv(0)[LANES:])
        self.leak, self.leak_first = descriptor_signals("leak", "leak_first")


@block
def layer_registers(clk, load, instruction, descriptor, active):
    """Takes the fields of ``active`` from a descriptor at ``load``."""
    des = descriptor

    @always(clk.posedge)
    def copy_layer():
        if load:
            active.kernel3.next = des.kernel3
            active.dense.next = des.dense
            active.encode.next = des.encode
            active.readout.next = des.readout
            active.soft.next = des.soft
            active.pool.next = des.pool
            active.passes.next = des.passes
            active.last_lanes.next = des.last_lanes
            active.scale.next = des.scale
            active.layer.next = instruction.layer

    return instances()


@block
def packing_registers(clk, load, descriptor, window_pack, active):
    """Takes the parts of ``active`` that only a design with lane packing has, at ``load``.

    window_pack: log2 of the pixels in a word that a convolution reads.
    """
    des = descriptor

    @always(clk.posedge)
    def copy_packing():
        if load:
            active.window_pack.next = 0
            active.select_pack.next = 0
            active.place_pack.next = 0
            active.restart.next = 0
            if des.dense:
                if not des.encode:
                    active.select_pack.next = des.pack
            elif not des.encode:
                if des.kernel3:
                    active.window_pack.next = window_pack
                if des.pool:
                    active.place_pack.next = des.pack
                if des.pack == 1:
                    active.restart.next = 0b00010000
                elif des.pack == 2:
                    active.restart.next = 0b01010100
                elif des.pack == 3:
                    active.restart.next = 0b11111110

    return instances()


@block
def pair_registers(clk, load, descriptor, active):
    """Takes the parts of ``active`` that only a design with pairs has, at ``load``."""
    des = descriptor

    @always(clk.posedge)
    def copy_pair():
        if load:
            active.pair.next = des.pair
            active.second.next = 0
            if des.pair:
                if des.pack == 1:
                    active.second.next = 0b11110000
                elif des.pack == 2:
                    active.second.next = 0b00001100
                else:
                    active.second.next = 0b00000010

    return instances()


@block
def leak_registers(clk, load, descriptor, active):
    """Takes leak and leak_first from a descriptor at ``load``."""
    des = descriptor

    @always(clk.posedge)
    def copy_leak():
        if load:
            active.leak.next = des.leak
            active.leak_first.next = des.leak_first

    return instances()
