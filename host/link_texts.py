"""What a ``Link`` says when it gives up: what was tried, what gets through, what to look at."""

from __future__ import annotations


def no_identity(where: str, tries: int, damaged: int) -> str:
    """Nobody answered a request to identify; ``damaged`` frames came back meanwhile."""
    return f"{where}: no answer to {tries} requests to identify" + (
        f" ({damaged} damaged frames came back); is it a Volley board, at another baud rate?"
        if damaged
        else "; is the board powered and its bitstream loaded?"
    )


def silence(where: str, name: str, tries: int, damaged: int) -> str:
    """Nothing came for ``tries`` times the patience, during a request ``name``."""
    return (
        f"{where}: no usable answer to {name} after {tries} tries, short frames among them "
        f"({damaged} damaged frames received); check cable and power"
    )


def stuck(where: str, request, tries: int, through: list[int], damaged: int) -> str:
    """A ``Request`` does not get through; through: bytes of the longest request and answer that do."""
    up, down = through
    size = f"{len(request.wire)} bytes, answered by up to {request.answer_bytes}"
    passes = f"requests of up to {up} bytes and answers of up to {down} bytes get through"
    return (
        f"{where}: {request.command.name} of {request.count} words ({size}) does not get through in "
        f"{tries} tries, while {passes if up else 'nothing else was asked'} ({damaged} damaged frames "
        "received); check cable, hub and baud rate"
    )
