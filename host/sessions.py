"""Where infer.py's pictures are computed: on a board, or by the golden model on this CPU."""

from __future__ import annotations

from volley.firmware.compiler.throughput import throughput
from volley.firmware.program import Program
from volley.host import programs
from volley.host.device import GOLDEN, Device
from volley.host.errors import DeviceError
from volley.host.results import Result

CHUNK = 64  # pictures that the golden model takes together


class BoardSession:
    """A board with a program in it.

    source: a volley.firmware.program.Program, or a firmware.modelfile.Model that is compiled for the board.
    fuse: "none", "pairs" or "auto", for a Model. model_name, classes, ticks: of the model. layers: (name, neurons) of each, 0
    neurons for a readout. board: name. clock_hz. model: a Model, or None for a compiled program.
    throughput: images/s by the bytes on the line, None where its rate is not known. cycles: of a
    simulated PCIe board, from the first packet of ``infer_many`` to the last result, else None.
    """

    def __init__(
        self, device: Device, source, progress: bool, verify: bool = False, fuse: str = "auto"
    ):
        self.device = device
        self.model = None if isinstance(source, Program) else source
        program = programs.for_design(source, device.identity.design, fuse, device.rates)
        device.load(program, verify=verify, progress=progress)
        self.model_name, self.classes = program.name, program.classes
        self.ticks = program.ticks
        self.layers = [(layer.name, layer.neurons) for layer in program.layers]
        self.board, self.clock_hz = device.identity.board, device.identity.clock_hz
        self.cycles: int | None = None
        self.throughput = device.rates and throughput(program, *device.rates)

    def infer_many(self, pictures):
        """Yields a Result for each picture of uint8 [N, C, H, W]."""
        began = self.device.link.cycles()
        yield from self.device.infer_many(pictures)
        if began is not None:
            self.cycles = self.device.link.cycles() - began

    def maps(self, picture):
        """The map of each firing layer, uint8 [C, H, W], for one picture."""
        return [self.device.trace_map(picture, k) for k, (_, n) in enumerate(self.layers) if n]


class GoldenSession:
    """The same by the golden model: no clock, no cycles, no round trip."""

    board, clock_hz, throughput, cycles = GOLDEN, None, None, None

    def __init__(self, model):
        if isinstance(model, Program):
            raise DeviceError(
                f"{model.name} is a compiled program; --port golden computes from a model file "
                "(.safetensors)"
            )
        self.model = model
        self.model_name, self.classes, self.ticks = model.name, model.classes, model.ticks
        self.layers = [
            (layer.name, 0 if layer.readout else _neurons(layer)) for layer in model.layers
        ]

    def infer_many(self, pictures):
        """Yields a Result for each picture of uint8 [N, C, H, W]."""
        from volley.model import golden

        for start in range(0, len(pictures), CHUNK):
            found = golden.run(self.model, pictures[start : start + CHUNK], layers=False)
            for scores, label, spikes in zip(found.scores, found.labels, found.spike_counts):
                yield Result(scores, int(label), spikes.tolist())

    def maps(self, picture):
        """The map of each firing layer, uint8 [C, H, W], for one picture."""
        from volley.model import golden

        return [found[0] for found in golden.run(self.model, picture[None]).maps]


def _neurons(layer):
    channels, height, width = layer.map_shape
    return channels * height * width
