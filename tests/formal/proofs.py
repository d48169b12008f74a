"""What is proven of which block, and a fault in each that its proof must find."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from myhdl import Signal

from tests.formal.prover import Model, resolve, verilog_of
from volley.firmware.fields import WORD_BITS
from volley.rtl.link.bus import Bus
from volley.rtl.link.bus_arbiter import bus_arbiter
from volley.rtl.link.cobs import FrameEnd, cobs_decode, cobs_encode
from volley.rtl.link.executor import executor
from volley.rtl.link.frame_rx import FrameEvents, frame_rx
from volley.rtl.link.pcie.async_fifo import async_fifo
from volley.rtl.link.pcie.beats import RX_BITS
from volley.rtl.link.pcie.packet_ring import packet_ring
from volley.rtl.link.stream import BYTE_BITS, Stream
from volley.rtl.link.uart import DIVISOR_BITS

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Proof:
    """Properties of a block that ``make``, a function, gives; the checker is FOLDER / name.sv.

    depth: cycles of the induction, or, ``from_any_state``, of the run from any state of the registers
    to a cycle in which all assertions hold. claims: in words. faults: (text of the Verilog, what
    replaces it): each makes the proof fail. many_clocks: the block has more than one.
    """

    name: str
    make: Callable
    depth: int
    claims: tuple[str, ...]
    faults: tuple[tuple[str, str], ...]
    from_any_state: bool = False
    many_clocks: bool = False

    @property
    def method(self) -> str:
        """How it is proven."""
        return "from any state" if self.from_any_state else "induction"

    def verilog(self) -> str:
        """The block converted, by a process of its own: MyHDL's names follow Python's hash seed."""
        return subprocess.run(
            [sys.executable, "-m", __spec__.name, self.name], cwd=FOLDER.parent.parent, check=True,
            env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def outcomes(self, fault: tuple[str, str] | None = None):
        """The ``Outcomes`` of the proof, the first that does not hold last."""
        verilog = self.verilog()
        if fault:
            old, new = (resolve(text, verilog) for text in fault)
            if verilog.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} is there {verilog.count(old)} times")
            verilog = verilog.replace(old, new)
        checker = (FOLDER / f"{self.name}.sv").read_text()
        model = Model(verilog, checker, self.many_clocks)
        found = [model.reach(self.depth)] if self.from_any_state else [model.base(self.depth)]
        if found[0].holds and not self.from_any_state:
            found.append(model.step(self.depth))
        return found


def _bit():
    return Signal(bool(0))


def _decoder():
    return cobs_decode(_bit(), _bit(), Stream(BYTE_BITS), Stream(BYTE_BITS), FrameEnd())


def _encoder():
    return cobs_encode(_bit(), _bit(), Stream(BYTE_BITS), Stream(BYTE_BITS), _bit())


def _receiver():
    return frame_rx(_bit(), _bit(), Stream(BYTE_BITS), _bit(), Stream(WORD_BITS), FrameEvents())


def _executor():
    streams = Stream(WORD_BITS), Stream(WORD_BITS)
    return executor(_bit(), _bit(), *streams, _bit(), Bus(), Stream(DIVISOR_BITS))


def _ring():
    streams = Stream(WORD_BITS), Stream(WORD_BITS)
    return packet_ring(_bit(), _bit(), streams[0], _bit(), streams[1], _bit())


def _fifo():
    source, sink = Stream(RX_BITS), Stream(RX_BITS)
    return async_fifo(_bit(), _bit(), source, _bit(), _bit(), sink)


def _arbiter():
    return bus_arbiter(_bit(), Bus(), Bus(), Bus())


PROOFS = (
    Proof(
        "bus_arbiter",
        _arbiter,
        1,
        (
            "of two masters each access goes on once, as it is, and a read is answered to who asked",
            "who waits is passed by once at most; one run at a time",
        ),
        (
            ("(!(first_asks && last))", "1"),
            ("(first_asks || second_asks) && (!(reading && (!bus_read_valid)))", "(first_asks || second_asks)"),
            ("&& (!bus_running) && (!started)", "&& (!bus_running)"),
        ),
    ),
    Proof(
        "async_fifo",
        _fifo,
        1,
        (
            "however both clocks tick, the 32 places never overflow between resets, and what goes in leaves "
            "unchanged and in order",
            "of a counter that crosses between the clocks one bit changes at a time",
        ),
        (
            ("(taken_seen ^ 48)", "(taken_seen ^ 32)"),
            ("written_gray <= (after ^ (after >>> 1));", "written_gray <= after;"),
            ("sink_valid <= (taken_gray != written_seen);\n        if ((taken_gray != written_seen))",
             "sink_valid <= 1;\n        if (1)"),
        ),
        many_clocks=True,
    ),
    Proof(
        "packet_ring",
        _ring,
        1,
        (
            "the ring of 512 items never overflows; what goes in leaves unchanged and in order",
            "a packet that is bad or too long leaves no trace, and its end is always taken",
        ),
        (
            ("(after == tail);\n", "(after == base);\n"),
            ("if ((bad || refused || too_long))", "if ((bad || refused))"),
        ),
    ),
    Proof(
        "cobs_decode",
        _decoder,
        1,
        ("its bytes and frame ends are those of COBS, as a decoder that counts up gives them",),
        (("(stuffed_data <= 254)", "(stuffed_data <= 255)"), ("(left != 0)", "(left > 1)")),
    ),
    Proof(
        "cobs_idle",
        _decoder,
        2,
        ("a zero byte leads to the idle state, from any state of the registers",),
        (("            zero_due <= 1'b0;\n            started", "            started"),),
        from_any_state=True,
    ),
    Proof(
        "cobs_encode",
        _encoder,
        1,
        ("the ring of 512 bytes never overflows, and a byte waits unchanged for the line",),
        (("(512 - 4));", "512);"),),
    ),
    Proof(
        "frame_rx",
        _receiver,
        2,
        (
            "the ring of 512 words never overflows, and keeps what was written until it is fetched",
            "a frame becomes visible if its CRC-32, byte stuffing and length are right, no byte of it was "
            "lost and there was room, and only then: whole, without its CRC",
        ),
        (
            ("(room == 1)", "(room == 0)"),
            ("hurt || (crc != 558161692)", "hurt"),
            ("(length == (payload + 3)) && ", ""),
        ),
    ),
    Proof(
        "frame_idle",
        _receiver,
        3,
        ("two cycles after a zero byte it waits for a frame, from any state of the registers",),
        (("        head <= base;\n        if ((!frame_end_empty))", "        if ((!frame_end_empty))"),),
        from_any_state=True,
    ),
    Proof(
        "executor",
        _executor,
        1,
        (
            "each request is answered once, by a whole frame with its number, before the next is taken",
            "only a request in its order that was found right reaches the bus; a WRITE writes each word "
            "once at its address, a RUN starts the program once, and never while one runs",
            "every answer has the session's number and the number to come",
        ),
        (
            ("request_seq != numbers_expected", "request_seq > numbers_expected"),
            ("(!requests_ready) && (status == 0)", "(!requests_ready)"),
            ("word[32-1:16] = bus_session;", "word[32-1:16] = 0;"),
        ),
    ),
    Proof(
        "executor_ends",
        _executor,
        6,
        ("where line and accelerator answer at once, a rank falls every four cycles: each request ends",),
        (("        if (bus_read_valid) begin", "        if (bus_read_valid && bus_read) begin"),),
    ),
)  # fmt: skip

if __name__ == "__main__":
    print(verilog_of(next(each for each in PROOFS if each.name == sys.argv[1]).make()))
