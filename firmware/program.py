"""Programs: what the compiler writes and the host loads.

A file is the 7-byte signature, a byte with the format's version, three little-endian u32 (length of the JSON text, number of section
words, CRC-32 of all that follows), the JSON text and the section words. The JSON text carries the
design it was compiled for and everything that the host must know of the model to run it.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from pathlib import Path

import numpy as np

from volley.firmware import json_text, program_check
from volley.firmware.design import Design
from volley.firmware.files import write_whole
from volley.firmware.inputs import Input
from volley.firmware.spike_map import MapPlace
from volley.firmware.stream import Segment
from volley.firmware.texts import shown

SIGNATURE = b"VOLLEY\x00"
VERSION = 3
MAGIC = SIGNATURE + bytes([VERSION])


class ProgramFileError(ValueError):
    """A file that is no program, or a damaged one; the text says why."""


@dataclasses.dataclass
class LayerPlace:
    """Where one layer's output lies when it has been computed, and what it should cost.

    name, kind, readout, pool: as in the model file.
    shape: (channels, height, width) of the output, after pooling; a readout's is (outputs, 1, 1).
    neurons: neurons that fire (before pooling), 0 for a readout.
    map: where the output map lies in the spike banks, None for a readout, whose scores start at
        register SCORES; its ring_rows are fewer than the height where it is a ring.
    bound: cycles that the array needs at least.
    """

    name: str
    kind: str
    readout: bool
    pool: int
    shape: tuple[int, int, int]
    neurons: int
    map: MapPlace | None
    bound: int

    @property
    def spikes(self) -> MapPlace:
        """The output map of a layer that fires; raises ``ValueError`` for a readout."""
        if self.map is None:
            raise ValueError(f"layer {self.name} is the readout: it has scores, no spike map")
        return self.map


@dataclasses.dataclass
class Program:
    """A compiled model.

    name, classes, ticks, fraction_bits, reset: of the model.
    design: the build that it runs on.
    input: what goes in, and what of it is uploaded.
    registers: {register number: value} that the host sets after loading.
    entries: program word address where a run starts, for each input buffer (one or two).
    layers: one LayerPlace per layer.
    sections: (address, uint32 array) pairs to write; addresses are those of registers.py.
    segments: empty, or what the host does for each picture (see stream.py); entries is then of no
        use. streamed: (address, uint32 array) pairs that the segments name by number.
    report: the compiler's report, a JSON object.
    votes: outputs of a class. counts_votes: the last layer is a readout that counts them.
    """

    name: str
    classes: list[str]
    ticks: int
    fraction_bits: int
    reset: str
    design: Design
    input: Input
    registers: dict[int, int]
    entries: list[int]
    layers: list[LayerPlace]
    sections: list[tuple[int, np.ndarray]]
    report: dict
    streamed: list[tuple[int, np.ndarray]] = dataclasses.field(default_factory=list)
    segments: list[Segment] = dataclasses.field(default_factory=list)
    votes: int = 1
    counts_votes: bool = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the array that goes in: (channels, height, width), of spikes ticks first."""
        return self.input.shape

    def to_bytes(self) -> bytes:
        """The file's content."""
        text = json.dumps(
            {
                "name": self.name,
                "classes": self.classes,
                "ticks": self.ticks,
                "fraction_bits": self.fraction_bits,
                "reset": self.reset,
                "design": dataclasses.asdict(self.design),
                "design_hash": self.design.hash().hex(),
                "input": dataclasses.asdict(self.input),
                "votes": self.votes,
                "counts_votes": self.counts_votes,
                "registers": {str(number): value for number, value in self.registers.items()},
                "entries": self.entries,
                "layers": [dataclasses.asdict(layer) for layer in self.layers],
                "sections": [[address, len(words)] for address, words in self.sections],
                "streamed": [[address, len(words)] for address, words in self.streamed],
                "segments": [segment.as_json() for segment in self.segments],
                "report": self.report,
            }
        ).encode()
        words = [np.asarray(words, dtype="<u4") for _, words in self.sections + self.streamed]
        payload = np.concatenate(words).tobytes() if words else b""
        body = struct.pack("<II", len(text), len(payload) // 4) + text + payload
        return MAGIC + struct.pack("<I", zlib.crc32(body)) + body

    def save(self, path) -> None:
        """Writes the file, whole or not at all."""
        write_whole(path, self.to_bytes())


@dataclasses.dataclass
class _Header:
    """The JSON text of a file; sections: (address, words)."""

    name: str
    classes: list[str]
    ticks: int
    fraction_bits: int
    reset: str
    design: Design
    design_hash: str
    input: Input
    registers: dict[int, int]
    entries: list[int]
    layers: list[LayerPlace]
    sections: list[tuple[int, int]]
    streamed: list[tuple[int, int]]
    segments: list[Segment]
    report: dict
    votes: int
    counts_votes: bool

    def program(self, sections: list[tuple[int, np.ndarray]]) -> Program:
        """The program with the words of its sections, those that are streamed behind the others."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["design_hash"]
        loaded = len(self.sections)
        values |= {"sections": sections[:loaded], "streamed": sections[loaded:]}
        return Program(**values)


def from_bytes(data: bytes, name: str = "program") -> Program:
    """Reads a file's content; raises ``ProgramFileError`` that names what is wrong."""
    if data[: len(SIGNATURE)] != SIGNATURE:
        raise ProgramFileError(f"{name}: starts with {data[:7]!r}, a program with {SIGNATURE!r}")
    if len(data) < 20:
        raise ProgramFileError(f"{name}: {len(data)} bytes, a program has at least 20")
    if data[len(SIGNATURE)] != VERSION:
        raise ProgramFileError(
            f"{name}: a program of format {data[len(SIGNATURE)]}, this version of Volley reads "
            f"format {VERSION}; compile the model again"
        )
    crc, text_bytes, words = struct.unpack_from("<III", data, 8)
    if len(data) != 20 + text_bytes + 4 * words:
        raise ProgramFileError(
            f"{name}: {len(data)} bytes, its header says {20 + text_bytes + 4 * words}"
        )
    if zlib.crc32(data[12:]) != crc:
        raise ProgramFileError(f"{name}: damaged, its CRC-32 does not match")
    try:
        header = json_text.decode(_Header, json_text.parse(data[20 : 20 + text_bytes]), "program")
        if header.design.hash().hex() != header.design_hash:
            raise json_text.JsonError(
                f"compiled for design {shown(header.design_hash[:40])} by another version of Volley, the same "
                f"parameters are {header.design.hash().hex()} here; compile the model again"
            )
        payload = np.frombuffer(data, "<u4", words, 20 + text_bytes)
        sections, start = [], 0
        for address, count in header.sections + header.streamed:
            sections.append((address, payload[start : start + count]))
            start += count
        if start != words:
            raise json_text.JsonError(f"sections of {start} words together, {words} follow")
        program = header.program(sections)
        program_check.check(program)
    except json_text.JsonError as error:
        raise ProgramFileError(f"{name}: {error}") from None
    return program


def load(path) -> Program:
    """Reads a file; raises ``ProgramFileError`` or ``OSError``."""
    return from_bytes(Path(path).read_bytes(), shown(path))
