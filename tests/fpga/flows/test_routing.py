"""The watch over router2: it stops what flattens out, and nothing that comes to its end."""

import pytest

from volley.fpga.errors import BuildError
from volley.fpga.flows.routing import PASSES_IN_VAIN, RoutingWatch


def line(number, overused, slow=None):
    """What router2 says after a pass, of slow connections only with --tmg-ripup."""
    late = "" if slow is None else f"tmgfail={slow} "
    return f"Info:     iter={number} wires=900000 overused={overused} overuse={2 * overused} {late}archfail=NA"


def watch(numbers):
    """The last text of a watch over passes with so many overused wires."""
    watching = RoutingWatch()
    for number, overused in enumerate(numbers, 1):
        text = watching(line(number, overused))
    return text


FLAT = [67_315, 42_913, 31_166, 24_647, 20_912, 19_373, 18_871]
"""Seen on ulx3s with CI = 16, CO = 8."""


def test_falling_numbers_go_on():
    assert watch([68_464, 44_327, 32_362, 26_222, 23_006, 21_338]).endswith("21338 wires overused")
    assert watch([40_000, 20_000, 9_000, 6_000, 5_000, 4_500, 3_900, 3_950, 4_000, 0])


def test_flat_or_rising_numbers_stop_the_run():
    with pytest.raises(BuildError) as stopped:
        watch(FLAT)
    assert stopped.value.code == 4
    assert "after pass 7: 18,871 wires are used more than once, 2.6% fewer" in str(stopped.value)
    assert "--set co" in str(stopped.value) and "--patient" in str(stopped.value)
    with pytest.raises(BuildError, match="pass 6: 49,703 wires .* 3.5% more"):
        watch([60_000, 55_000, 52_000, 50_000, 48_000, 49_703])


def test_other_lines_are_told_as_before():
    watching = RoutingWatch()
    assert watching("Info: Packing LUT-FFs..") == "Packing LUT-FFs"
    assert watching("Info: iter=96 steplen=0.535918 a=49.97") == "placing: iteration 96"
    assert watching("Warning: something") is None


def test_a_clock_that_does_not_come_nearer_stops_the_run():
    watching = RoutingWatch()
    assert watching(line(1, 30_000, 200)).endswith("30000 wires overused, 200 connections too slow")
    for number in range(2, 9):
        watching(line(number, 2000 // number, 0))
    for number in range(9, 9 + PASSES_IN_VAIN - 1):  # the least was of pass 8
        watching(line(number, 0, 251))
    with pytest.raises(
        BuildError, match="after pass 88: 251 connections .* than after pass 8;.*--seed"
    ) as stopped:
        watching(line(88, 0, 251))
    assert stopped.value.code == 4
    assert watching(line(89, 0, 0)).endswith("pass 89, 0 wires overused")
