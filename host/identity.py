"""What a board says of itself, and how it differs from what a program was compiled for."""

from __future__ import annotations

import dataclasses
import struct

from volley.firmware import frames
from volley.firmware.design import Design
from volley.firmware.fields import unpack
from volley.firmware.registers import (
    BOARD_NAME_BYTES,
    DESIGN_REGISTERS,
    IDENTITY_WORDS,
    MAGIC,
    OPTIONS,
    Register,
)
from volley.host.errors import DeviceError


@dataclasses.dataclass(frozen=True)
class Identity:
    """board: name. clock_hz: of the accelerator. design: build parameters."""

    board: str
    clock_hz: int
    design: Design


def parse(words: tuple[int, ...], port: str) -> Identity:
    """The identity in the ``IDENTITY_WORDS`` words from register MAGIC on.

    Raises ``DeviceError`` for a device that is no Volley board or that another version made.
    """
    if len(words) != IDENTITY_WORDS:
        raise DeviceError(f"{port}: identity of {len(words)} words, {IDENTITY_WORDS} are expected")
    if words[Register.MAGIC] != MAGIC:
        raise DeviceError(
            f"{port}: no Volley board: its magic is {words[Register.MAGIC]:#010x}, "
            f"a Volley board has {MAGIC:#010x}"
        )
    if words[Register.VERSION] != frames.VERSION:
        raise DeviceError(
            f"{port}: the board speaks version {words[Register.VERSION]}, this driver "
            f"{frames.VERSION}; build the bitstream and use the driver of one release"
        )
    name = struct.pack(f"<{BOARD_NAME_BYTES // 4}I", *words[Register.BOARD :])
    try:
        parameters = {key: words[register] for key, register in DESIGN_REGISTERS.items()}
        design = Design(**parameters, **unpack(OPTIONS, [words[Register.PACK]]))
    except ValueError as error:
        raise DeviceError(f"{port}: the board's design is impossible: {error}") from None
    if not words[Register.CLOCK_HZ]:
        raise DeviceError(
            f"{port}: the board says that its clock has 0 Hz, a clock is wanted; build the bitstream again"
        )
    said = struct.pack("<2I", words[Register.HASH_LOW], words[Register.HASH_HIGH])
    if said != design.hash():
        raise DeviceError(
            f"{port}: the board's design is {said.hex()}, a build of the same parameters by this "
            f"version of Volley is {design.hash().hex()}: the bitstream is of another version; "
            "build it again"
        )
    return Identity(name.rstrip(b"\0").decode("ascii", "replace"), words[Register.CLOCK_HZ], design)


def check_design(program, identity: Identity) -> None:
    """Raises ``DeviceError`` that names both designs where a program is for another one."""
    if program.design.hash() == identity.design.hash():
        return
    differ = [
        f"{key} is {theirs} in the program, {ours} on the board"
        for (key, theirs), ours in zip(
            program.design.parameters().items(), identity.design.parameters().values()
        )
        if theirs != ours
    ]
    raise DeviceError(
        f"program {program.name!r} was compiled for design {program.design.hash().hex()}, the "
        f"board {identity.board!r} is design {identity.design.hash().hex()}: {', '.join(differ)}; "
        "compile the model for this board, or give the model file itself"
    )
