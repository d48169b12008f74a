"""Place and route in three stages where a board's design is annealed: nextpnr places, ``fpga.anneal`` moves, nextpnr routes."""

from __future__ import annotations

import json
from pathlib import Path

from volley.firmware.files import named, write_whole
from volley.fpga.anneal import anneal, placed
from volley.fpga.errors import BuildError
from volley.fpga.flows import set_clock, synth
from volley.fpga.flows.project import Project
from volley.fpga.runner import phases
from volley.fpga.runner.stages import Stage, key_of
from volley.fpga.runner.steps import hash_files
from volley.fpga.target import constraints
from volley.fpga.target.grid import grid_of, wire_unit_ps
from volley.fpga.target.top import TOP

NETLIST = "annealed.json"
PLACED = "before.json"  # nextpnr's placement
TABLES, PLACES, PROGRAM = "anneal.in", "anneal.out", "anneal"
PLACE = Stage("placement", (PLACED, "place.log"))
ANNEAL = Stage("annealing", (NETLIST, set_clock.SITES, "anneal.log"))
ROUTE_ALONE = ("--no-pack", "--no-place")
MAKEFILE = "Makefile"


def place_and_anneal(project: Project, key: str, options: list[str], seed: int, environment) -> str:
    """Runs both stages before routing; returns the key of the second. options: nextpnr's for this board.

    Raises ``BuildError``.
    """
    command = ["nextpnr-ecp5", *options, "--seed", str(seed), "--no-route", "--timing-allow-fail"]
    for name in constraints.files(project.target):
        command += ["--lpf", name]
    command += ["--json", synth.NETLIST, "--write", PLACED]
    key = key_of(key, command)
    project.run(
        PLACE, "placement", command, "place.log", key, phase=phases.nextpnr, environment=environment
    )
    target = project.target
    sources = [*anneal.SOURCES, *(Path(str(module.__file__)) for module in (anneal, placed))]
    key = key_of(key, hash_files(sources), target.goal_mhz, target.anneal, seed)
    if not project.current(ANNEAL, key):
        project.stages.begin(ANNEAL.name)
        try:
            _anneal(project, seed)
        except (placed.PlacementError, OSError, ValueError, KeyError) as error:
            raise BuildError(f"annealing: {error}") from None
        project.stages.done(ANNEAL.name, key)
    return key


def _anneal(project: Project, seed: int) -> None:
    """Reads the placed netlist, anneals it and writes it with its new places."""
    folder, target = project.folder, project.target
    options = target.options("nextpnr")
    grid = grid_of(options)
    assert grid is not None  # a board file with ``anneal`` names a device of GRIDS
    project.steps.run(
        "annealing: compile", anneal.compile_command(folder / PROGRAM), "anneal-compile.log"
    )
    with project.steps.step("annealing: read the placement"):
        data = json.loads((folder / PLACED).read_text())
        design = placed.read_placed(data, TOP, grid)
        anneal.write_tables(design, grid, wire_unit_ps(options), folder / TABLES)
    command = anneal.run_command(
        folder / PROGRAM, folder / TABLES, folder / PLACES, target.goal_mhz, target.anneal, seed
    )
    project.steps.run("annealing", command, "anneal.log", phase=anneal.phase)
    project.progress(f"annealed: {anneal.result((folder / 'anneal.log').read_text())}")
    anneal.move(data, TOP, design, anneal.read_places(design, folder / PLACES))
    anneal.for_routing(data, TOP, target.goal_mhz)
    if target.goal:
        set_clock.write_sites(folder, data)
    else:
        write_whole(folder / set_clock.SITES, "{}")
    with named(folder / NETLIST):
        write_whole(folder / NETLIST, json.dumps(data))
    for name in (TABLES, PLACES, PROGRAM):
        (folder / name).unlink()


def route_annealed(project: Project) -> None:
    """Has edalize's Makefile route the annealed netlist; raises ``BuildError``."""
    path = project.folder / MAKEFILE
    text = path.read_text()
    if f"--json {synth.NETLIST}" not in text:
        raise BuildError(f"{path}: nextpnr's command has no --json {synth.NETLIST}")
    write_whole(path, text.replace(f"--json {synth.NETLIST}", f"--json {NETLIST}"))
