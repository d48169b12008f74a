"""The parameters of one build of the accelerator, and the hash that names it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math

from volley.firmware import frames, isa, registers
from volley.firmware.fields import Field
from volley.firmware.registers import OPTIONS
from volley.firmware.texts import short


@dataclasses.dataclass(frozen=True)
class Design:
    """Build parameters. All but ``pcie`` and ``gate`` are part of the hash: a program runs on the design it
    was made for.

    ci: input channels per word, a power of two from 4 to 64.
    co: output channels in parallel, a power of two from 1 to ci.
    spike_words: words of 8 * ci bits in each of the three spike banks.
    weight_words: words of ci * co bits in each of the nine weight banks.
    param_words: words of co neurons' bias, threshold and v_init.
    program_words: 32-bit words of program memory.
    layers: descriptors, and counters of cycles and spikes.
    row_max: pixels of the longest row of a convolution.
    scores: outputs of a readout.
    lut: inputs of the part's LUTs, 4 or 6: the array is built from what they do best.
    pack: 1: models of 4, 2 or 1 ticks put several pixels into the eight lanes; 0: one.
    pair: 1: such models read a picture two pixels at a time, in a design with pack and without gate; 0: one.
    leak: 1: neurons may leak; 0: they integrate alone.
    odd: 1: maps of odd width may be pooled; 0: of even width only.
    short: 1: a neuron takes one clock cycle a tick, with half the registers and a longer path between them,
        without pack and leak; 0: two.
    reach: 1: what crosses the device (addresses, words that are written, spikes to be pooled) has a register
        more on its way, for faster clocks on a large device; 0: none. A run's writes take effect later.
    share: 1: an output channel and the one CO / 2 above it share what follows their psums (currents, neuron,
        membranes, parameters), without gate: the second's row waits in its psums for the next input group, or
        for cycles of its own where there is none; 0: each has its own.
    transposed: 1: a column of the window is counted once, when it comes, for all three pixels under whose kernel it
        is, without pack and gate: a third of the wires from window to array; 0: a pixel's nine taps together.
    pcie: 1: there is a PCIe endpoint beside the UART; 0: there is none. Programs are the same.
    gate: 1: registers and memories of the array take and read only what is used, for clock gates of an ASIC;
        0: in every cycle, as FPGAs route best. Cycles and programs are the same.

    Raises ``ValueError`` that quotes the value and says what is allowed.
    """

    ci: int = 32
    co: int = 1
    spike_words: int = 1024
    weight_words: int = 2048
    param_words: int = 512
    program_words: int = 256
    layers: int = 32
    row_max: int = 32
    scores: int = 128
    lut: int = 6
    pack: int = 0
    leak: int = 0
    odd: int = 0
    short: int = 0
    reach: int = 0
    pair: int = 0
    share: int = 0
    transposed: int = 0
    pcie: int = dataclasses.field(default=0, compare=False)
    gate: int = dataclasses.field(default=0, compare=False)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{field.name} is {short(value)}, a whole number is wanted")
        self._power("ci", 4, 64)
        self._power("co", 1, self.ci)
        self._within("spike_words", 16, 1 << 20)
        self._within("weight_words", 16, 1 << 20)
        self._within("param_words", 4, 1 << 20)
        self._within("program_words", 16, 1 << 16)
        self._within("layers", 1, registers.LAYERS_MAX)
        self._power("row_max", 4, 1024)
        self._within("scores", 4, registers.SCORES_MAX)
        flags = [(key, (0, 1)) for key in (*OPTIONS, "pcie", "gate")]
        for name, allowed in (("lut", (4, 6)), *flags):
            if getattr(self, name) not in allowed:
                choice = " or ".join(map(str, allowed))
                raise ValueError(f"{name} is {short(getattr(self, name))}, allowed is {choice}")
        if self.short and (self.pack or self.leak):
            other = "pack" if self.pack else "leak"
            raise ValueError(f"short is 1, allowed is 0 with {other}=1: leave one of them out")
        if self.pair and (self.gate or not self.pack):
            other = "gate=1" if self.gate else "pack=0"
            raise ValueError(f"pair is 1, allowed is 0 with {other}: leave pair out")
        if self.share and (self.gate or self.co == 1):
            other = "gate=1" if self.gate else "co=1"
            raise ValueError(f"share is 1, allowed is 0 with {other}: set share=0 too")

        if self.transposed and (self.gate or self.pack):
            other = "gate=1" if self.gate else "pack=1"
            raise ValueError(f"transposed is 1, allowed is 0 with {other}: leave one of them out")

    def _power(self, name, low, high):
        value = getattr(self, name)
        if not low <= value <= high or value & (value - 1):
            raise ValueError(
                f"{name} is {short(value)}, allowed is a power of two from {low} to {high}"
            )

    def _within(self, name, low, high):
        value = getattr(self, name)
        if not low <= value <= high:
            raise ValueError(f"{name} is {short(value)}, allowed is {low}..{high}")

    @property
    def pes(self) -> int:
        """Processing elements: 8 lanes x 9 taps x CI x CO."""
        return isa.LANES * isa.TAPS * self.ci * self.co

    @property
    def neurons(self) -> int:
        """Output channels that have neurons of their own, in parallel."""
        return self.co >> self.share

    @property
    def neuron_words(self) -> int:
        """Words of the parameters of ``neurons`` neurons."""
        return self.param_words << self.share

    @property
    def descriptor(self) -> dict[str, Field]:
        """The fields of ``isa.DESCRIPTOR`` that this design has."""
        gone = [
            name for key, names in isa.OPTIONAL.items() if not getattr(self, key) for name in names
        ]
        return {name: field for name, field in isa.DESCRIPTOR.items() if name not in gone}

    @property
    def spike_columns(self) -> int:
        """32-bit columns of a spike word, as the bus reads it."""
        return self.ci * 8 // 32

    @property
    def weight_columns(self) -> int:
        """32-bit columns of a weight word, as the bus writes it."""
        return max(1, self.ci * self.co // 32)

    def word_bytes(self) -> dict[str, float]:
        """Bytes of one word of each memory, all its banks together, by the depth's parameter."""
        return {
            "spike_words": isa.BANKS * isa.LANES * self.ci / 8,
            "weight_words": isa.TAPS * self.ci * self.co / 8,
            "param_words": self.co * sum(isa.PARAM_BITS.values()) / 8,
            "program_words": 4,
            "layers": 4 * isa.DESCRIPTOR_WORDS,
        }

    def bytes_on_chip(self) -> dict[str, int]:
        """Capacity of each memory in bytes."""
        sizes = self.word_bytes()
        names = {
            "spikes": "spike_words",
            "weights": "weight_words",
            "params": "param_words",
            "program": "program_words",
            "descriptors": "layers",
        }
        return {name: math.ceil(getattr(self, key) * sizes[key]) for name, key in names.items()}

    def parameters(self) -> dict[str, int]:
        """Name and value of what a program depends on."""
        fields = dataclasses.fields(self)
        return {field.name: getattr(self, field.name) for field in fields if field.compare}

    def hash(self) -> bytes:
        """8 bytes that name these parameters and the contract (instructions, registers, frames).

        A part of the contract that the design does not have is not in it.
        """
        contract = {
            "design": {k: n for k, n in self.parameters().items() if n or k not in isa.OPTIONAL},
            "opcodes": {code.name: int(code) for code in isa.Opcode},
            "instruction": isa.INSTRUCTION,
            "descriptor": self.descriptor,
            "regions": {region.name: int(region) for region in registers.Region},
            "registers": {register.name: int(register) for register in registers.Register},
            "commands": {command.name: int(command) for command in frames.Command},
            "version": frames.VERSION,
        }
        return hashlib.sha256(json.dumps(contract, sort_keys=True).encode()).digest()[:8]


def parse_settings(text: str, source: str = "--set") -> dict[str, int]:
    """``"ci=8,co=4"`` as a dictionary; source: the option that it stands in, for messages.

    Raises ``ValueError`` that lists the known names.
    """
    known = [field.name for field in dataclasses.fields(Design)]
    settings = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in known:
            raise ValueError(f"{source}: no parameter {short(name)}; there are {', '.join(known)}")
        if name in settings:
            raise ValueError(f"{source}: {name} is there twice; allowed: once")
        try:
            settings[name] = int(value, 0)
        except ValueError:
            raise ValueError(
                f"{source}: {name} is {short(value)}, a whole number is wanted"
            ) from None
    return settings
