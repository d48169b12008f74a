"""The folder of a real board's build: its sources, constraints and synthesis, for every flow."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from volley.firmware.files import BUILD, PACKAGE, write_whole
from volley.fpga.errors import BuildError
from volley.fpga.flows import spread, synth
from volley.fpga.runner import phases, toolchain
from volley.fpga.runner.stages import Stage, Stages, key_of
from volley.fpga.runner.steps import Steps, hash_files
from volley.fpga.target import capacity, constraints, pcie
from volley.fpga.target.target import Target
from volley.fpga.target.top import TOP, top_text
from volley.rtl.convert import converter

STAMP = "stamp.json"
CORE = f"{converter.TOP}.v"
SOURCES = ("rtl/**/*.py", "firmware/*.py")
CONVERT = Stage("convert", (CORE,))
SYNTHESIS = Stage("synthesis", (synth.NETLIST, synth.STAT, "yosys.log"))


@dataclasses.dataclass(frozen=True)
class Options:
    """How to build. tools: ``toolchain.PINNED`` or ``SYSTEM``. seed: of nextpnr. patient: without
    ``routing.RoutingWatch``. chains: see ``synth.ECP5_CHAINS``. power: Vivado tells the power."""

    tools: str = toolchain.PINNED
    seed: int = 1
    synth_only: bool = False
    clean: bool = False
    verbose: bool = False
    patient: bool = False
    chains: bool = False
    power: bool = False


class Project:
    """A target in its folder. ``stages`` are those of the flow after CONVERT and SYNTHESIS."""

    def __init__(self, target: Target, folder: Path, options: Options, progress, stages=()):
        self.target = target
        self.folder = Path(folder)
        self.options = options
        self.progress = progress
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stages = Stages(self.folder, [CONVERT, SYNTHESIS, *stages])
        self.steps = Steps(self.folder, progress, options.verbose)
        self.tools = toolchain.versions(target.flow, options.tools)
        if options.clean:
            self.stages.begin(CONVERT.name)
        (self.folder / STAMP).unlink(missing_ok=True)

    def write_sources(self) -> None:
        """Converts the hardware and writes the top level, the constraints and Yosys' script."""
        board = self.target.board
        sources = hash_files(path for pattern in SOURCES for path in PACKAGE.glob(pattern))
        late = self.target.goal is not None
        clock = ["ports"] if late else [board.clock_hz, board.divisor]
        key = key_of(
            dataclasses.asdict(board.design), board.name, *clock, sources, self.tools[0]
        )  # fmt: skip
        if not self.current(CONVERT, key):
            self.stages.begin(CONVERT.name)
            with self.steps.step("convert MyHDL to Verilog"):
                try:
                    converter.convert_board(board, "verilog", self.folder / CORE, late)
                except converter.ConversionError as error:
                    raise BuildError(f"conversion failed:\n{error}") from None
            self.stages.done(CONVERT.name, key)
        texts = {
            f"{TOP}.v": top_text(self.target),
            synth.SCRIPT: synth.script(self.target.family, board.has_pcie, self.options.chains),
            **constraints.files(self.target),
        }
        if board.has_pcie:
            texts[pcie.STUB] = pcie.stub_text()
        for name, text in texts.items():
            write_changed(self.folder / name, text)

    def current(self, stage: Stage, key: str) -> bool:
        """Whether a stage is up to date, and says so."""
        if self.stages.up_to_date(stage.name, key):
            self.progress(f"{stage.name} is up to date")
            return True
        return False

    def run(self, stage: Stage, title: str, command: list[str], log: str, key: str, **how) -> None:
        """Runs a tool as a stage unless it is up to date; raises ``BuildError``."""
        if self.current(stage, key):
            return
        self.stages.begin(stage.name)
        self.steps.run(title, command, log, **how)
        missing = [name for name in stage.outputs if not (self.folder / name).is_file()]
        if missing:
            raise BuildError(f"{title} wrote no {missing[0]}; its log is {self.folder / log}")
        self.stages.done(stage.name, key)

    def synthesis_key(self) -> str:
        """The key of SYNTHESIS: sources, script and tools."""
        files = [self.folder / name for name in (CORE, f"{TOP}.v", synth.SCRIPT)]
        return key_of(hash_files(files), self.tools)

    def synthesise(self, command: list[str], environment: dict[str, str]) -> str:
        """Runs Yosys by ``command``, checks that the netlist fits the device, returns the key."""
        key = self.synthesis_key()
        self.run(
            SYNTHESIS, "synthesis", command, "yosys.log", key,
            phase=phases.yosys, environment=environment,
        )  # fmt: skip
        used = capacity.count(capacity.read_cells(self.folder), self.target.family)
        self.progress(capacity.describe(used, self.target.capacity))
        self.write_stamp("synthesised")
        capacity.check(used, self.target.capacity, self.target.part)
        return key

    def write_stamp(self, state: str) -> None:
        """Writes stamp.json: what the folder holds, and how far the build came."""
        target = self.target
        stamp = {
            "target": target.name,
            "state": state,
            "flow": target.flow,
            "part": target.part,
            "family": target.family,
            "design": dataclasses.asdict(target.board.design),
            "clock_hz": target.board.clock_hz,
            "oscillator_hz": target.oscillator_hz,
            "divisor": target.board.divisor,
            "seed": self.options.seed,
            "empty_tiles": len(spread.empty_of(target)),
            "tools": self.tools,
            "sources": hash_files([self.folder / CORE, self.folder / f"{TOP}.v"]),
        }
        write_whole(self.folder / STAMP, json.dumps(stamp, indent=1))


def folder_of(target: Target) -> Path:
    """Where a target is built unless the user says otherwise."""
    return BUILD / target.name


def write_changed(path: Path, text: str) -> None:
    """Writes a file unless it holds the text: make goes by the time of a file."""
    if not path.is_file() or path.read_text() != text:
        write_whole(path, text)
