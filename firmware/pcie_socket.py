"""The socket of a simulated PCIe board: packets (TLPs) between a driver and the model of the hardware.

A stream socket. Each direction is a sequence of messages: a head of 32 bits, little endian, with the
fields of HEAD, and ``length`` bytes.

======== ======================== ======================================================
kind     driver to board          board to driver
======== ======================== ======================================================
TLP      a request                a completion
COUNTERS length 0                 COUNTERS, 64 bits each, little endian, as they are now
RESET    length 0                 length 0: the link was reset; what was on its way is lost
======== ======================== ======================================================

A packet is its bytes as they are on the wire, from the header on: double words of headers with the highest
byte first, payload in the order of memory. No sequence number, no LCRC, no digest that TD does not
announce. LONGEST bytes at most. Every request counts as a hit of BAR0; of its address the bits of
BAR_BYTES matter. The device has the ID COMPLETER.

**Time.** The driver takes no simulated time: the board's clock stands while the driver thinks. It runs

- while a request that gets a completion has not got it, and the completion has not arrived;
- while more than QUEUE_BYTES of packets wait, so that they get less;
- while something moves on the board's UART.

So the cycles of a session follow from its packets alone. Writes wait for the next read, or for enough of
them, and nothing is lost: a read waits behind writes anyway.

**Pace**, the model of a link of Gen2 x1, per direction:

- LINK_BYTES_PER_S bytes (5 GT/s, 8b/10b);
- a packet takes its bytes and FRAME_BYTES more: start, sequence number, LCRC, end;
- a packet takes FLOW_BYTES of the other direction: its acknowledgement and the update of the credits,
  8 bytes each. A real link may combine several, so this is the dear case;
- from the end of a packet on the wire to its first beat at the user's side of the hard block, and
  the other way round, DELAY_NS pass: both ends' hard blocks and the root port. An estimate.

Credits are never short: the receiver of the hard block holds what the engine has not taken.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from volley.firmware.fields import Field, pack, unpack

LINK_BYTES_PER_S = 500_000_000
FRAME_BYTES = 8
FLOW_BYTES = 16
DELAY_NS = 400

LONGEST = 4 * (4 + 1024 + 1)  # header, payload, digest
QUEUE_BYTES = 1 << 20
COMPLETER = 0x0100  # bus 1, device 0, function 0

HEAD = {"length": Field(0, 0, 24), "kind": Field(0, 24, 8)}
HEAD_BYTES = 4


class Kind(IntEnum):
    """What a message is."""

    TLP = 0
    COUNTERS = 1
    RESET = 2


COUNTERS = ("cycles", "tlps_down", "bytes_down", "tlps_up", "bytes_up")
"""cycles: of the board's clock since it was switched on. tlps, bytes: of packets that have passed to the
board (down) and from it, the bytes as the link counts them: with FRAME_BYTES and FLOW_BYTES."""

COUNTERS_STRUCT = struct.Struct(f"<{len(COUNTERS)}Q")


def message(kind: Kind, data: bytes = b"") -> bytes:
    """A message with its head; raises ``ValueError`` for more than LONGEST bytes."""
    if len(data) > LONGEST:
        raise ValueError(f"a message of {len(data)} bytes, allowed are {LONGEST}")
    (head,) = pack(HEAD, {"length": len(data), "kind": int(kind)}, 1, "head")
    return head.to_bytes(HEAD_BYTES, "little") + data


def split_head(head: bytes) -> tuple[Kind, int]:
    """(kind, length) of a head; raises ``ValueError`` for a kind that there is not."""
    fields = unpack(HEAD, [int.from_bytes(head, "little")])
    return Kind(fields["kind"]), fields["length"]


def harness_options(clock_hz: int) -> list[str]:
    """The options that tell the model to the simulated board (fpga/sim/)."""
    return [
        "--pcie-rate", str(LINK_BYTES_PER_S), "--pcie-frame", str(FRAME_BYTES),
        "--pcie-flow", str(FLOW_BYTES), "--pcie-delay", str(round(DELAY_NS * clock_hz / 1e9)),
        "--pcie-queue", str(QUEUE_BYTES), "--pcie-completer", str(COMPLETER),
    ]  # fmt: skip
