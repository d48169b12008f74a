"""The driver: ``Device`` loads a program into an accelerator and runs pictures through it.

from host import Device
with Device.open("sim") as device:
    device.load("model/pretrained/mnist.safetensors")
    for result in device.infer_many(images):
        print(result.label, result.scores)
"""

from __future__ import annotations

import contextlib
import time

import numpy as np
from tqdm import tqdm

from volley.firmware import boards, frames, registers
from volley.firmware.frames import MAX_WORDS, Command, Status
from volley.firmware.isa import PARAM_BITS
from volley.firmware.program import Program
from volley.firmware.registers import (
    IDENTITY_WORDS,
    PARAM_KINDS,
    Region,
    Register,
    address,
)
from volley.firmware.results import result_words
from volley.host import identity, maps, programs, segments
from volley.host.errors import DeviceError, HostError, LinkError, TransportError
from volley.host.link import Link, check
from volley.host.pipeline import infer_many
from volley.host.results import Result, parse_results
from volley.host.transport import SerialTransport, Transport

SIM = "sim"
SIM_PATIENCE_S = 5.0  # a simulated board answers when the host's CPU has time for it
RUN_TIMEOUT_S = 120.0


class Device:
    """An accelerator behind a transport, identified and checked.

    identity: board, clock_hz and design. program: what was loaded last. run_timeout: seconds after
    which a program that does not end is stopped. simulator: the fpga.sim_board.SimBoard that
    ``open`` has started, or None. Use ``Device.open`` for a port.
    """

    def __init__(self, transport: Transport, tries: int = 3):
        self.transport = transport
        self.link = Link(transport)
        self.program: Program | None = None
        self.run_timeout = RUN_TIMEOUT_S
        self.runs = 0
        self.simulator = None
        self._reset_baud = None
        self._on_close = contextlib.ExitStack()
        self._identify(tries)

    @classmethod
    def open(cls, port: str, baud=None, patience=0.5, settings=None, say=None) -> Device:
        """The board at ``port``: the path of a serial port, ``sim``, or ``sim:BOARD``.

        baud: speed after the board's reset; those of all boards are tried by default. patience:
        seconds of silence after which a request is sent again. settings: {parameter: value} of a
        simulated board's design. say(text) is called for each step of its build.
        Raises ``TransportError``, ``LinkError`` or ``DeviceError``.
        """
        with contextlib.ExitStack() as stack:
            simulator = None
            if port == SIM or port.startswith(SIM + ":"):
                from volley.fpga import sim_board

                name = port.partition(":")[2] or SIM
                try:
                    simulator = stack.enter_context(sim_board.start(name, settings, say))
                except sim_board.SimBoardError as error:
                    raise TransportError(f"{error}") from None
                port, bauds, patience = simulator.port, [simulator.baud], SIM_PATIENCE_S
            else:
                bauds = [baud] if baud else _reset_bauds()
            transport = SerialTransport(port, bauds[0], patience)
            stack.callback(transport.close)
            device = _first_answer(cls, transport, bauds)
            device.simulator = simulator
            device._on_close = stack.pop_all()
        return device

    def close(self) -> None:
        """Gives the port back, at the speed it had; ends a simulated board."""
        if self._reset_baud and not self.link.broken:
            with contextlib.suppress(HostError):
                self._set_divisor(self._reset_baud)
        self._reset_baud = None
        self.transport.close()
        self._on_close.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _identify(self, tries):
        self.identity = identity.parse(
            self.link.identify(IDENTITY_WORDS, tries), self.transport.name
        )
        if self.link.running:
            self.stop()
        self.runs = self.read_register(Register.RUNS)

    # speed

    def raise_baud(self) -> int | None:
        """Sets board and port to the board's top speed and returns the baud rate in use."""
        baud = self.transport.baud
        if baud is None or self.identity.board not in boards.names():
            return baud
        top = boards.load(self.identity.board).top_baud
        fastest = frames.fastest_baud(self.identity.clock_hz, top)
        if fastest <= baud:
            return baud
        try:
            self.transport.set_baud(fastest)
            self.transport.set_baud(baud)
        except TransportError:  # the port cannot do it: stay
            self.transport.set_baud(baud)
            return baud
        try:
            self._set_divisor(fastest)
            self.link.identify(IDENTITY_WORDS)
            self._reset_baud = self._reset_baud or baud
        except LinkError:  # the cable cannot do it: go back
            self.transport.set_baud(baud)
            self.link.fall_back()
            self.link.identify(IDENTITY_WORDS)
        return self.transport.baud

    def _set_divisor(self, baud):
        divisor = round(self.identity.clock_hz / baud)
        self.link.flush()
        self.link.wait(self.link.submit(Command.BAUD, divisor))
        self.transport.set_baud(baud)

    # memories

    def read_register(self, register: Register) -> int:
        """One register, unsigned."""
        return self.link.read(address(Region.REGISTERS, register), 1)[0]

    def write_register(self, register: Register, value: int) -> None:
        """Sets one register."""
        self.link.write(address(Region.REGISTERS, register), [value])

    def stop(self) -> None:
        """Stops a running program."""
        self.write_register(Register.CONTROL, 1)
        self.wait_idle()

    def load(
        self, program, verify: bool = False, progress: bool = False, fuse: str = "auto"
    ) -> Program:
        """Loads a program: a ``volley.firmware.program.Program``, or the path of an image or a model file.

        verify: read every memory back. progress: a bar on a terminal. Returns the program.
        fuse: "none", "pairs" or "auto", for a model file.
        Raises ``DeviceError`` for a program of another design, and what ``programs.read`` raises.
        """
        if not isinstance(program, Program):
            program = programs.for_design(programs.read(program), self.identity.design, fuse)
        identity.check_design(program, self.identity)
        self.program = None
        sections = [*program.sections] + [
            (address(Region.REGISTERS, number), [value])
            for number, value in program.registers.items()
        ]
        words = sum(len(part) for _, part in sections)
        with _bar(words, "load", progress) as bar:
            self.link.write_all(sections, lambda count: bar.update(4 * count))
        if verify:
            self._verify(program.sections, progress)
        self.program = program
        return program

    def _verify(self, sections, progress):
        with _bar(sum(len(words) for _, words in sections), "verify", progress) as bar:
            for place, words in sections:
                mask = 0xFFFFFFFF
                if place >> registers.REGION_SHIFT == Region.PARAMS:
                    offset = place & ((1 << registers.REGION_SHIFT) - 1)
                    mask >>= 32 - PARAM_BITS[PARAM_KINDS[offset >> registers.BANK_SHIFT]]
                found = np.array(self.link.read(place, len(words)), np.uint32) & mask
                wrong = np.flatnonzero(found != np.asarray(words, np.uint32) & mask)
                if len(wrong):
                    at = int(wrong[0])
                    raise DeviceError(
                        f"read back {int(found[at]):#010x} at {place + at:#010x}, written was "
                        f"{int(words[at]):#010x}: the board's memory is damaged, or its design "
                        "is not what it says"
                    )
                bar.update(4 * len(words))

    # runs

    def start(self, entry: int, count: int = 0) -> tuple[int, ...] | None:
        """Starts the program at a word of program memory, once what runs has ended.

        Returns ``count`` words of the run before, from register STATUS on, or None if they were
        lost on the way.
        """
        end = time.monotonic() + self.run_timeout
        while True:
            request = self.link.wait(self.link.submit(Command.RUN, entry, count))
            if request.lost:
                runs = self.read_register(Register.RUNS)
                if runs != self.runs:
                    self._count_run(runs)
                    return None
            elif request.status == Status.BUSY:
                self._check_time(end)
            else:
                check(request)
                self.runs += 1
                if len(request.words) != count:
                    return None
                return request.words

    def _count_run(self, runs):
        """Takes note of one more run; any other number means that the board was reset."""
        if runs != self.runs + 1:
            raise DeviceError(
                f"{self.transport.name}: the board has made {runs} runs, {self.runs + 1} are "
                "expected: it was reset, or another program uses it; load the model again"
            )
        self.runs = runs

    def wait_idle(self) -> None:
        """Waits for the end of the program; stops it after ``run_timeout`` seconds."""
        end = time.monotonic() + self.run_timeout
        while self.link.status():
            self._check_time(end)

    def _check_time(self, end):
        if time.monotonic() > end:
            self.link.write(address(Region.REGISTERS, Register.CONTROL), [1])
            raise DeviceError(
                f"{self.transport.name}: the program did not end within {self.run_timeout:g} s "
                "and was stopped; load the model again, or raise run_timeout"
            )

    def upload(self, picture: np.ndarray, buffer: int = 0) -> list:
        """Sends a picture, uint8 [C, H, W], to an input buffer; returns requests to wait for."""
        self._loaded()
        self.check_picture(picture)
        words = picture_words(picture)
        start = address(Region.IMAGE, buffer << registers.IMAGE_BUFFER_SHIFT)
        return [
            self.link.submit(Command.WRITE, start + place, payload=words[place : place + MAX_WORDS])
            for place in range(0, len(words), MAX_WORDS)
        ]

    def check_picture(self, picture: np.ndarray) -> None:
        """Raises ``DeviceError`` for a picture that the program does not take."""
        if picture.dtype != np.uint8 or picture.shape != self.program.input_shape:
            raise DeviceError(
                f"picture: {picture.dtype} of shape {list(picture.shape)}, the program takes "
                f"uint8 of shape {list(self.program.input_shape)}"
            )

    def upload_and_wait(self, picture: np.ndarray) -> None:
        """Sends a picture to buffer 0 and waits until it is there."""
        for request in self.upload(picture):
            check(self.link.wait(request))

    def infer(self, picture: np.ndarray) -> Result:
        """Classifies one picture, uint8 [C, H, W], and waits for the result."""
        self._loaded()
        if self.program.segments:
            self.check_picture(picture)
            return segments.infer(self, picture)
        began = time.perf_counter()
        self.run_to(picture)
        words = self.link.read(
            address(Region.REGISTERS, Register.STATUS), result_words(self.program)
        )
        return self.result(words, self.runs, began)

    def run_to(self, picture: np.ndarray) -> None:
        """Uploads a picture to buffer 0 and runs the program to its end."""
        self.upload_and_wait(picture)
        self.start(self.program.entries[0])
        self.wait_idle()

    def result(self, words, runs: int, began: float) -> Result:
        """The result in the words from register STATUS on, of run number ``runs``."""
        self.check_run(words[Register.RUNS - Register.STATUS], runs)
        counts = None
        if not self.program.layers[-1].readout:
            last = self.read_map(len(self.program.layers) - 1)
            counts = np.bitwise_count(maps.trains(last)).sum((1, 2), dtype=np.int64)
        return self.parse(words, counts, began)

    def check_run(self, found: int, runs: int | None = None) -> None:
        """Raises ``DeviceError`` for a result that is not of run ``runs``, by default the last."""
        runs = self.runs if runs is None else runs
        if found != runs & 0xFFFFFFFF:
            raise DeviceError(
                f"{self.transport.name}: results of run {found}, run {runs} is expected: the board "
                "was reset, or another program uses it; load the model again"
            )

    def parse(self, words, counts, began: float) -> Result:
        """The result in the words from register STATUS on; counts: of a model without a readout."""
        return parse_results(
            self.program, words, counts, self.identity.clock_hz, time.perf_counter() - began
        )

    def infer_many(self, pictures):
        """Yields a ``Result`` for each picture, uint8 [C, H, W], in order.

        While one picture is computed, the next goes to the other input buffer.
        """
        self._loaded()
        return infer_many(self, pictures)

    # spike maps

    def read_map(self, layer: int) -> np.ndarray:
        """The output map of a layer as it lies in memory now: uint8 [C, H, W], bit t = tick t.

        Of more than 8 ticks: [passes, C, H, W], bit t of pass p = tick 8 p + t.
        Later layers may have overwritten it: ``trace_map`` computes it anew.
        Raises ``DeviceError`` for a readout, and for a map of which only some rows are kept.
        """
        self._loaded()
        return maps.read_map(self.link, self.program, layer)

    def trace_map(self, picture: np.ndarray, layer: int) -> np.ndarray:
        """Computes the output map of a layer and reads it; the result is that of ``read_map``.

        Runs the picture up to the layer and no further; where the chip keeps only some rows of the
        map, it stops behind each instruction that makes some.
        """
        self._loaded()
        self.check_picture(picture)
        return segments.trace_map(self, picture, layer)

    def _loaded(self):
        if self.program is None:
            raise DeviceError("no program is loaded; call load() first")


def picture_words(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 [C, H, W], as the words of region IMAGE: row, column, channel."""
    data = picture.transpose(1, 2, 0).tobytes()
    return np.frombuffer(data + bytes(-len(data) % 4), "<u4")


def _reset_bauds():
    """Speeds after reset of all boards, the slowest first."""
    return sorted({boards.load(name).baud for name in boards.names()})


def _first_answer(cls, transport, bauds):
    """The device, at the first speed at which it answers; it may be at another one still."""
    error = None
    for baud in bauds:
        try:
            transport.set_baud(baud)
            link = Link(transport)
            try:
                return cls(transport, tries=2)
            except LinkError:
                link.fall_back()
                return cls(transport, tries=2)
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
