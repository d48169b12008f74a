"""Ports that name a simulated board. The one place in host that knows fpga, and only when it is used.

sim                     the board file fpga/boards/sim.toml
sim:BOARD               the design and clock of another board: its name, or the path of a board file
sim:ci=8,co=4           sim with other parameters of ``firmware.design.Design``
sim:BOARD:ci=8,co=4     both
"""

from __future__ import annotations

import typing

from volley.firmware.boards import BoardError
from volley.firmware.design import parse_settings
from volley.host.errors import TransportError

if typing.TYPE_CHECKING:
    from volley.fpga.sim_board import SimBoard

SIM = "sim"
FORMS = "sim, sim:BOARD, sim:ci=8,co=4 or sim:BOARD:ci=8,co=4"


def is_simulated(port: str) -> bool:
    """Whether a port names a simulated board."""
    return port == SIM or port.startswith(SIM + ":")


def split(port: str) -> tuple[str, dict[str, int]]:
    """The board and the design parameters of a simulated port.

    Raises ``TransportError`` that names a bad parameter and those that there are.
    """
    board, _, last = port.partition(":")[2].rpartition(":")
    if "=" not in last or last.endswith(".toml"):
        board, last = f"{board}:{last}" if board else last, ""
    try:
        return board or SIM, parse_settings(last, f"--port {port}")
    except ValueError as error:
        raise TransportError(f"{error}; allowed: {FORMS}") from None


def start(port: str, settings: dict[str, int] | None = None, say=None) -> SimBoard:
    """Builds the simulated board that a port names, if needed, and starts it.

    settings: {parameter: value} beyond those in ``port``. say(text) is called for each step of a
    build. Raises ``TransportError``.
    """
    from volley.fpga import sim_board

    board, parameters = split(port)
    try:
        return sim_board.start(board, {**parameters, **(settings or {})}, say)
    except (sim_board.SimBoardError, BoardError) as error:
        raise TransportError(f"--port {port}: {error}") from None
