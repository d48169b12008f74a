"""Measures images/s end to end over PCIe on simulated boards, in cycles of their clocks.

python bench/pcie_rate.py [--boards acorn litefury] [--models NAME ...] [--count N]

Two streams of pictures, one longer: the cycles between first packet and last result, which the simulated
board counts while its line is paced as Gen2 x1 (firmware/pcie_socket.py), give those of a picture. Every
score is compared with the golden model's. By the model: firmware/compiler/throughput.py, with the time of a
load as this board takes it, and as a real host is said to (READ_S of firmware/lines.py).
"""

from __future__ import annotations

import sys

import numpy as np
import page

from volley.firmware import boards, modelfile
from volley.firmware.boards import BoardError
from volley.firmware.compiler.throughput import rate_text, throughput
from volley.firmware.lines import READ_S, PcieLine
from volley.host import Device
from volley.host.errors import HostError
from volley.model import golden
from volley.model.data import datasets

HEADS = [
    "model, board", "cycles, core", "end to end", "images/s, core", "end to end", "of the core",
    "by the model", "with loads of a real host", "UART", "a load, ns",
]  # fmt: skip
FEW = 3
ERRORS = (HostError, BoardError, ValueError, OSError)


def cycles_of(device, pictures, wanted):
    """(cycles from the first packet to the last result, results); ValueError unless they are golden's."""
    before = device.link.cycles()
    if before is None:
        raise ValueError("this simulated board has no PCIe endpoint: its design has pcie = 0")
    results = list(device.infer_many(pictures))
    for index, result in enumerate(results):
        if not np.array_equal(result.scores, wanted[index]):
            raise ValueError(f"picture {index}: not the golden model's scores")
    return device.link.cycles() - before, results


def measure(name, path, pictures):
    """A row of the table; path: of the model file."""
    board = boards.load(name)
    wanted = golden.run(modelfile.load(path), pictures, layers=False).scores
    with Device.open(f"sim:{name}", say=lambda text: print(text, file=sys.stderr)) as device:
        program = device.load(path)
        few, _ = cycles_of(device, pictures[:FEW], wanted)
        many, results = cycles_of(device, pictures, wanted)
        before = device.link.cycles()
        device.link.bar.load_block(0, 2)
        load = (device.link.cycles() - before) / board.clock_hz
    counted = (many - few) / (len(pictures) - FEW)
    core = max(result.cycles for result in results)
    rates = [
        throughput(program, board.clock_hz, line)
        for line in (PcieLine(read_s=load), PcieLine(read_s=READ_S), board.line_baud)
    ]
    by_model, real, uart = (rate_text(found.end_to_end) for found in rates)
    return [
        f"{path.stem} on {name}", core, f"{counted:.0f}", rate_text(board.clock_hz / core),
        rate_text(board.clock_hz / counted), f"{core / counted:.1%}", by_model, real, uart,
        f"{1e9 * load:.0f}",
    ]  # fmt: skip


def main(arguments=None) -> int:
    """The command line; returns the exit code."""
    parser = page.parser("pcie_rate.py", __doc__, page=True)
    with_pcie = [name for name in boards.names() if boards.load(name).has_pcie]
    parser.add_argument("--boards", nargs="+", default=with_pcie, choices=boards.names(), metavar="NAME",
                        help=f"({' '.join(with_pcie)})")  # fmt: skip
    shipped = page.shipped()
    parser.add_argument("--models", nargs="+", default=shipped, choices=shipped, metavar="NAME",
                        help=f"of model/pretrained ({' '.join(shipped)})")  # fmt: skip
    parser.add_argument("--count", type=int, default=8, help="pictures of the longer stream (8)")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of the data sets")
    options = parser.parse_args(arguments)
    if options.count <= FEW:
        return page.failed("pcie_rate.py", f"--count {options.count}: more than {FEW} are needed")
    rows = []
    try:
        for name in options.boards:
            for chosen in options.models:
                path = page.PRETRAINED / f"{chosen}.safetensors"
                pictures, _ = datasets.load(chosen.partition("-")[0], "test", options.data_dir)
                rows.append(measure(name, path, pictures[: options.count]))
                print("\n".join(page.table(HEADS, rows[-1:])), file=sys.stderr)
    except ERRORS as error:
        return page.failed("pcie_rate.py", error)
    lines = page.table(HEADS, rows)
    print("\n".join(lines))
    if options.write:
        page.write(options.write, "PCIe, end to end", "pcie_rate.py", arguments, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
