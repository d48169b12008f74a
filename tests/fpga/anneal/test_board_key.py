"""``anneal`` of [nextpnr]: what a board file may say, and the sites that blocks may move to."""

import pytest

from volley.firmware import boards
from volley.fpga.target import target
from volley.fpga.target.grid import GRIDS, wire_unit_ps


def board_file(folder, value, board="ulx3s"):
    lines = (boards.FOLDER / f"{board}.toml").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("anneal")]
    lines.insert(lines.index("[nextpnr]") + 1, f"anneal = {value}")
    path = folder / "own.toml"
    path.write_text("\n".join(lines))
    return str(path)


def test_moves_for_each_cell(tmp_path):
    assert target.load(board_file(tmp_path, 700)).anneal == 700
    assert target.load("tangnano20k").anneal == 0


@pytest.mark.parametrize("value", ["0", "-3", "1.5", '"long"', "true"])
def test_what_is_no_number_of_moves(tmp_path, value):
    with pytest.raises(boards.BoardError, match="anneal is .*, a positive whole number is wanted"):
        target.load(board_file(tmp_path, value))


def test_only_where_tiles_are_known(tmp_path):
    with pytest.raises(
        boards.BoardError, match="anneal is for flow 'trellis'.*not for flow 'apicula'"
    ):
        target.load(board_file(tmp_path, 100, "tangnano20k"))


def test_sites_are_as_many_as_the_device_has():
    board = boards.load("ulx3s").data["device"]
    sites = GRIDS["--85k"].block_sites()
    assert len(set(sites)) == len(sites)
    assert sum(kind == "DP16KD" for kind, *_ in sites) == board["bram"]
    assert sum(kind == "MULT18X18D" for kind, *_ in sites) == board["dsp"]


def test_the_estimate_of_a_wire_goes_by_the_speed_grade():
    assert [wire_unit_ps(["--85k", "--speed", grade]) for grade in ("6", "7", "8")] == [80, 71, 62]
    assert wire_unit_ps(["--85k"]) == 80
