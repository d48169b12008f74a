"""The parameter memory and its store: the neurons and the host read what the host wrote."""

import dataclasses
import random

import pytest
from myhdl import Signal, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.fields import signed
from volley.firmware.isa import PARAM_BITS
from volley.rtl.control.host_port import HostPort
from volley.rtl.memory.param import HOP, ParamRead
from volley.rtl.memory.param_store import param_store

DESIGN = Design(ci=8, co=4, param_words=16)


@pytest.mark.parametrize(("gate", "reach"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_param_store(gate, reach):
    """With ``reach``, an answer comes three cycles later, and a write to channel k comes HOP * (k + 1) + 1 cycles later."""
    rng = random.Random(8)
    design = dataclasses.replace(DESIGN, gate=gate, reach=reach)
    clk, done, fire = clock(), flag(), ParamRead(DESIGN)
    host = HostPort(DESIGN)
    shown = [Signal(intbv(0)[32:]) for _ in range(3 * DESIGN.co)]
    dut = param_store(clk, fire, host, shown, design)
    widths = list(PARAM_BITS.values())
    words = [
        [[rng.getrandbits(32) for _ in widths] for _ in range(DESIGN.co)]
        for _ in range(DESIGN.param_words)
    ]
    port = host.params

    @instance
    def stimulus():
        for address, word in enumerate(words):
            for channel, kinds in enumerate(word):
                for kind, value in enumerate(kinds):
                    port.write.next, port.kind.next, port.channel.next = True, kind, channel
                    port.address.next, port.data.next = address, value
                    yield clk.posedge
        port.write.next = False
        for _ in range(1 + reach * (HOP * design.co + 1)):
            yield clk.posedge
        for _ in range(30):
            address, by_host = rng.randrange(DESIGN.param_words), rng.random() < 0.4
            other = rng.randrange(DESIGN.param_words)
            fire.read.next, fire.address.next = not by_host, other if by_host else address
            host.read_params.next, host.row.next = by_host, address if by_host else other
            for _ in range(2 + 3 * reach):
                yield clk.posedge
            yield clk.negedge
            for channel, kinds in enumerate(words[address]):
                for kind, value in enumerate(kinds):
                    bits = widths[kind]
                    assert fire.channels[channel][kind] == signed(value, bits)
                    word = int(shown[3 * channel + kind])
                    assert word == signed(value, bits) % (1 << bits)
        done.next = True
        yield clk.posedge

    run_bench([dut, stimulus], clk, done, cycles=2000)
