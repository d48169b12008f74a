"""docs/fusion.md: how layers are fused, and what that brings on the boards."""

from __future__ import annotations

from volley.firmware import boards
from volley.firmware.compiler import compare
from volley.firmware.network_text import network

CIFAR10 = "64C3-64C3-P2-128C3-128C3-P2-256C3-256C3-P2-10"
DEEP = "64C3-64C3-64C3-64C3-P2-64C3-P2-10"
BOARDS: tuple[tuple[str, dict[str, int]], ...] = (
    ("ulx3s", {}),
    ("arty100", {}),
    ("tangnano20k", {}),
    ("arty100", {"spike_words": 512}),
    ("arty100", {"spike_words": 512, "weight_words": 256}),
)
DEEP_BOARDS: tuple[tuple[str, dict[str, int]], ...] = (("arty100", {"spike_words": 440}),)

TEXT = """# Fusion

A program is a list of row instructions, so layers are fused by their order: the compiler
interleaves the rows of consecutive layers (`firmware/compiler/row_schedule.py`), and the maps between them become
rings of a few rows. A ring has a multiple of three rows, because row y of a map lies in bank y mod 3;
a 3x3 layer needs three rows, a pooled one six. Larger rings take fewer and longer instructions; each
costs the array its drain. Rings grow until that is at most 1 % of a chain's cycles, to half of the
map or to the end of the memory.

`firmware/compiler/fusion.py` chooses the chains: the fewest bytes over the link first, then room for a
second input buffer (`firmware/compiler/plan.py`), then the fewest cycles. `--fuse none`, `pairs` or `auto`
forces it, for `python -m firmware.compile` and `host/infer.py`.

What does not fit even so comes from the host, in the segments of `firmware/stream.py`:

- **Weights** (`firmware/compiler/residency.py`). As many layers as possible stay on the chip. The others are
  loaded for every picture, at both ends of the memory in turn: the next layer's weights come while
  one is computed. A layer whose weights are too many comes in parts of its output channels.
- **The picture** in strips of rows, where its map is too large.
- **Maps**, the last resort: the host reads rows from a ring behind a chain, and writes them into a
  ring before the next.

Registers IMAGE_WORDS, MODEL_WORDS, SPIKES_WRITTEN and SPIKES_READ count what was moved; tests hold
them to the report, and the report's cycles to the hardware's.

## The CIFAR-10 network

{network}, T = 8. Bytes on the chip by kind; bytes over the link for each picture, without frames
and results; what is loaded with the weights, neuron parameters, descriptors and instructions, counts
as weights. Runs of the program and clock cycles for a picture. Images/s of the core alone, of the
link alone at the board's line rate with all bytes of all frames, and of both together
(`firmware/compiler/throughput.py`).

"""


def page() -> str:
    """The page."""
    text = TEXT.format(network=CIFAR10) + tables(network(CIFAR10, (3, 32, 32)), BOARDS)
    text += f"## A network whose maps stay large\n\n{DEEP}: longer chains need less than pairs.\n\n"
    return (text + tables(network(DEEP, (3, 32, 32)), DEEP_BOARDS)).rstrip() + "\n"


def tables(model, targets) -> str:
    """A heading and a table for each (board, settings)."""
    text = ""
    for name, settings in targets:
        board = boards.load(name, settings)
        changed = "".join(f", {key} = {value}" for key, value in settings.items())
        design = board.design
        text += (
            f"### {name}{changed}\n\n"
            f"CI = {design.ci}, CO = {design.co}, {board.clock_hz / 1e6:g} MHz, {board.rates.line.text}, "
            f"{design.bytes_on_chip()['spikes']} bytes for spikes, "
            f"{design.bytes_on_chip()['weights']} for weights.\n\n"
        )
        text += compare.markdown(compare.compare(model, board)) + "\n"
    return text
