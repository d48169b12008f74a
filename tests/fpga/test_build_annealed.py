"""fpga/build.py with ``anneal``: nextpnr places, fpga.anneal moves, nextpnr routes; stand-ins for the tools."""

import json
import re

import pytest

from tests.fpga.anneal.designs import check_legal, design, places
from tests.support.fake_tools import WITH_GOAL
from tests.support.late_config import config, sites
from volley.firmware import boards
from volley.fpga import build
from volley.fpga.anneal import anneal
from volley.fpga.flows import set_clock


def test_a_placement_is_annealed_and_then_routed(tools, run, tmp_path, monkeypatch):
    """nextpnr places, the program moves every cell that may move, nextpnr routes what it wrote, and not again."""
    if anneal.compiler() is None:
        pytest.skip("needs a C++ compiler (apt-get install g++)")
    path = tmp_path / WITH_GOAL
    text = (boards.FOLDER / "ulx3s.toml").read_text()
    text = re.sub(r"(?m)^(goal_hz|anneal) = .*\n", "", text)
    text = "goal_hz = 100_000_000\n" + text.replace("[nextpnr]\n", "[nextpnr]\nanneal = 400\n")
    path.write_text(text)
    made = design()
    for name, place in sites().items():
        made.add("TRELLIS_COMB", place, name=name)
    (tmp_path / "placed.json").write_text(json.dumps(made.data))
    monkeypatch.setenv("STAND_IN_PLACED", f"@{tmp_path / 'placed.json'}")
    monkeypatch.setenv("STAND_IN_CONFIG", config())
    folder = run.folder / "annealed"

    def built(*arguments):
        where = ["--tools", "system", "--folder", str(folder)]
        return build.main(["--target", str(path), *where, *arguments]), tools.calls()

    # the stand-in's configuration has the LUTs of the clock where they were before
    monkeypatch.setattr(set_clock, "set_clock", lambda *given: None)
    assert built() == (0, ["yosys", "nextpnr-ecp5", "nextpnr-ecp5", "ecppack"])
    routed = json.loads((folder / "routed.txt").read_text())["modules"]["top"]
    check_legal(routed["cells"])
    before, after = places(made.data["modules"]["top"]["cells"]), places(routed["cells"])
    assert sum(before[name] != after[name] for name in before) > len(before) / 2
    assert routed["settings"]["target_freq"] == "100000000"
    noted = json.loads((folder / set_clock.SITES).read_text())
    assert noted == {name: after[name] for name in sites()}
    assert built() == (0, [])
    assert built("--seed", "9") == (0, ["nextpnr-ecp5", "nextpnr-ecp5", "ecppack"])
    path.write_text(text.replace("anneal = 400", "anneal = 500"))
    assert built("--seed", "9") == (0, ["nextpnr-ecp5", "ecppack"])
    assert built() == (0, ["nextpnr-ecp5", "nextpnr-ecp5", "ecppack"])
    monkeypatch.setenv("CXX", "")
    monkeypatch.setattr(anneal, "compiler", lambda: None)
    path.write_text(text)
    assert built() == (1, [])


def test_what_is_no_placement_is_told(tools, run, tmp_path, monkeypatch, capsys):
    path = tmp_path / WITH_GOAL
    text = re.sub(r"(?m)^(goal_hz|anneal) = .*\n", "", (boards.FOLDER / "ulx3s.toml").read_text())
    path.write_text(text.replace("[nextpnr]\n", "[nextpnr]\nanneal = 10\n"))
    monkeypatch.setenv(
        "STAND_IN_PLACED", '{"modules": {"top": {"cells": {"a": {"attributes": {}}}}}}'
    )
    folder = run.folder / "annealed"
    code = build.main(["--target", str(path), "--tools", "system", "--folder", str(folder)])
    assert code == 1 and "annealing: cell a has no place" in capsys.readouterr().err
