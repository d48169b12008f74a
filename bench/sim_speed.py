"""Measures the simulated board: clock cycles a second while it idles and while it computes.

python bench/sim_speed.py [--set ci=8,co=4] [--model FILE]
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import page

from volley.firmware.design import parse_settings
from volley.fpga.errors import BuildError
from volley.fpga.flows import sim
from volley.host.errors import HostError

IDLE_CYCLES = 3_000_000


def idle(binary: Path, board) -> float:
    """Cycles a second with nothing on the wire and no program running."""
    done = subprocess.run(
        [
            *(str(binary), "--clock-hz", str(board.clock_hz)),
            *("--divisor", str(board.divisor), "--bench", str(IDLE_CYCLES)),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def computing(options, images: int) -> tuple[float, float]:
    """(cycles a second, images a second) of wall time, uploads included, on black images."""
    import numpy as np

    from volley.host import Device

    settings = parse_settings(options.set)
    with Device.open("sim", settings=settings, say=print) as device:
        program = device.load(options.model)
        picture = np.zeros(program.input_shape, np.uint8)
        start = time.monotonic()
        cycles = sum(device.infer(picture).cycles for _ in range(images))
        seconds = time.monotonic() - start
    return cycles / seconds, images / seconds


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = page.parser("sim_speed.py", __doc__)
    parser.add_argument("--model", help="measure runs of this model too")
    parser.add_argument("--images", type=int, default=5, help="runs to measure")
    parser.add_argument("--set", default="", metavar="ci=8,co=4")
    options = parser.parse_args(arguments)
    try:
        board = sim.simulated(sim.WIRE, parse_settings(options.set))
        binary = sim.build(board)
    except (ValueError, BuildError) as error:
        return page.failed("sim_speed.py", error)
    print(f"{board.design.pes} PE, idle: {idle(binary, board):,.0f} cycles/s")
    if options.model:
        try:
            cycles, images = computing(options, options.images)
        except (HostError, ValueError, OSError) as error:
            return page.failed("sim_speed.py", error)
        print(
            f"{board.design.pes} PE, {options.model}: {cycles:,.0f} cycles/s, {images:.2f} images/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
