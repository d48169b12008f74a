"""Cycles by hand: of a layer, of its instructions, of a run."""

import pytest

from volley.firmware import isa
from volley.firmware.compiler.cycle_model import (
    RUN_OVERHEAD,
    cycle_bound,
    cycles_by_layer,
    instruction_overhead,
    instructions_of,
    layer_cycles,
    run_cycles,
)
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.network_text import network

DESIGN = Design(ci=4, co=2)


@pytest.mark.parametrize(
    "text, shape, cycles, bounds",
    [
        # 3 and 5 output groups of 2; the dense layer's 6 channels are 2 input groups of 4, its
        # 210 inputs would fill 53 words
        ("6C3-10", (3, 5, 7), [3 * 5 * 7, 5 * 2 * 5 * 7], [3 * 5 * 7, 5 * 53]),
        ("4C1-P2-3", (3, 6, 6), [2 * 6 * 6, 2 * 3 * 3], [2 * 6 * 6, 2 * 3 * 3]),
    ],
)
def test_a_beat_a_pixel_and_group(text, shape, cycles, bounds):
    model = network(text, shape)
    assert [layer_cycles(layer, model, DESIGN) for layer in model.layers] == cycles
    assert [cycle_bound(layer, model, DESIGN) for layer in model.layers] == bounds


def test_passes_wait_for_the_membranes_of_the_pass_before():
    assert isa.group_cycles(20, 3, False) == 60
    assert isa.group_cycles(5, 3, False) == 2 * isa.PASS_CYCLES + 5
    assert isa.group_cycles(5, 3, True) == 15


def test_a_run_is_its_instructions_with_their_overhead():
    model = network("6C3-10", (3, 5, 7))
    program = compile_model(model, DESIGN)
    (instructions,) = instructions_of(program)
    wanted = [layer_cycles(each, model, DESIGN) for each in model.layers]
    assert cycles_by_layer(program) == wanted
    assert sum(cycles for _, cycles in instructions) == sum(wanted)
    overhead = len(instructions) * instruction_overhead(DESIGN)
    assert run_cycles(program) == [sum(wanted) + overhead + RUN_OVERHEAD]
