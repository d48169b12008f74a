"""Shared neurons: each psum that is complete is taken once more, before another takes its place."""

import dataclasses

import pytest

from tests.support.sequencer_bench import DESIGN, DRAIN, LAYERS, expected, issue, layer
from volley.firmware.isa import pass_cycles, rows_cycles

SHARED = dataclasses.replace(DESIGN, share=1)
START_AND_END = 3  # wait, set-up, halt


@pytest.mark.parametrize("name", LAYERS)
def test_each_psum_is_taken_twice(name):
    beats, _, _ = issue(name, SHARED)
    ends = [beat for beat in beats if beat["last"]]
    taken = [beat for beat in beats if beat["owed"]]
    assert len(ends) > 0
    assert [beat["beat_pixel"] for beat in taken] == [beat["beat_pixel"] for beat in ends]
    kept = {}  # the cycle in which the psum of a pixel was complete
    for beat in beats:
        pixel = beat["beat_pixel"]
        assert beat["first"] or not beat["owed"]
        if beat["owed"]:
            assert beat["cycle"] - kept.pop(pixel) >= 2  # it is stored by then
        elif beat["first"]:
            assert pixel not in kept
        if beat["last"]:
            assert not beat["owed"] and pixel not in kept
            kept[pixel] = beat["cycle"]
    assert not kept


@pytest.mark.parametrize("name", LAYERS)
def test_the_beats_of_the_layer_are_as_without(name):
    """A flush adds beats, which complete nothing."""
    wanted = expected(name)
    found = [beat for beat in issue(name, SHARED)[0] if beat["last"]]
    keys = ("pixel", "part", "sub", "bank", "address", "param", "odd_y", "full", "center")
    ends = [beat for beat in wanted if beat["last"]]
    assert [[beat[key] for key in keys] for beat in found] == [
        [beat[key] for key in keys] for beat in ends
    ]


@pytest.mark.parametrize("name", LAYERS)
def test_cycles(name):
    """As many as ``rows_cycles`` says; one input group alone takes a flush a row, several one an instruction."""
    instruction, descriptor, _, _ = layer(name)
    wanted = rows_cycles(instruction, descriptor, share=1)
    _, cycles, accounts = issue(name, SHARED)
    assert accounts == 1
    assert cycles == wanted + DRAIN + START_AND_END
    more = {"first rows": 5, "pooled": 6, "1x1": 3, "last rows": 4 * 2 * 3}
    if name in more:
        assert wanted == rows_cycles(instruction, descriptor) + more[name]


@pytest.mark.parametrize("name", ["passes", "encoding", "dense"])
def test_a_pass_waits_for_both_halves(name):
    """From a half of a pixel to the same of the next pass there are as many cycles as its membrane takes."""
    for flag in ("last", "owed"):
        taken = {}
        for beat in issue(name, SHARED)[0]:
            if beat[flag]:
                if beat["part"]:  # the first pass needs no membrane
                    assert beat["cycle"] - taken[beat["beat_pixel"]] >= pass_cycles(0)
                taken[beat["beat_pixel"]] = beat["cycle"]
