"""What a board says of itself: the constants of registers MAGIC to BOARD."""

from volley.firmware import frames, registers
from volley.firmware.fields import pack
from volley.firmware.registers import DESIGN_REGISTERS, OPTIONS, Register

CLOCK_BITS = 32


def identity_words(design, clock_hz, board):
    """The words of registers 0 .. IDENTITY_WORDS - 1.

    clock_hz: a number, or a Signal of CLOCK_BITS, which then is that word.
    board: a name of up to BOARD_NAME_BYTES ASCII characters; a longer one raises ``ValueError``.
    """
    name = board.encode("ascii")
    if len(name) > registers.BOARD_NAME_BYTES:
        raise ValueError(
            f"board name {board!r} has {len(name)} characters, "
            f"allowed are {registers.BOARD_NAME_BYTES}"
        )
    name = name.ljust(registers.BOARD_NAME_BYTES, b"\0")
    words = [0] * registers.IDENTITY_WORDS
    (options,) = pack(OPTIONS, {key: getattr(design, key) for key in OPTIONS}, 1, "design")
    values = {
        Register.MAGIC: registers.MAGIC,
        Register.VERSION: frames.VERSION,
        Register.HASH_LOW: int.from_bytes(design.hash()[:4], "little"),
        Register.HASH_HIGH: int.from_bytes(design.hash()[4:], "little"),
        Register.CLOCK_HZ: clock_hz,
        Register.PACK: options,
        **{register: getattr(design, name) for name, register in DESIGN_REGISTERS.items()},
    }
    for register, value in values.items():
        words[register] = value
    for k in range(registers.BOARD_NAME_BYTES // 4):
        words[Register.BOARD + k] = int.from_bytes(name[4 * k : 4 * k + 4], "little")
    return words
