"""A pseudo-terminal between host and board that damages what passes, and can exchange the board."""

import os
import pty
import select
import threading
import tty

import serial

TO_BOARD, TO_HOST = "to board", "to host"
FAULTS = ("flip", "drop", "double")


class Proxy:
    """Forwards bytes between its own port ``path`` and the port ``target``; a context manager.

    arm(): which byte of the next session is damaged, and how. counts: bytes since then, by
    direction. hit: whether the byte came by. noise: a function of bytes for each direction, which
    changes all that passes. swap(): the port of another board from now on; swap_after: (frames to
    the board from now on, function that gives that port), or None.
    """

    def __init__(self, target, baud):
        self._baud = baud
        self._board = serial.Serial(target, baud, timeout=0, exclusive=False)
        self.noise = {TO_BOARD: bytes, TO_HOST: bytes}
        self.swap_after = None
        self._host, self._kept = pty.openpty()
        tty.setraw(self._host)
        tty.setraw(self._kept)
        self.path = os.ttyname(self._kept)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.arm()

    def arm(self, direction=None, place=0, fault=None, bit=0):
        """Byte number ``place`` in a direction is flipped in ``bit``, dropped, or doubled."""
        with self._lock:
            self._fault = (direction, place, fault, bit)
            self.counts = {TO_BOARD: 0, TO_HOST: 0}
            self.hit = False

    def swap(self, target):
        """The board at another port from now on; what was on its way from the old one is gone."""
        old, self._board = (
            self._board,
            serial.Serial(target, self._baud, timeout=0, exclusive=False),
        )
        old.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self._thread.join()
        self._board.close()
        os.close(self._kept)
        os.close(self._host)

    def _serve(self):
        while not self._ended.is_set():
            board = self._board.fileno()
            ready = select.select([self._host, board], [], [], 0.02)[0]
            if self._host in ready:
                data = self._spoil(TO_BOARD, os.read(self._host, 4096))
                self._board.write(self.noise[TO_BOARD](data))
                if self._swap_is_due(data):
                    continue
            if board in ready:
                data = self.noise[TO_HOST](self._spoil(TO_HOST, os.read(board, 4096)))
                while data:
                    data = data[os.write(self._host, data) :]

    def _swap_is_due(self, data):
        if self.swap_after is None:
            return False
        left, other = self.swap_after
        left -= data.count(0)
        self.swap_after = (left, other) if left > 0 else None
        if left <= 0:
            self.swap(other())
        return left <= 0

    def _spoil(self, direction, data):
        with self._lock:
            wanted, place, fault, bit = self._fault
            here = place - self.counts[direction]
            self.counts[direction] += len(data)
            if direction != wanted or not 0 <= here < len(data):
                return data
            self.hit = True
            byte = data[here : here + 1]
            spoilt = {"flip": bytes([byte[0] ^ 1 << bit]), "drop": b"", "double": 2 * byte}[fault]
            return data[:here] + spoilt + data[here + 1 :]
