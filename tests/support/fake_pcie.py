"""BAR0 of a board in Python: the rules of firmware/pcie.py word by word, memories and runs by the
program simulator. And a folder that looks like sysfs with such boards in it.
"""

import numpy as np

from tests.support.fake_device import FakeBoard
from volley.firmware import registers
from volley.firmware.fields import pack, unpack
from volley.firmware.frames import SESSIONS
from volley.firmware.pcie import (
    BAR_BYTES,
    CONTROL_PLACE,
    DEVICE_ID,
    ERRORS,
    REGISTERS_PLACE,
    RUN,
    VENDOR_ID,
    WINDOW_PLACE,
    WINDOW_SHIFT,
    Control,
    accesses,
)
from volley.firmware.registers import IDENTITY_WORDS, REGION_SHIFT, Region, Register
from volley.host.pcie.bar import Bar

ONES = 0xFFFFFFFF
ENTRIES = 1 << 16  # a run starts below


class FakeBar(Bar):
    """A ``Bar`` before a ``FakeBoard``.

    gone: it reads all ones and takes nothing. events: ("store" or "load", place, words) of each access.
    errors: {field of ERRORS: value}.
    """

    def __init__(self, board=None, name="pcie:fake"):
        self.board, self.name = board or FakeBoard(), name
        self.gone = self.closed = False
        self.events = []
        self.reset()

    def reset(self):
        """What a reset of the link forgets."""
        self.page, self.follows, self.armed = 0, 0, False
        self.board.simulator.session = 0
        self.errors = dict.fromkeys(ERRORS, 0)
        self.columns = []  # of a spike word that is not complete
        self.waiting = None  # the entry of a run that waits for the end of the one before

    def close(self):
        self.closed = True

    def load_block(self, place, count):
        assert 0 <= place and 4 * (place + count) <= BAR_BYTES
        found = []
        for at, size in accesses(place, count):
            self.events.append(("load", at, size))
            found += [ONES if self.gone else self._load(at + k) & ONES for k in range(size)]
        return found

    def store_block(self, place, words):
        assert 0 <= place and 4 * (place + len(words)) <= BAR_BYTES
        for at, size in accesses(place, len(words)):
            self.events.append(("store", at, size))
            for k in range(at, at + size):
                if not self.gone:
                    self._store(k, int(words[k - place]))

    def _address(self, place):
        if place >= WINDOW_PLACE:
            return self.page << WINDOW_SHIFT | place - WINDOW_PLACE
        return place - REGISTERS_PLACE

    def _error(self, name):
        self.errors[name] = 1
        return 0

    def _advance(self):
        """Starts what waits, once nothing runs."""
        if self.waiting is not None and not self.board.running:
            entry, self.waiting = self.waiting, None
            self.board.start(entry)

    def _load(self, place):
        self._advance()
        if CONTROL_PLACE <= place < WINDOW_PLACE:
            if place == CONTROL_PLACE + Control.RUN:
                waiting = self.waiting is not None
                state = {"running": self.board.running or waiting, "waiting": waiting}
                return pack(RUN, state, 1, "RUN")[0]
            if place == CONTROL_PLACE + Control.PAGE:
                return self.page
            if place == CONTROL_PLACE + Control.SESSION:
                return self.board.simulator.session
            if place == CONTROL_PLACE + Control.ERRORS:
                return pack(ERRORS, self.errors, 1, "ERRORS")[0]
            return self._error("bad_address")
        address = self._address(place)
        region = address >> REGION_SHIFT
        if region > Region.SPIKES:
            return self._error("bad_address")
        if region != Region.REGISTERS and self.board.running:
            return self._error("read_in_run")
        if address < IDENTITY_WORDS:
            return self.board.identity.get(address, 0)
        words = self.board.simulator.read(address, 1)
        return words[0] if words else self._error("bad_address")

    def _store(self, place, word):
        self._advance()
        if CONTROL_PLACE <= place < WINDOW_PLACE:
            self._control(place - CONTROL_PLACE, word)
            return
        address = self._address(place)
        region = address >> REGION_SHIFT
        if region > Region.IMAGE:
            self._error("bad_address")
            return
        if region in (Region.IMAGE, Region.SPIKES):
            first = region == Region.IMAGE and address % (1 << registers.IMAGE_BUFFER_SHIFT) == 0
            anywhere = region == Region.SPIKES and self.armed
            if not (first or anywhere or address == self.follows):
                self._error("out_of_stream")
                return
            self.follows, self.armed = address + 1, False
        if address == Register.CONTROL:
            self.board.ends, self.waiting = 0.0, None
        if region == Region.SPIKES:
            self._spikes(address, word)
        else:
            self.board.simulator.write(address, [word])

    def _spikes(self, address, word):
        columns = self.board.design.spike_columns
        if address % columns == 0:
            self.columns = []
        self.columns.append(word)
        if address % columns == columns - 1 and len(self.columns) == columns:
            self.board.simulator.write(address - columns + 1, self.columns)

    def _control(self, word, value):
        if word == Control.PAGE:
            self.page, self.armed = value, True
        elif word == Control.SESSION:
            self.board.simulator.session = value % SESSIONS
        elif word == Control.ERRORS:
            self.errors = dict.fromkeys(ERRORS, 0)
        elif word != Control.RUN:
            self._error("bad_address")
        elif self.waiting is not None:
            self._error("run_in_run")
        elif value >= ENTRIES:
            self._error("bad_address")
        else:
            self.waiting = value
            self._advance()

    def set_errors(self, word):
        """ERRORS as the hardware would have it."""
        self.errors = unpack(ERRORS, [word])


def add_device(
    root, address="0000:03:00.0", ids=(VENDOR_ID, DEVICE_ID), driver="", words=(), **files
):
    """A device in the folder ``root`` as in /sys/bus/pci/devices; returns its folder.

    words: of BAR0 from place 0 on. files: name: content beside or instead of the usual ones.
    """
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    content = {"vendor": f"{ids[0]:#06x}\n", "device": f"{ids[1]:#06x}\n", "enable": "1\n", **files}
    for name, text in content.items():
        (folder / name).write_text(text)
    data = np.asarray(words, "<u4").tobytes()
    (folder / "resource0").write_bytes(data + bytes(BAR_BYTES - len(data)))
    if driver:
        target = root / "sys/bus/pci/drivers" / driver
        target.mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(target)
    return folder


def identity_of(board=None):
    """The identity words of a ``FakeBoard``."""
    board = board or FakeBoard()
    return [board.identity.get(k, 0) for k in range(IDENTITY_WORDS)]
