"""Tiles of ECP5 that stay empty."""

import json

import pytest

from volley.firmware import boards
from volley.fpga.flows.spread import empty_tiles, spread
from volley.fpga.target import target
from volley.fpga.target.grid import GRIDS, grid_of

LUTS = {"--25k": 24_288, "--45k": 43_848, "--85k": 83_640}  # Lattice FPGA-DS-02012, table 1.1


@pytest.mark.parametrize("option", GRIDS)
def test_a_grid_has_the_device_s_luts(option):
    assert GRIDS[option].luts == LUTS[option]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.4, 0.5])
@pytest.mark.parametrize("option", GRIDS)
def test_tiles_are_a_share_of_the_device_and_lie_in_every_other_row(option, share):
    grid = GRIDS[option]
    tiles = empty_tiles(grid, share)
    rows = grid.rows()
    # of an odd number of rows, those that stay whole are one more
    of_device = len(tiles) / (len(rows[1::2]) * len(grid.columns())) / 2
    assert of_device == pytest.approx(share, abs=0.01)
    assert len(set(tiles)) == len(tiles)
    assert {rows.index(row) % 2 for _, row in tiles} <= {1}
    assert all(column in grid.columns() for column, _ in tiles)


def test_a_quarter_is_a_chequered_pattern():
    tiles = set(empty_tiles(GRIDS["--85k"], 0.25))
    rows = GRIDS["--85k"].rows()
    for column, row in tiles:
        assert (column + 1, row) not in tiles
        above = rows.index(row) - 2
        if above >= 0:
            assert (column, rows[above]) not in tiles


def test_cells_have_no_connection_and_a_site_of_their_own():
    data = {"modules": {"top": {"cells": {"own": {"type": "LUT4"}}}}}
    empty = spread(data, "top", empty_tiles(GRIDS["--25k"], 0.25))
    cells = data["modules"]["top"]["cells"]
    assert cells.pop("own") == {"type": "LUT4"}
    places = [cell["attributes"]["BEL"] for cell in cells.values()]
    assert len(set(places)) == len(places) == 16 * empty
    assert not any(bits for cell in cells.values() for bits in cell["connections"].values())
    assert json.loads(json.dumps(data)) == data


def test_devices_are_known_by_their_size():
    assert grid_of(["--um5g-45k", "--package", "x"]) is GRIDS["--45k"]
    assert grid_of(["--um-85k"]) is GRIDS["--85k"]
    assert grid_of(["--12k"]) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0.6", "spread is 0.6, allowed is 0.0 to 0.5"),
        ("1", "spread is 1, allowed is 0.0 to 0.5"),
        ('"much"', "spread is 'much', allowed is 0.0 to 0.5"),
    ],
)
def test_a_share_that_cannot_be_is_refused(tmp_path, value, said):
    path = tmp_path / "wide.toml"
    lines = (boards.FOLDER / "ulx3s.toml").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("spread")]
    lines.insert(lines.index("[nextpnr]") + 1, f"spread = {value}")
    path.write_text("\n".join(lines))
    with pytest.raises(boards.BoardError, match=said):
        target.load(str(path))


def test_other_devices_are_refused(tmp_path):
    path = tmp_path / "other.toml"
    text = (boards.FOLDER / "tangnano20k.toml").read_text()
    path.write_text(text.replace("[nextpnr]\n", "[nextpnr]\nspread = 0.25\n"))
    with pytest.raises(boards.BoardError, match="spread is for flow 'trellis'"):
        target.load(str(path))
