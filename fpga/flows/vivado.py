"""Arty boards: edalize's Vivado flow, and Yosys for counts where there is no Vivado."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path

from volley.firmware.files import named, write_whole
from volley.fpga.errors import BuildError
from volley.fpga.flows import synth
from volley.fpga.flows.project import CORE, Options, Project
from volley.fpga.runner import toolchain
from volley.fpga.runner.stages import Stage, key_of
from volley.fpga.runner.steps import hash_files
from volley.fpga.target import constraints, pcie, timing
from volley.fpga.target.target import Target
from volley.fpga.target.top import TOP

VIVADO = "vivado"
REPORTS = "reports.tcl"
TIMING = "timing.rpt"
REPORTS_TEXT = f"""\
# runs after routing, in PROJECT.runs/impl_1; fpga/build.py reads the slack from {TIMING}
report_timing_summary -file ../../{TIMING}
report_utilization -file ../../utilisation.rpt
"""
POWER, POWER_SCRIPT = "power.rpt", "power.tcl"
HOOK = "hook.tcl"
HOOK_TEXT = f"""\
set_property STEPS.ROUTE_DESIGN.TCL.POST [file normalize {REPORTS}] [get_runs impl_1]
"""
WATTS = re.compile(r"^\| Total On-Chip Power \(W\)\s*\| ([\d.]+)", re.M)
SLACK = re.compile(r"^\s+WNS\(ns\).*\n[\s-]+\n\s+(-?[\d.]+)", re.M)


POWER_STAGE = Stage("power", (POWER,))


def build(target: Target, folder: Path, options: Options, progress) -> Path:
    """Writes the Vivado project and builds its bitstream; returns the path of what was built.

    Raises ``BuildError``: code 3 where there is no Vivado, with the command to run where there is
    one; 4 where the design does not fit; 5 where timing is not met.
    """
    bitstream = f"{target.name}.bit"
    # the project too: make would go on with one whose creation was ended half-way
    route = Stage("implementation", (f"{target.name}.xpr", bitstream, TIMING))
    project = Project(target, folder, options, progress, [route, POWER_STAGE])
    project.write_sources()
    configure(target, project.folder)
    environment = toolchain.write_launchers(project.folder, target.flow, options.tools)
    command = [str(project.folder / toolchain.BIN / "yosys"), "-p", f"tcl {synth.SCRIPT}"]
    key = project.synthesise(command, environment)
    if options.synth_only:
        return project.folder / synth.NETLIST
    if shutil.which(VIVADO) is None:
        raise BuildError(
            f"there is no {VIVADO} on the PATH; the project is complete. Where there is one, run\n"
            f"    make -C {shlex.quote(str(project.folder))}\n"
            f"which writes {bitstream}; or this command again",
            code=3,
        )
    scripts = [HOOK, REPORTS, *pcie_scripts(target)]
    limits = [project.folder / name for name in (*constraints.files(target), *scripts)]
    key = key_of(key, hash_files(limits), shutil.which(VIVADO))
    project.run(
        route, "Vivado", ["make", bitstream], "make.log", key, environment=environment, phase=phase
    )
    project.write_stamp("routed")
    check_timing(project, project.folder / bitstream)
    if options.power:
        report_power(project, key, environment)
    project.write_stamp("complete")
    return project.folder / bitstream


def power_tcl(name: str) -> str:
    """Tcl that reports the power of the routed project ``name``: without vectors, by the rates that Vivado assumes."""
    return f"open_project {name}.xpr\nopen_run impl_1\nreport_power -file {POWER}\n"


def report_power(project: Project, key: str, environment: dict[str, str]) -> None:
    """Writes POWER, and tells the watts in it; raises ``BuildError``."""
    (project.folder / POWER_SCRIPT).write_text(power_tcl(project.target.name))
    command = [VIVADO, "-notrace", "-mode", "batch", "-source", POWER_SCRIPT]
    key = key_of(key, power_tcl(project.target.name))
    project.run(
        POWER_STAGE, "Vivado's report of power", command, "power.log", key, environment=environment,
        phase=phase,
    )  # fmt: skip
    project.progress(f"power {watts(project.folder / POWER):g} W")


def watts(path: Path) -> float:
    """The total in a report of Vivado's report_power; raises ``BuildError`` where there is none."""
    found = WATTS.search(path.read_text())
    if found is None:
        raise BuildError(f"{path}: no total on-chip power in this report of Vivado")
    return float(found[1])


def check_timing(project: Project, bitstream: Path) -> None:
    """Removes the bitstream and raises ``BuildError`` if Vivado's report has negative slack."""
    report = (project.folder / TIMING).read_text()
    found = SLACK.search(report)
    if found is None:
        raise BuildError(f"{project.folder / TIMING}: no slack (WNS) in this report of Vivado")
    slack = float(found[1])
    if slack >= 0:
        project.progress(f"slack {slack} ns")
        return
    bitstream.unlink()
    period = 1e9 / project.target.board.clock_hz
    ends = re.findall(r"^\s+(?:Source|Destination):\s+\S+", report, re.M)[:2]
    lines = [
        f"timing is not met: the slack is {slack} ns of {period:.3f} ns; no bitstream is kept",
        *("    " + " ".join(line.split()) for line in ends),
        f"a clock that passes: --set clock={1e3 / (period - slack) * timing.SAFE:.1f}",
    ]
    raise BuildError("\n".join(lines), code=5)


def phase(line: str) -> str | None:
    """The command or phase that Vivado runs, from a line of its output."""
    found = re.match(r"Command: (\w+)|(Phase [\d.]+ [^|]+)|Starting (.+)", line)
    return next(filter(None, found.groups()), None) if found else None


def pcie_scripts(target: Target) -> dict[str, str]:
    """{name: text} of the Tcl for PCIe's hard block, empty without one."""
    if not target.board.has_pcie:
        return {}
    return {
        pcie.IP: pcie.ip_tcl(),
        pcie.PLACE: pcie.place_tcl(target.board.data["pcie"]["channel"]),
    }


def configure(target: Target, folder: Path) -> None:
    """Writes edalize's Makefile and Tcl, and our hooks, into ``folder``."""
    from edalize.flows.vivado import Vivado

    scripts = pcie_scripts(target)
    hook = HOOK_TEXT + (pcie.HOOK_TEXT if scripts else "")
    for name, text in {REPORTS: REPORTS_TEXT, HOOK: hook, **scripts}.items():
        write_whole(folder / name, text)
    files = [{"name": name, "file_type": "verilogSource"} for name in (CORE, f"{TOP}.v")]
    files += [{"name": name, "file_type": "xdc"} for name in constraints.files(target)]
    sources = [pcie.IP, HOOK] if scripts else [HOOK]
    files += [{"name": name, "file_type": "tclSource"} for name in sources]
    # the project is not called top: edalize's Makefile has a rule that writes PROJECT.v
    edam = {"name": target.name, "toplevel": TOP, "files": files,
            "flow_options": {"part": target.part}}  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()), named(folder):
        Vivado(edam, str(folder)).configure()
