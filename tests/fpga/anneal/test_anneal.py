"""fpga.anneal: less wire, every rule of a tile kept, the same again with the same seed."""

import copy
import json
import subprocess

import numpy as np
import pytest

from tests.fpga.anneal.designs import GRID, check_legal, design, places
from volley.fpga.anneal import anneal, placed
from volley.fpga.anneal.placed import PlacementError, read_placed

MOVES = 2000


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if anneal.compiler() is None:
        pytest.skip("needs a C++ compiler (apt-get install g++)")
    path = tmp_path_factory.mktemp("anneal") / "anneal"
    subprocess.run(anneal.compile_command(path), check=True)
    return path


def annealed(program, data, folder, seed=1, moves=MOVES, clock_mhz=100.0):
    """(netlist with its new places, what the program says)."""
    data = copy.deepcopy(data)
    design = read_placed(data, "top", GRID)
    anneal.write_tables(design, GRID, 80, folder / "in")
    command = anneal.run_command(program, folder / "in", folder / "out", clock_mhz, moves, seed)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    anneal.move(data, "top", design, anneal.read_places(design, folder / "out"))
    return data, done.stdout


def cells_of(data):
    return data["modules"]["top"]["cells"]


def wirelength(data):
    """Half perimeters of all nets but the clock's, computed here."""
    design = read_placed(data, "top", GRID)
    at = np.array([row[1:3] for row in design.cells])
    return sum(int(np.ptp(at[net], axis=0).sum()) for net in design.nets)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wire_is_less_and_all_rules_are_kept(program, tmp_path, seed):
    data = design(seed).data
    check_legal(cells_of(data))
    after, said = annealed(program, data, tmp_path, seed)
    check_legal(cells_of(after))
    assert wirelength(after) < 0.6 * wirelength(data)
    assert f"wirelength {wirelength(data)}," in said.splitlines()[0]
    assert f"wirelength {wirelength(after)}," in anneal.result(said) + ","


def test_only_places_change(program, tmp_path):
    data = design().data
    after, _ = annealed(program, data, tmp_path)
    before, moved = places(cells_of(data)), places(cells_of(after))
    assert sum(before[name] != moved[name] for name in before) > len(before) / 2
    for name, cell in cells_of(after).items():
        cell["attributes"]["NEXTPNR_BEL"] = before[name]
    assert after == data


def test_the_same_seed_gives_the_same(program, tmp_path):
    data = design().data
    first, second, third = (annealed(program, data, tmp_path, seed)[0] for seed in (1, 1, 2))
    assert first == second
    assert first != third


def test_what_is_fixed_stays(program, tmp_path):
    """Empty tiles, other kinds of cells, tiles with wider LUTs, and multipliers whose clocks differ."""
    made = design()
    cells = cells_of(made.data)
    column, row = made.tile()
    for slot, pin in (("K0", "F1"), ("K1", "F")):
        made.add("TRELLIS_COMB", f"X{column}/Y{row}/SLICEA.{slot}", A=made.some())
        cells[list(cells)[-1]]["port_directions"] |= {"F1": "input"}
        cells[list(cells)[-1]]["connections"] |= {pin: [10**6]}
    wide = list(cells)[-2:]
    multiplier = next(name for name, cell in cells.items() if cell["type"] == "MULT18X18D")
    cells[multiplier]["connections"]["CLK0"] = [made.outputs[0]]
    after = cells_of(annealed(program, made.data, tmp_path)[0])
    kept = [
        name
        for name, cell in cells.items()
        if name.startswith("$empty") or cell["type"] in ("DCCA", "MULT18X18D")
    ]
    for name in [*kept, *wide]:
        assert after[name]["attributes"] == cells[name]["attributes"]


def test_a_long_path_becomes_shorter(program, tmp_path):
    """Two LUTs between two registers that other wires pull apart: with the clock in reach the path is shorter."""
    made = design(seed=4, tiles=150)
    slow, fast = (
        annealed(program, made.data, tmp_path, clock_mhz=clock)[1] for clock in (1.0, 250.0)
    )
    reached = [float(anneal.result(text).split(", ")[1].split()[0]) for text in (slow, fast)]
    assert reached[1] > reached[0]


def test_progress_is_told():
    line = "step 3 of 150: wirelength 12345, 77.1 MHz estimated, 4 ends of paths too slow"
    assert anneal.phase(line) == "step 3 of 150: wirelength 12345, 77.1 MHz"
    assert anneal.phase("something else") is None
    with pytest.raises(PlacementError, match="no result"):
        anneal.result("step 3 of 150")


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(PlacementError, match="no C.. compiler.*apt-get install"):
        anneal.compile_command(tmp_path / "anneal")


def test_a_short_input_is_told(program, tmp_path):
    path = tmp_path / "in"
    anneal.write_tables(read_placed(design().data, "top", GRID), GRID, 80, path)
    path.write_bytes(path.read_bytes()[:-4])
    done = subprocess.run(
        anneal.run_command(program, path, tmp_path / "out", 50, 1, 1),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "ends early" in done.stderr
    assert not (tmp_path / "out").exists()


def test_netlist_for_routing():
    made = design()
    anneal.for_routing(made.data, "top", 62.5)
    assert made.data["modules"]["top"]["settings"] == {"seed": "1", "target_freq": "62500000"}
    assert not any("src" in cell["attributes"] for cell in cells_of(made.data).values())
    json.dumps(made.data)


def unplaced(cells, made):
    del next(iter(cells.values()))["attributes"]["NEXTPNR_BEL"]


def torn_pair(cells, made):
    name = next(name for name, cell in cells.items() if cell["connections"].get("DI"))
    column, row = made.tile()
    cells[name]["attributes"]["NEXTPNR_BEL"] = f"X{column}/Y{row}/SLICEA.FF0"


def torn_carry(cells, made):
    name = next(name for name, cell in cells.items() if cell["connections"].get("FCI"))
    cells[name]["attributes"]["NEXTPNR_BEL"] = "X2/Y2/SLICEA.K0"


def odd_site(cells, made):
    name = next(name for name, cell in cells.items() if cell["type"] == "TRELLIS_COMB")
    cells[name]["attributes"]["NEXTPNR_BEL"] = "X2/Y2/IOLOGICA"


def no_type(cells, made):
    del next(iter(cells.values()))["type"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unplaced, "has no place"),
        (torn_pair, "not the LUT of its slot"),
        (torn_carry, "carry"),
        (odd_site, "IOLOGICA is not a site"),
        (no_type, "not a netlist"),
    ],
)
def test_a_placement_that_is_none(change, words):
    made = design()
    change(cells_of(made.data), made)
    with pytest.raises(PlacementError, match=words):
        read_placed(made.data, "top", GRID)


def test_paths_are_those_of_the_netlist():
    """Flip-flop, LUT, carry, flip-flop behind it: the edges and their times."""
    made = design()
    table = read_placed(made.data, "top", GRID)
    cells = cells_of(made.data)
    ends = sum(
        bool(cell["connections"].get(pin))
        for cell in cells.values()
        for pin in {"TRELLIS_FF": ("DI", "M", "CE", "LSR"), "TRELLIS_COMB": ()}.get(
            cell["type"], ("A0", "ADA5")
        )
    )
    assert sum(to == placed.NONE for _, to, _, _, _ in table.edges) == ends
    carries = [edge for edge in table.edges if not edge[4] and edge[1] != placed.NONE]
    assert {edge[3] for edge in carries} == {71, 440}
