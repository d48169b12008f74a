"""Measures how much of a UART's line rate carries pictures while they stream, in simulated cycles.

python bench/line_share.py [--boards arty ulx3s] [--baud 3000000] [--model FILE]

Two sessions with a simulated board of each design, one with more pictures; the simulator tells its clock
cycles at the end, so the difference is that of the pictures between. Busy: cycles in which the line to the
board carries a bit. Pictures: those of the pictures' own bytes. Time stands when the line is idle and no
program runs, after a pause of 20,000 cycles: so much may one session differ from another, divided by the
pictures between, and so much can a busy host hide.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import page

from volley.firmware import boards, frames
from volley.firmware.compiler.throughput import throughput
from volley.firmware.frames import BITS_PER_BYTE
from volley.firmware.lines import UartLine
from volley.fpga.errors import BuildError
from volley.fpga.flows import sim
from volley.fpga.sim_board import SimBoard
from volley.host import Device
from volley.host.errors import HostError

HEADS = ["board", "baud", "bytes a picture", "cycles a picture", "busy", "pictures", "images/s", "by the model"]  # fmt: skip
PATIENCE_S = 900.0  # a busy machine simulates few cycles a second


class Session(NamedTuple):
    """What a session took: cycles of the board, bytes sent and received."""

    cycles: int
    sent: int
    received: int


def session(binary, board, baud, model, count) -> tuple[Session, object]:
    """A session that computes ``count`` pictures; also the program."""
    with SimBoard(binary, board, stats=True) as running:
        with Device.open(running.port, board.baud, PATIENCE_S) as device:
            program = device.load(model)  # at the simulated wire's own speed, which is the fastest
            device.line_rate.set_baud(baud)
            pictures = page.example_pictures(program, count)
            before = dict(device.link.counts)
            found = sum(1 for _ in device.infer_many(pictures))
            sent, received = (device.link.counts[k] - before[k] for k in ("sent", "received"))
            assert found == count and device.link.counts["again"] == before["again"]
        words = running.process.communicate(timeout=PATIENCE_S)[1].split()
    return Session(int(words[1]), sent, received), program


def measure(name, baud, model, few, many):
    """A row of the table."""
    board = sim.simulated(name)
    baud = baud or boards.load(name).line_baud
    baud = frames.fastest_baud(board.clock_hz, baud)
    binary = sim.build(board, lambda text: print(text, file=sys.stderr))
    (one, program), (two, _) = (session(binary, board, baud, model, n) for n in (few, many))
    count = many - few
    cycles = (two.cycles - one.cycles) / count
    sent = (two.sent - one.sent) / count
    channels, height, width = program.input_shape
    byte = BITS_PER_BYTE * board.clock_hz / baud  # in cycles
    by_model = throughput(program, board.clock_hz, UartLine(baud)).end_to_end
    return [
        name, baud, f"{sent:.1f}", f"{cycles:.0f}", f"{sent * byte / cycles:.1%}",
        f"{channels * height * width * byte / cycles:.1%}", f"{board.clock_hz / cycles:.1f}",
        f"{by_model:.1f}",
    ]  # fmt: skip


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = page.parser("line_share.py", __doc__, page=True)
    parser.add_argument("--boards", nargs="+", default=["arty"], choices=boards.names(), metavar="NAME",
                        help="whose designs, clocks and line rates are simulated (arty)")  # fmt: skip
    parser.add_argument("--baud", type=int, help="another line rate")
    parser.add_argument("--model", default=page.SHIPPED, metavar="FILE", help="model file")
    parser.add_argument("--counts", type=int, nargs=2, default=(4, 12), metavar="N",
                        help="pictures of the two sessions (4 12)")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        rows = [
            measure(name, options.baud, options.model, *options.counts) for name in options.boards
        ]
    except (HostError, BuildError, ValueError, OSError) as error:
        return page.failed("line_share.py", error)
    lines = page.table(HEADS, rows)
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "Share of the line", "line_share.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
