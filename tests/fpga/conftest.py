"""Builds with stand-ins for the tools and for the conversion."""

from pathlib import Path

import pytest

from tests.support.fake_tools import Tools, boards_at_100_mhz
from volley.firmware.files import write_whole
from volley.fpga import build
from volley.fpga.flows import project, sim
from volley.fpga.runner import toolchain
from volley.fpga.target import model_fit
from volley.rtl.convert import converter

NAMES = ["yosys", "nextpnr-ecp5", "ecppack", "vivado", "verilator", "g++"]


class Builds:
    """What fpga/build.py builds into ``folder`` with stand-ins, of ulx3s, arty or sim."""

    def __init__(self, folder: Path, tools: Tools, capsys):
        self.folder, self.tools, self.capsys = folder, tools, capsys

    def arguments(self, board: str) -> list[str]:
        """The command line of a build."""
        if board == "sim":
            return ["--target", "sim"]
        return ["--target", board, "--tools", "system", "--folder", str(self.folder / board)]

    def run(self, board: str) -> tuple[int, str]:
        """(exit code, errors) of a build in this process."""
        code = build.main(self.arguments(board))
        return code, self.capsys.readouterr().err

    def built(self, board: str) -> Path:
        """What the build ends with."""
        name = {"ulx3s": "top.bit", "arty": "arty.bit", "sim": sim.BINARY}[board]
        if board == "sim":
            return sim.folder_of(sim.simulated("sim")) / name
        return self.folder / board / name


@pytest.fixture
def builds(tmp_path, monkeypatch, capsys):
    """``Builds`` in a folder of the test."""
    folder = tmp_path / "tools"
    folder.mkdir()

    def fake_convert(board, language, path, clock_ports=False):
        write_whole(path, f"module volley; endmodule  // {board.design} {board.clock_hz}\n")
        return path

    boards_at_100_mhz(monkeypatch)
    monkeypatch.setattr(converter, "convert_board", fake_convert)
    monkeypatch.setattr(project, "SOURCES", ())
    monkeypatch.setattr(model_fit, "SHIPPED", tmp_path / "none")
    monkeypatch.setattr(sim, "BUILD", tmp_path / "build")
    return Builds(tmp_path / "build", Tools(folder, monkeypatch, NAMES), capsys)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Stand-ins for the tools of ECP5; the conversion is replaced as well."""

    def fake_convert(board, language, path, clock_ports=False):
        clock = "ports" if clock_ports else board.clock_hz
        path.write_text(f"module volley; endmodule  // {board.design} {clock}\n")

    monkeypatch.setattr(converter, "convert_board", fake_convert)
    monkeypatch.setattr(project, "SOURCES", ())
    monkeypatch.setattr(model_fit, "SHIPPED", tmp_path / "none")
    monkeypatch.setattr(toolchain, "version_text", lambda tool: "stand-in 1.0")
    boards_at_100_mhz(monkeypatch)
    folder = tmp_path / "tools"
    folder.mkdir()
    return Tools(folder, monkeypatch, ["yosys", "nextpnr-ecp5", "ecppack", "openFPGALoader"])


@pytest.fixture
def run(tmp_path, capsys):
    """``run("--seed", "2")`` builds in a temporary folder: (exit code, output, errors)."""

    def run(*arguments, board="ulx3s"):
        folder = tmp_path / "build" / board
        code = build.main(
            ["--target", board, "--tools", "system", "--folder", str(folder), *arguments]
        )
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    run.folder = tmp_path / "build"
    return run
