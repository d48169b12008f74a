"""Fetches of instructions and descriptors, against the words of the memories."""

import random

import pytest
from myhdl import Signal, always, instance, intbv

from tests.support.bench import clock, flag, run_bench
from volley.firmware.design import Design
from volley.firmware.isa import (
    DESCRIPTOR,
    DESCRIPTOR_WORDS,
    INSTRUCTION,
    INSTRUCTION_WORDS,
    Opcode,
    assemble,
    assemble_descriptor,
)
from volley.rtl.control.fetch import Fetched, ReadPort, fetch
from volley.rtl.control.sequencer import RunControl

PROGRAM, LAYERS = 64, 4


def record(fields, rng):
    """A random value for each field."""
    return {name: rng.randrange(field.largest + 1) for name, field in fields.items()}


@pytest.mark.parametrize("entry", [0, 4 * INSTRUCTION_WORDS])
def test_fetch(entry):
    """Instructions from ``entry`` on, each with the descriptor of its layer, and HALT without one."""
    rng = random.Random(entry)
    layers = [record(DESCRIPTOR, rng) for _ in range(LAYERS)]
    steps = [
        {**record(INSTRUCTION, rng), "opcode": int(Opcode.ROWS), "layer": rng.randrange(LAYERS)}
        for _ in range(5)
    ] + [{"opcode": int(Opcode.HALT)}]
    words = [rng.getrandbits(32) for _ in range(PROGRAM)]
    code = [
        word
        for step in steps
        for word in assemble(
            Opcode(step["opcode"]), **{k: v for k, v in step.items() if k != "opcode"}
        )
    ]
    words[entry : entry + len(code)] = code
    table = [word for values in layers for word in assemble_descriptor(**values)]

    clk, done = clock(), flag()
    run, fetched = (
        RunControl(flag(), Signal(intbv(0)[16:]), flag()),
        Fetched(Design(pack=1, pair=1, leak=1, odd=1)),
    )
    program, descriptors = ReadPort(PROGRAM), ReadPort(LAYERS * DESCRIPTOR_WORDS)
    dut = fetch(clk, run, fetched, program, descriptors)

    @always(clk.posedge)
    def memories():
        if program.read:
            program.data.next = words[int(program.address)]
        if descriptors.read:
            descriptors.data.next = table[int(descriptors.address)]

    def shown(fields):
        return {name: int(getattr(fields, name)) for name in fields.table}

    found = []

    @instance
    def stimulus():
        run.entry.next = entry
        run.start.next = True
        yield clk.posedge
        run.start.next = False
        for _ in steps:
            yield clk.negedge
            while not fetched.valid:
                yield clk.negedge
            found.append((shown(fetched.instruction), shown(fetched.descriptor)))
            fetched.step.next = True
            yield clk.posedge
            fetched.step.next = False
            yield clk.negedge
            assert not fetched.valid
        run.stop.next = True
        yield clk.posedge
        run.stop.next = False
        for _ in range(40):
            yield clk.negedge
            assert not fetched.valid, "a stopped run fetched on"
        done.next = True
        yield clk.posedge

    run_bench([dut, memories, stimulus], clk, done, cycles=1000)
    for (instruction, descriptor), step in zip(found, steps, strict=True):
        assert instruction["opcode"] == step["opcode"]
        if step["opcode"] == Opcode.ROWS:
            assert instruction == step
            assert descriptor == layers[step["layer"]]
