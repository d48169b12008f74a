"""Boards with an open toolchain: edalize's flows trellis (ECP5) and apicula (Gowin)."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
from pathlib import Path

from volley.firmware.files import named
from volley.fpga.errors import BuildError
from volley.fpga.flows import (
    annealing,
    output_registers,
    replicate,
    router_weights,
    set_clock,
    spread,
    synth,
)
from volley.fpga.flows.project import CORE, Options, Project
from volley.fpga.flows.routing import RoutingWatch
from volley.fpga.runner import phases, toolchain
from volley.fpga.runner.stages import Stage, key_of
from volley.fpga.runner.steps import hash_files
from volley.fpga.target import constraints, timing
from volley.fpga.target.target import Target
from volley.fpga.target.top import TOP

FILE_TYPES = {".lpf": "LPF", ".cst": "CST", ".sdc": "SDC"}


@dataclasses.dataclass(frozen=True)
class Flow:
    """placed: nextpnr's output. bitstream: the packer's. pack_options: edalize's name for them."""

    placed: str
    bitstream: str
    pack_options: str


FLOWS = {
    "trellis": Flow(f"{TOP}.config", f"{TOP}.bit", "ecppack_options"),
    "apicula": Flow(f"{TOP}.routed.json", f"{TOP}.fs", "gowin_pack_options"),
}


def build(target: Target, folder: Path, options: Options, progress) -> Path:
    """Builds a target down to its bitstream, or its netlist; returns the path of what was built.

    Raises ``BuildError``, with code 4 where the design does not fit the device and 5 where timing
    is not met.
    """
    flow = FLOWS[target.flow]
    copies = Stage("copies of drivers", ())  # and registers of block RAMs
    route = Stage("place and route", (flow.placed, timing.REPORT, "nextpnr.log"))
    pack = Stage("bitstream", (flow.bitstream,))
    annealed = [annealing.PLACE, annealing.ANNEAL] if target.anneal else []
    project = Project(target, folder, options, progress, [copies, *annealed, route, pack])
    project.write_sources()
    configure(target, project.folder, options)
    environment = toolchain.write_launchers(project.folder, target.flow, options.tools)
    key = project.synthesise(["make", synth.NETLIST], environment)
    if options.synth_only:
        return project.folder / synth.NETLIST

    reach = target.board.design.reach
    most = replicate.limits(reach)
    weights = router_weights.ROUTER2 if reach and target.flow == "trellis" else {}
    passes = hash_files(
        [Path(str(part.__file__)) for part in (replicate, output_registers, spread)]
    )
    key = key_of(key, *most, weights, target.spread, passes)
    if not project.current(copies, key):
        copy_drivers(project, copies, key, most, weights)
    if target.anneal:
        own = target.options("nextpnr")
        key = annealing.place_and_anneal(project, key, own, options.seed, environment)
        annealing.route_annealed(project)
    limits = [project.folder / name for name in constraints.files(target)]
    key = key_of(key, hash_files(limits), nextpnr_options(target, options))
    project.run(
        route, "routing" if target.anneal else "place and route", ["make", "-o", synth.NETLIST, flow.placed], "nextpnr.log", key,
        phase=phases.nextpnr if options.patient else RoutingWatch(), environment=environment,
    )  # fmt: skip
    reached = timing.read(project.folder)
    project.write_stamp("routed")
    clock_mhz = target.board.clock_hz / 1e6
    try:
        timing.check(reached, clock_mhz, target.goal_mhz)
    except timing.BuildError:
        project.stages.begin(pack.name)
        raise
    progress(f"{reached.clock}: {reached.reached_mhz:.2f} MHz of {clock_mhz:.2f} MHz")
    key = key_of(key, target.options("pack"), *([target.board.clock_hz] if target.goal else []))
    if target.goal and not project.stages.up_to_date(pack.name, key):
        project.stages.begin(pack.name)
        if not target.anneal:
            set_clock.note_sites(project.folder)
        set_clock.set_clock(target, project.folder / flow.placed)
    project.run(
        pack, "bitstream", ["make", "-o", flow.placed, flow.bitstream], "pack.log", key,
        environment=environment,
    )  # fmt: skip
    project.write_stamp("complete")
    return project.folder / flow.bitstream


def copy_drivers(project: Project, stage: Stage, key: str, most: tuple, weights: dict) -> None:
    """Moves registers into block RAMs and gives the netlist copies of what drives too much, as ``most`` of
    ``replicate.limits`` says, router2 its weights, and tiles that stay empty.

    Raises ``BuildError`` if it is not a netlist.
    """
    project.stages.begin(stage.name)
    path = project.folder / synth.NETLIST

    def change(data):
        gone = output_registers.absorb(data, TOP)
        if weights:
            router_weights.set_weights(data, TOP, weights)
        copies = replicate.replicate(data, TOP, *most)
        return gone, copies, spread.spread(data, TOP, spread.empty_of(project.target))

    try:
        gone, copies, empty = replicate.rewrite(path, change)
    except (OSError, ValueError, KeyError) as error:
        raise BuildError(f"{path}: not a netlist: {error}") from None
    if gone:
        project.progress(
            f"output registers: {gone} flip-flops are now in block RAMs and multipliers"
        )
    project.progress(f"copies of drivers: {copies}, so that none has over {most[0]} loads")
    if empty:
        project.progress(
            f"spread: {empty} tiles stay empty, {project.target.spread:.0%} of the device"
        )
    project.stages.done(stage.name, key)


def nextpnr_options(target: Target, options: Options) -> list[str]:
    """nextpnr's options; timing is judged from the report, so that a miss still has one."""
    return [
        *target.options("nextpnr"),
        *(annealing.ROUTE_ALONE if target.anneal else ()),
        *(("--write", set_clock.PLACED) if target.goal and not target.anneal else ()),
        *("--seed", str(options.seed), "--report", timing.REPORT, "--timing-allow-fail"),
    ]


def configure(target: Target, folder: Path, options: Options) -> None:
    """Writes edalize's Makefile into ``folder``."""
    from edalize.flows.apicula import Apicula
    from edalize.flows.trellis import Trellis

    flow_class = {"trellis": Trellis, "apicula": Apicula}[target.flow]
    files = [{"name": name, "file_type": "verilogSource"} for name in (CORE, f"{TOP}.v")]
    files += [
        {"name": name, "file_type": FILE_TYPES[Path(name).suffix]}
        for name in constraints.files(target)
    ]
    flow_options = {
        "yosys_template": synth.SCRIPT,
        "nextpnr_options": nextpnr_options(target, options),
        FLOWS[target.flow].pack_options: target.options("pack"),
    }
    if target.flow == "apicula":
        flow_options |= {"device": target.part, "device_family": "C"}
    edam = {"name": TOP, "toplevel": TOP, "files": files, "flow_options": flow_options}
    # edalize adds the options to a dictionary of the class, where the next build would find them
    fresh = type(flow_class.__name__, (flow_class,), {"_flow": copy.deepcopy(flow_class._flow)})
    with contextlib.redirect_stdout(io.StringIO()), named(folder):
        fresh(edam, str(folder)).configure()
