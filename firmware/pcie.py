"""BAR0 of a PCIe board: how the host reaches the words of registers.py.

The BAR has BAR_BYTES bytes. A place is a 32-bit word of it: byte offset / 4.

================ ====================== =====================================================
places           name                   what they are
================ ====================== =====================================================
0 ..             REGISTERS_PLACE        the region REGISTERS, from MAGIC on
CONTROL_PLACE .. ``Control``            control words of the link
WINDOW_PLACE ..  WINDOW_WORDS words     the words from address PAGE * WINDOW_WORDS on
================ ====================== =====================================================

Only whole, aligned words are written; another write of a word is dropped and sets ERRORS. Every read
is answered: with zeros, and ERRORS set, where there is nothing to read.

IMAGE and SPIKES are streams: a word must be at the address behind the last one's. Place 0 of an
IMAGE buffer begins a picture, and the first word of SPIKES after PAGE was written may be anywhere.
A word in another order is dropped and sets ERRORS.

RUN while a program runs starts the next one behind its end; one can wait, and a stop takes it back.
Meanwhile and until the end of that one, the results of the run before are at registers BEFORE (registers.py).
"""

from __future__ import annotations

from enum import IntEnum

from volley.firmware.fields import Field

VENDOR_ID = 0x10EE  # of the hard block's maker
DEVICE_ID = 0x564F  # "VO"
CLASS_CODE = 0x120000  # processing accelerator

BAR_BYTES = 1 << 16
PLACE_BITS = 14
REGISTERS_PLACE = 0
CONTROL_PLACE = 0x1C00
WINDOW_PLACE = 0x2000
WINDOW_WORDS = 0x2000
WINDOW_SHIFT = WINDOW_WORDS.bit_length() - 1


class Control(IntEnum):
    """Control words, from CONTROL_PLACE on."""

    RUN = 0  # written: starts the program at this word of program memory; read: see RUN
    PAGE = 1  # bits 31..WINDOW_SHIFT of the addresses behind the window
    ERRORS = 2  # see ERRORS; writing any word clears all of it
    SESSION = 3  # the session's number, low 16 bits; register SESSION shows it with the results


RUN = {
    "running": Field(0, 0, 1),  # a program runs, or waits
    "waiting": Field(0, 1, 1),  # a program was started that waits for the end of the one that runs
}

PAGE = {"page": Field(0, 0, 32 - WINDOW_SHIFT)}

ERRORS = {
    "damaged": Field(0, 0, 8),  # packets dropped: poisoned, ECRC wrong, too long; stays at 255
    "partial_word": Field(0, 8, 1),  # a write of some bytes of a word
    "out_of_stream": Field(0, 9, 1),  # a word of IMAGE or SPIKES in another order
    "read_in_run": Field(0, 10, 1),  # a read of a memory while a program ran
    "bad_address": Field(0, 11, 1),  # nothing to read or write there
    "run_in_run": Field(0, 12, 1),  # RUN while one waited already
    "unsupported": Field(0, 13, 1),  # a request that is no read or write of the BAR
}


def control(word: Control) -> int:
    """The place of a control word in the BAR."""
    return CONTROL_PLACE + int(word)


def accesses(place: int, count: int) -> list[tuple[int, int]]:
    """(place, words) of the host's accesses for ``count`` words from a place on.

    Items of a CPU: 8 bytes where two words are aligned, else 4.
    """
    found, end = [], place + count
    while place < end:
        size = 2 if place % 2 == 0 and end - place >= 2 else 1
        found.append((place, size))
        place += size
    return found
