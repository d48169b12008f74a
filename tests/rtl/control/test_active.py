"""The registers of the layer that runs take a descriptor at ``load``, and keep it."""

import random

from myhdl import instance

from tests.support.bench import clock, flag, run_bench
from volley.firmware.isa import DESCRIPTOR, INSTRUCTION, LANES
from volley.rtl.control.active import (
    Active,
    layer_registers,
    leak_registers,
    packing_registers,
    pair_registers,
)
from volley.rtl.control.fields import Fields

CASES = 40


def restart_lanes(pack):
    """The lanes in which another of 2^pack pixels of a word starts, as a mask; lane 0 is none."""
    ticks = LANES >> pack
    return sum(1 << lane for lane in range(ticks, LANES, ticks)) if pack else 0


def second_lanes(pack):
    """The lanes in which the second pixel of a word starts and fires, as a mask."""
    ticks = LANES >> pack
    return ((1 << ticks) - 1) << ticks


def test_registers_follow_load_alone():
    rng = random.Random(2)
    clk, done, load = clock(), flag(), flag()
    instruction, descriptor, active = Fields(INSTRUCTION), Fields(DESCRIPTOR), Active()
    layer_inst = layer_registers(clk, load, instruction, descriptor, active)
    packing_inst = packing_registers(clk, load, descriptor, descriptor.pack, active)
    pair_inst = pair_registers(clk, load, descriptor, active)
    leak_inst = leak_registers(clk, load, descriptor, active)
    loaded = []

    @instance
    def stimulus():
        held = None
        for _ in range(CASES):
            values = {name: rng.randrange(field.largest + 1) for name, field in DESCRIPTOR.items()}
            values["pair"] = values["pair"] if values["pack"] else 0
            number = rng.randrange(32)
            for name, value in values.items():
                getattr(descriptor, name).next = value
            instruction.layer.next = number
            load.next = loading = held is None or rng.random() < 0.5
            yield clk.posedge
            yield clk.negedge
            if loading:
                held = {**values, "layer": number}
                loaded.append(number)
            for name in (*Active.NAMES, "pair", "leak", "leak_first", "scale", "layer"):
                assert int(getattr(active, name)) == held[name], name
            spikes = not held["encode"]
            conv = spikes and not held["dense"]
            pack = held["pack"]
            assert active.select_pack == (pack if spikes and held["dense"] else 0)
            assert active.window_pack == (pack if conv and held["kernel3"] else 0)
            assert active.place_pack == (pack if conv and held["pool"] else 0)
            assert active.restart == (restart_lanes(pack) if conv else 0)
            assert active.second == (second_lanes(pack) if held["pair"] else 0)
        done.next = True
        yield clk.posedge

    parts = [layer_inst, packing_inst, pair_inst, leak_inst, stimulus]
    run_bench(parts, clk, done, cycles=10 * CASES)
    assert 5 < len(loaded) < CASES
