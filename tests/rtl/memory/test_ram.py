"""The memory that may be split into block RAM and LUT RAM, against a Python list."""

import random

import pytest
from myhdl import Signal, Simulation, StopSimulation, delay, intbv, modbv

from volley.rtl.memory.ram import (
    BLOCK_BITS,
    FEW_WORDS,
    SelectedWrite,
    address_bits,
    remainder,
    selected_ram,
)

CYCLES, THIS = 1500, 5


@pytest.mark.parametrize("depth", [16, 100, 1024 + 7, 1024 + FEW_WORDS])
def test_selected_ram(depth):
    """Writes for this memory and for others, reads two cycles before what they show."""
    rng = random.Random(depth)
    bits = address_bits(depth)
    clk, write, read = (Signal(bool(0)) for _ in range(3))
    number, data, shown = Signal(intbv(0)[4:]), Signal(intbv(0)[16:]), Signal(intbv(0)[16:])
    to, at = Signal(modbv(0)[bits:]), Signal(modbv(0)[bits:])
    dut = selected_ram(clk, SelectedWrite(write, number, to, data), THIS, read, at, shown, depth)
    words, expected, checked = [0] * depth, [], 0
    ends = [0, depth - 1, (depth - 1) // 1024 * 1024, max(0, (depth - 1) // 1024 * 1024 - 1)]

    def stimulus():
        nonlocal checked
        for cycle in range(CYCLES):
            to.next = place = rng.choice([rng.randrange(depth), *ends])
            source = rng.choice([rng.randrange(depth), *ends])
            at.next = source
            write.next = writing = rng.random() < 0.8
            number.next = chosen = rng.choice([THIS, THIS, THIS - 1])
            data.next = word = rng.getrandbits(16)
            # no word is read in the cycle that writes it
            read.next = reading = source != place and rng.random() < 0.7
            expected.append(words[source] if reading else None)
            if writing and chosen == THIS:
                words[place] = word
            yield delay(1)
            clk.next = True
            yield delay(1)
            clk.next = False
            yield delay(1)
            if cycle and expected[cycle - 1] is not None:
                assert shown == expected[cycle - 1]
                checked += 1
        raise StopSimulation

    Simulation(dut, stimulus()).run(quiet=1)
    assert checked > CYCLES // 3 and any(words[:-1]) and words[-1]


@pytest.mark.parametrize(
    ("depth", "bits", "rest"),
    [
        (1024, 16, 0), (1025, 16, 1), (1024 + FEW_WORDS, 16, FEW_WORDS),
        (1024 + FEW_WORDS + 1, 16, 0), (512 + 8, 32, 8), (500, 32, 0), (520, 16, 0), (64, 32, 0),
    ],
)  # fmt: skip
def test_only_a_few_words_beyond_whole_blocks_are_split_off(depth, bits, rest):
    assert remainder(depth, bits) == rest
    assert BLOCK_BITS == 1024 * 16
