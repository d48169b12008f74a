"""The driver: ``Device`` loads a program into an accelerator and runs pictures through it.

from volley import Device

with Device.open("sim") as device:
    device.load("model/pretrained/mnist.safetensors")
    for result in device.infer_many(pictures):
        print(result.label, result.scores)
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from volley.firmware import boards, registers
from volley.firmware.isa import PARAM_BITS
from volley.firmware.program import Program
from volley.firmware.registers import IDENTITY_WORDS, PARAM_KINDS, Region, Register, address
from volley.host import identity, maps, pipeline, programs, segments, simulated
from volley.host.connection import Connection
from volley.host.errors import DeviceError, LinkError, TransportError
from volley.host.line_rate import LineRate
from volley.host.link import Link
from volley.host.pcie import find
from volley.host.pcie import port as pcie_port
from volley.host.pcie.bar_link import BarLink
from volley.host.pcie.socket_bar import SocketBar
from volley.host.results import Result
from volley.host.runner import Runner
from volley.host.transport import SerialTransport

if typing.TYPE_CHECKING:
    from volley.fpga.sim_board import SimBoard

GOLDEN = "golden"
NOT_GOLDEN = (
    "golden is no board that a Device drives: it is infer.py's name for the golden model on this CPU; "
    "in Python that is volley.model.golden.run(model, pictures). Device.open takes the path of a "
    f"serial port, {find.FORMS}, or {simulated.FORMS}"
)
SIM_PATIENCE_S = 5.0  # a simulated board answers when the host's CPU has time for it


class Device:
    """An accelerator behind a connection, identified and checked.

    identity: board, clock_hz and design. program: what was loaded last. run_timeout: seconds after
    which a program that does not end is stopped. simulator: the fpga.sim_board.SimBoard that
    ``open`` has started, or None. runner: uploads, runs and results. Use ``Device.open`` for a port.
    """

    def __init__(self, link: Connection, tries: int = 3):
        self.link = link
        self.simulator: SimBoard | None = None
        self._on_close = contextlib.ExitStack()
        self.identity = identity.parse(link.identify(IDENTITY_WORDS, tries), link.name)
        self.line_rate = LineRate(link, self.identity) if isinstance(link, Link) else None
        self.runner = Runner(link, self.identity.clock_hz)
        if link.running:
            self.stop()
        self.runner.runs = self.read_register(Register.RUNS)

    @classmethod
    def open(
        cls,
        port: str,
        baud: int | None = None,
        patience: float = 0.5,
        settings: dict[str, int] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Device:
        """The board at ``port``: the path of a serial port, a PCIe board, or a simulated board.

        port: "pcie" is the only PCIe board, "pcie:0000:03:00.0" the one at an address. The forms of a
        simulated board are in ``host.simulated``: "sim", "sim:arty", "sim:ci=8,co=4"; one whose design
        has ``pcie`` is driven over PCIe. baud: speed after the board's reset; those of all boards are
        tried by default. patience: seconds of silence after which a request is sent again. settings:
        {parameter: value} of a simulated board's design. say(text) is called for each step of its
        build. Raises ``TransportError``, ``LinkError`` or ``DeviceError``.
        """
        if port == GOLDEN:
            raise TransportError(NOT_GOLDEN)
        with contextlib.ExitStack() as stack:
            simulator: SimBoard | None = None
            if simulated.is_simulated(port):
                simulator = stack.enter_context(simulated.start(port, settings, say))
            link: BarLink | None = None
            if simulator and simulator.pcie:
                link = BarLink(SocketBar(port, simulator.pcie))
            elif find.is_pcie(port):
                link = pcie_port.open_link(port)
            if link:
                stack.callback(link.close)
                device = cls(link)
            else:
                bauds = [baud] if baud else _reset_bauds()
                if simulator:
                    port, bauds, patience = simulator.port, [simulator.baud], SIM_PATIENCE_S
                transport = SerialTransport(port, bauds[0], patience)
                stack.callback(transport.close)
                device = _first_answer(cls, transport, bauds)
            device.simulator = simulator
            device._on_close = stack.pop_all()
        return device

    def close(self) -> None:
        """Gives the port back, at the speed it had; ends a simulated board."""
        if self.line_rate:
            self.line_rate.restore()
        self.link.close()
        self._on_close.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # speed

    def raise_baud(self) -> int | None:
        """Sets board and port to the board's top speed and returns the baud rate in use.

        None where the link has no such rate.
        """
        return self.line_rate.raise_baud() if self.line_rate else None

    # memories

    @property
    def program(self) -> Program | None:
        """What was loaded last, or None."""
        return self.runner.loaded

    def read_register(self, register: Register) -> int:
        """One register, unsigned."""
        return self.runner.read_register(register)

    def write_register(self, register: Register, value: int) -> None:
        """Sets one register."""
        self.link.write(address(Region.REGISTERS, register), [value])

    @property
    def rates(self) -> boards.Rates | None:
        """The core's clock and the link's bits a second; None where the link has no such rate."""
        return self.link.rates(self.identity.clock_hz)

    def stop(self) -> None:
        """Stops a running program."""
        self.write_register(Register.CONTROL, 1)
        self.runner.wait_idle()

    def load(
        self, program, verify: bool = False, progress: bool = False, fuse: str = "auto"
    ) -> Program:
        """Loads a program: a ``volley.firmware.program.Program``, or the path of a compiled program or a model file.

        verify: read every memory back. progress: a bar on a terminal. Returns the program.
        fuse: "none", "pairs" or "auto", for a model file.
        Raises ``DeviceError`` for a program of another design, and what ``programs.read`` raises.
        """
        if not isinstance(program, Program):
            source = programs.read(program)
            program = programs.for_design(source, self.identity.design, fuse, self.rates)
        identity.check_design(program, self.identity)
        self.runner.loaded = None
        sections = [*program.sections] + [
            (address(Region.REGISTERS, number), [value])
            for number, value in program.registers.items()
        ]
        words = sum(len(part) for _, part in sections)
        with _bar(words, "load", progress) as bar:
            self.link.write_all(sections, lambda count: bar.update(4 * count))
        if verify:
            self._verify(program.sections, progress)
        self.runner.loaded = program
        return program

    def _verify(self, sections, progress):
        with _bar(sum(len(words) for _, words in sections), "verify", progress) as bar:
            for start, words in sections:
                mask = 0xFFFFFFFF
                if start >> registers.REGION_SHIFT == Region.PARAMS:
                    offset = start & ((1 << registers.REGION_SHIFT) - 1)
                    mask >>= 32 - PARAM_BITS[PARAM_KINDS[offset >> registers.BANK_SHIFT]]
                found = np.array(self.link.read(start, len(words)), np.uint32) & mask
                wrong = np.flatnonzero(found != np.asarray(words, np.uint32) & mask)
                if len(wrong):
                    at = int(wrong[0])
                    raise DeviceError(
                        f"read back {int(found[at]):#010x} at {start + at:#010x}, written was "
                        f"{int(words[at]):#010x}: the board's memory is damaged, or its design "
                        "is not what it says"
                    )
                bar.update(4 * len(words))

    # pictures

    @property
    def run_timeout(self) -> float:
        """Seconds after which a program that does not end is stopped."""
        return self.runner.run_timeout

    @run_timeout.setter
    def run_timeout(self, seconds: float) -> None:
        self.runner.run_timeout = seconds

    def infer(self, picture: np.ndarray) -> Result:
        """Classifies one picture, uint8 [C, H, W], and waits for the result.

        Raises ``DeviceError`` for a picture that the program does not take.
        """
        return segments.infer(self.runner, picture)

    def infer_many(self, pictures):
        """Yields a ``Result`` for each picture, uint8 [C, H, W], in order.

        While one picture is computed, the next goes to the other input buffer.
        """
        return pipeline.infer_many(self.runner, pictures)

    # spike maps

    def read_map(self, layer: int) -> np.ndarray:
        """The output map of a layer as it lies in memory now: uint8 [C, H, W], bit t = tick t.

        Of more than 8 ticks: [passes, C, H, W], bit t of pass p = tick 8 p + t.
        Later layers may have overwritten it: ``trace_map`` computes it anew.
        Raises ``DeviceError`` for a readout, and for a map of which only some rows are kept.
        """
        found = maps.read_map(self.link, self.runner.program, layer)
        self.runner.link.confirm_session()
        return found

    def trace_map(self, picture: np.ndarray, layer: int) -> np.ndarray:
        """Computes the output map of a layer and reads it; the result is that of ``read_map``.

        Runs the picture up to the layer and no further; where the chip keeps only some rows of the
        map, it stops behind each instruction that makes some.
        """
        return segments.trace_map(self.runner, picture, layer)


def _reset_bauds() -> list[int]:
    """Speeds after reset of all boards, the slowest first."""
    return sorted({board.baud for board in boards.usable()})


def _first_answer(cls, transport, bauds):
    """The device, at the first speed at which it answers; it may be at another one still."""
    error = None
    for baud in bauds:
        try:
            transport.set_baud(baud)
            link = Link(transport)
            try:
                return cls(link, tries=2)
            except LinkError:
                link.fall_back()
                return cls(Link(transport), tries=2)
        except (LinkError, TransportError) as failed:
            error = error or failed
    raise error


def _bar(words, what, shown):
    return tqdm(
        total=4 * words,
        desc=what,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=None if shown else True,
    )
