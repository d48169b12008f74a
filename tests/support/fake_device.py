"""A board in Python behind a pseudo-terminal: frames as firmware/frames.py says, memories and runs
by the program simulator. For tests of the host; no hardware description is involved.

``FakeBoard`` is the frame logic alone, bytes in, bytes out; ``FakeDevice`` puts it on a port.
"""

import os
import pty
import select
import struct
import threading
import time
import tty

from volley.firmware import frames, registers
from volley.firmware.design import Design
from volley.firmware.fields import pack
from volley.firmware.frames import INFO, RESPONSE, Command, FrameError, Status
from volley.firmware.registers import (
    DESIGN_REGISTERS,
    IDENTITY_WORDS,
    MAGIC,
    OPTIONS,
    Region,
    Register,
)
from volley.firmware.simulator.simulator import ProgramError, Simulator

SMALL = Design(
    ci=8,
    co=2,
    spike_words=1024,
    weight_words=4096,
    param_words=256,
    program_words=128,
    layers=32,
    row_max=16,
    scores=64,
    leak=1,
    odd=1,
)


class FakeBoard:
    """Executes frames. run_s: seconds that a run takes. hang: runs never end.

    identity: {register: word} replaces what the board says of itself. log: executed
    (command, address, count).
    """

    def __init__(self, design=SMALL, board="fake", clock_hz=100_000_000, run_s=0.0, identity=None):
        self.design, self.run_s, self.hang = design, run_s, False
        self.simulator = Simulator(design)
        self.identity = self._identity(board, clock_hz) | (identity or {})
        self.expected = 0
        self.ends = 0.0
        self.log = []
        self.divisor = None
        self._input = bytearray()

    def _identity(self, board, clock_hz):
        low, high = struct.unpack("<2I", self.design.hash())
        words = {
            Register.MAGIC: MAGIC,
            Register.VERSION: frames.VERSION,
            Register.HASH_LOW: low,
            Register.HASH_HIGH: high,
            Register.CLOCK_HZ: clock_hz,
        }
        for name, place in DESIGN_REGISTERS.items():
            words[place] = getattr(self.design, name)
        options = {key: getattr(self.design, key) for key in OPTIONS}
        (words[Register.PACK],) = pack(OPTIONS, options, 1, "design")
        name = board.encode().ljust(registers.BOARD_NAME_BYTES, b"\0")
        for k, word in enumerate(struct.unpack("<4I", name)):
            words[Register.BOARD + k] = word
        return words

    def reset(self):
        """As after power-up, or as another board of the same build: everything is lost."""
        self.simulator = Simulator(self.design)
        self.expected, self.ends, self.divisor = 0, 0.0, None
        self._input.clear()

    @property
    def running(self):
        return self.hang and self.ends > 0 or time.monotonic() < self.ends

    def start(self, entry):
        """Runs the program from a word of program memory on."""
        self.simulator.run(entry)
        self.ends = time.monotonic() + self.run_s

    def take(self, data):
        """Bytes from the host; returns the bytes of the answers."""
        self._input += data
        *whole, rest = self._input.split(bytes([frames.DELIMITER]))
        self._input = rest[-2 * frames.MAX_BYTES :]
        answers = bytearray()
        for part in filter(None, whole):
            try:
                frame = frames.decode(bytes(part))
            except FrameError:
                continue
            wanted = frame.count if frame.code == Command.WRITE else 0
            if len(frame.words) == wanted:
                answers += self._execute(frame)
        return bytes(answers)

    def _execute(self, frame):
        if frame.code == Command.IDENTIFY:
            self.expected = frame.seq
            self.simulator.session = frame.argument & INFO["session"].largest
        if frame.seq != self.expected:
            before = (frame.seq + 1) % 256 == self.expected
            return self._answer(frame, Status.REPEATED if before else Status.OUT_OF_ORDER, [])
        self.expected = (self.expected + 1) % 256
        self.log.append((frame.code, frame.argument, frame.count))
        try:
            status, words = self._command(frame)
        except (ValueError, IndexError):  # ProgramError is a ValueError
            status, words = Status.BAD_ADDRESS, []
        return self._answer(frame, status, words)

    def _command(self, frame):
        if frame.code == Command.IDENTIFY:
            return Status.OK, [self.identity.get(k, 0) for k in range(IDENTITY_WORDS)]
        if frame.code == Command.READ:
            return self._read(frame.argument, frame.count)
        if frame.code == Command.WRITE:
            if frame.argument == registers.address(Region.REGISTERS, Register.CONTROL):
                self.ends = 0.0
            self.simulator.write(frame.argument, frame.words)
            return Status.OK, []
        if frame.code == Command.RUN:
            if self.running:
                return Status.BUSY, []
            status, words = self._read(int(Register.STATUS), frame.count)
            self.start(frame.argument)
            return status, words
        if frame.code == Command.STATUS:
            return Status.OK, []
        if frame.code == Command.BAUD:
            self.divisor = frame.argument
            return Status.OK, []
        return Status.BAD_COMMAND, []

    def _read(self, address, count):
        if count > frames.MAX_WORDS:
            return Status.BAD_ADDRESS, []
        if self.running and address >> registers.REGION_SHIFT != Region.REGISTERS:
            return Status.BUSY, []
        if not count:
            return Status.OK, []
        words = self.simulator.read(address, count)
        if len(words) != count:
            raise ProgramError(f"{address:#x} + {count}")
        return Status.OK, words

    def _answer(self, frame, status, words):
        info = self.expected << INFO["expected"].lsb | self.running << INFO["running"].lsb
        info |= self.simulator.session << INFO["session"].lsb
        return frames.encode(frame.seq, RESPONSE + status, len(words), info, words)


class FakeDevice:
    """A board on a pseudo-terminal, served by a thread; a context manager.

    path: the port. board: the FakeBoard. silent: takes bytes and says nothing. spoil: a pair of
    functions that change the bytes to and from the board. rate: bytes per second of the wire, None
    for no limit. delay: seconds between a request and its answer.
    """

    def __init__(self, board=None, silent=False, spoil=None, rate=None, delay=0.0):
        self.board = board or FakeBoard()
        self.silent, self.rate, self.delay = silent, rate, delay
        self.to_board, self.to_host = spoil or (bytes, bytes)
        self.master, self.slave = pty.openpty()
        tty.setraw(self.master)
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.busy_s = 0.0  # how long the wire to the board carried bytes
        self._ended = threading.Event()
        self._late = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self.unplug()

    def unplug(self):
        """The port goes away."""
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join()
            os.close(self.slave)
            os.close(self.master)

    def _serve(self):
        free = time.monotonic()  # when the wire to the board has carried everything
        while not self._ended.is_set():
            wait = 0.02
            if self._late:
                wait = max(0.0, min(wait, self._late[0][0] - time.monotonic()))
            backlog = bool(select.select([self.master], [], [], 0)[0])
            if backlog or select.select([self.master], [], [], wait)[0]:
                data = os.read(self.master, 256 if self.rate else 1 << 16)
                now = time.monotonic()
                if self.rate:
                    # where bytes were waiting, waking up late has not left the wire idle
                    free = (free if backlog else max(free, now)) + len(data) / self.rate
                    self.busy_s += len(data) / self.rate
                    time.sleep(max(0.0, free - time.monotonic() - 0.001))
                answer = self.board.take(self.to_board(data))
                if answer and not self.silent:
                    self._late.append((time.monotonic() + self.delay, self.to_host(answer)))
            while self._late and self._late[0][0] <= time.monotonic():
                os.write(self.master, self._late.pop(0)[1])


def small_program(model, design=SMALL):
    """A RandomModel compiled for a design, by way of a model file."""
    import tempfile
    from pathlib import Path

    from volley.firmware import modelfile
    from volley.firmware.compiler.program import compile_model

    with tempfile.TemporaryDirectory() as folder:
        loaded = modelfile.load(model.save(Path(folder) / "model.safetensors"))
    return compile_model(loaded, design), loaded
