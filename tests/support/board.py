"""A simulated board for tests, built and started once a session."""

from tests.support.tools import need
from volley.firmware.registers import Register
from volley.host.device import Device

SMALL = {
    "ci": 8, "co": 2, "spike_words": 2048, "weight_words": 1024, "param_words": 256, "row_max": 32,
    "lut": 4, "pack": 1, "pair": 1, "leak": 1, "odd": 1,
}  # fmt: skip
"""Design parameters of a board that builds fast and holds the random models."""


def open_board(settings=None, port="sim"):
    """A ``Device`` on a simulated board (``sim:BOARD``: another's parameters); ``tools.need`` first."""
    need("verilator")
    return Device.open(port, settings=settings)


def words_moved(board):
    """The registers that count the words which the host moves."""
    names = ("IMAGE_WORDS", "MODEL_WORDS", "SPIKES_WRITTEN", "SPIKES_READ")
    return {name: board.read_register(Register[name]) for name in names}
